"""How a run is led, by a supervisor that starts nothing: what is on disk when a job is asked for, and after it."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from huracan import hookimpl
from huracan.context import Context
from huracan.errors import StoreAwayError, TryAgainError
from huracan.run import lock
from huracan.run.lock import is_held, job_is_at_work, job_lock, run_lock
from huracan.run.pipeline import Machinery, RunResult, run_pipeline
from huracan.run.plan import Request
from huracan.run.status import write_status
from huracan.run.tickets import issue_ticket, take_ticket
from huracan.store import RunState
from huracan.supervise.base import Child, Exit, ExitReason, StopSwitch
from huracan.testing import stand_in
from huracan.types import Job

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
JOBS = [Job("first", "toy:first", ""), Job("second", "toy:second", "", after=("first",))]


@dataclass
class Supervisor:
    """Does a job's work in the ledger, and notes what a look shows as it is asked for, and once it began."""

    context: Context
    look: Callable[[], Any]
    seen: list[Any] = field(default_factory=list)
    refuses: bool = False
    adopts: bool = False

    def run(self, child: Child, watcher: Any, stop: StopSwitch) -> Exit:
        self.seen.append(self.look())
        if self.refuses:
            raise TryAgainError("systemd stays away")
        ledger, run_id = self.context.store.ledger, f"nightly-{NOON:%Y%m%d}-1"
        if not self.adopts:
            ledger.begin_job(run_id, child.unit, NOON)
        watcher.begun()
        self.seen.append(self.look())
        ledger.end_job(run_id, child.unit, RunState.DONE, NOON, exit_code=0)
        return Exit(ExitReason.EXITED, 0, 1.0, adopted=self.adopts)


class Display:
    def __init__(self) -> None:
        self.said: list[str] = []

    def job_started(self, job: str, attempt: int) -> None:
        self.said.append(f"{job} {attempt}")

    def progressed(self, event: object) -> None: ...

    def line(self, text: str) -> None: ...

    def job_ended(self, job: str, state: str, seconds: float, summary: str) -> None:
        self.said.append(f"{job} {state}")


@pytest.fixture
def context(make_context: Callable[..., Context]) -> Context:
    return make_context(plugins=(), extra=[stand_in("toy", huracan_jobs=hookimpl(lambda: JOBS))])


def told(context: Context) -> list[str]:
    return [event.title for event in reversed(context.store.events.recent()) if event.kind == "run.started"]


def shown(context: Context) -> bool:
    return context.paths.status_file(NOON.date()).exists()


def lead(context: Context, supervisor: Supervisor, display: Display | None = None) -> RunResult:
    def child(job: Job, run_id: str) -> Child:
        issue_ticket(context.paths.state, job.name, run_id)
        return Child((), {}, unit=job.name)

    stop = StopSwitch()
    machinery = Machinery(
        supervisor, child, stop, display or Display(), lambda _: None, random.Random(1), supervisor.adopts
    )
    try:
        return run_pipeline(context, Request("nightly", NOON), JOBS, machinery)
    finally:
        stop.close()


def test_a_job_is_asked_for_before_the_run_is_shown_and_told(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[int] = []
    right = os.fsync

    def counting(handle: int) -> None:
        flushed.append(handle)
        right(handle)

    monkeypatch.setattr(os, "fsync", counting)
    supervisor = Supervisor(context, lambda: (len(flushed) > 0, shown(context), told(context)))
    display = Display()
    assert lead(context, supervisor, display).exit_code == 0
    before, began, *_ = supervisor.seen
    # All that was flushed before the job was asked for is the run's row in the ledger.
    assert before == (False, False, [])
    assert began == (True, True, ["nightly 2026-03-05 starts"])
    assert told(context) == ["nightly 2026-03-05 starts"]
    assert display.said == ["first 1", "first done", "second 1", "second done"]


def test_a_kill_between_the_request_and_the_telling_is_made_good_by_the_next_start(context: Context) -> None:
    ledger = context.store.ledger
    run = ledger.begin_run("nightly", NOON.date(), NOON, NOON)
    ledger.begin_job(run.run_id, "first", NOON)  # it is at work, and nobody was told
    supervisor = Supervisor(context, lambda: told(context), adopts=True)
    lead(context, supervisor)
    assert told(context) == ["nightly 2026-03-05 goes on"]
    assert supervisor.seen[:2] == [[], ["nightly 2026-03-05 goes on"]]


def test_a_run_whose_jobs_were_all_done_while_nobody_led_it_is_told_and_ended(context: Context) -> None:
    ledger = context.store.ledger
    run = ledger.begin_run("nightly", NOON.date(), NOON, NOON)
    for job in JOBS:
        ledger.begin_job(run.run_id, job.name, NOON)
        ledger.end_job(run.run_id, job.name, RunState.DONE, NOON, exit_code=0)
    supervisor = Supervisor(context, lambda: None)
    assert lead(context, supervisor).run.state is RunState.DONE
    assert supervisor.seen == []
    kinds = [event.kind for event in reversed(context.store.events.recent())]
    assert kinds == ["run.started", "run.ended"]


def test_a_job_that_could_not_even_be_asked_for_leaves_a_run_that_was_told(context: Context) -> None:
    with pytest.raises(TryAgainError):
        lead(context, Supervisor(context, lambda: None, refuses=True))
    assert told(context) == ["nightly 2026-03-05 starts"]
    assert shown(context)


def test_a_status_that_cannot_be_written_yet_does_not_leave_the_job_alone(
    context: Context, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    left = [StoreAwayError("the database is away")]

    def away_once(context: Context) -> None:
        if left:
            raise left.pop()
        write_status(context)

    monkeypatch.setattr("huracan.run.pipeline.write_status", away_once)
    assert lead(context, Supervisor(context, lambda: None)).exit_code == 0
    assert told(context) == ["nightly 2026-03-05 starts"]
    assert "cannot be written yet" in caplog.text
    assert shown(context)


def test_a_ticket_that_a_power_cut_left_empty_is_void(tmp_path: Path) -> None:
    issue_ticket(tmp_path, "first", "nightly-20260305-1")
    [file] = (tmp_path / "units").iterdir()
    file.write_bytes(b"")
    assert take_ticket(tmp_path, "first") is None
    assert not file.exists()


# ------------------------------------------------------------------------------------------------------------ the lock


def test_a_lock_is_told_from_one_on_a_file_of_the_same_number_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state"
    assert not is_held(state / "run.lock")
    with run_lock(state, "huracan run nightly", NOON):
        assert is_held(state / "run.lock")
        [mine] = [
            line for line in lock.LOCKS.read_text("ascii").splitlines()
            if line.split()[5].endswith(f":{(state / 'run.lock').stat().st_ino}") and f" {os.getpid()} " in line
        ]  # fmt: skip
    assert not is_held(state / "run.lock")
    listing = tmp_path / "locks"
    monkeypatch.setattr(lock, "LOCKS", listing)
    where = mine.split()[5]
    elsewhere = f"ff:7f:{where.rpartition(':')[2]}"
    for line, held in (
        (mine, True), (mine.replace(where, elsewhere), False), (mine.replace("FLOCK", "-> FLOCK"), False)
    ):  # fmt: skip
        listing.write_text(f"{line}\n")
        assert is_held(state / "run.lock") is held
    # Where the mount cannot be found, the number has to do.
    monkeypatch.setattr(lock, "_device", lambda handle: None)
    listing.write_text(mine.replace(where, elsewhere) + "\n")
    assert is_held(state / "run.lock")


def test_a_ledger_knows_whether_there_was_a_run_before(context: Context) -> None:
    ledger = context.store.ledger
    ledger.begin_run("nightly", date(2026, 3, 5), NOON, NOON)
    assert ledger.knows_earlier("nightly", date(2026, 3, 6))
    assert not ledger.knows_earlier("nightly", date(2026, 3, 5))
    assert not ledger.knows_earlier("other", date(2026, 3, 6))


def test_whether_a_job_is_at_work_is_known_and_disturbs_nobody(tmp_path: Path) -> None:
    state = tmp_path / "work" / "state"
    assert not job_is_at_work(state)
    with job_lock(state):
        assert job_is_at_work(state)
        assert is_held(state / "job.lock")
    assert not job_is_at_work(state)
    assert not is_held(state / "job.lock")
    with job_lock(state):  # whoever asked has let go of it
        assert is_held(state / "job.lock")
