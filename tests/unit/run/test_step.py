"""`huracan job NAME --unit`: the steps of a chain that nobody leads, started as systemd would start them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from huracan.run.heartbeat import NotifyListener
from huracan.run.lock import run_lock
from huracan.run.tickets import count_try, issue_ticket, take_ticket
from huracan.store import Store

TIMERS = {"schedule": {"scheduler": "timers", "pipelines": {"nightly": "00:00"}}}

CHAIN = """
@hookimpl
def huracan_jobs():
    return [
        Job("one", "toy:one", "", retries=1, retry_delay=0.01),
        Job("two", "toy:two", "", after=("one",), retries=1),
        Job("three", "toy:three", "", after=("two",), always=True),
    ]

def one(context):
    n = count("one")
    mode = (HERE / "one.mode").read_text() if (HERE / "one.mode").exists() else ""
    if mode == "raise":
        raise ValueError("one is broken")
    if mode == "data":
        raise DataError("a file", "is damaged")
    if mode == "kill":
        os.kill(os.getpid(), 9)
    if mode == "wait":
        while True:
            time.sleep(0.05)
            context.progress.step("waiting")
    return JobResult(summary=f"one for the {n}th time")

def two(context):
    count("two")
    return JobResult(Outcome.PARTLY_FAILED, "most of it", ("one part failed",))

def three(context):
    count("three")
    return JobResult()
"""


def step(program: Any, name: str) -> int:
    """Start a unit's process and return its exit code."""
    code: int = program.run("job", name, "--unit").returncode
    return code


def state(program: Any) -> dict[str, str]:
    [file] = program.workspace.glob("runs/*/status.json")
    value = json.loads(file.read_text())
    return {"run": value["run"]["state"], **{job["job"]: job["state"] for job in value["jobs"]}}


def mode(program: Any, text: str) -> None:
    (program.folder / "one.mode").write_text(text)


def test_a_chain_makes_one_run_and_the_last_step_ends_it(make_program: Callable[..., Any]) -> None:
    program = make_program(CHAIN, **TIMERS)
    assert [step(program, name) for name in ("one", "two", "three")] == [0, 3, 0]
    assert state(program) == {"run": "partly-failed", "one": "done", "two": "partly-failed", "three": "done"}
    assert [step(program, name) for name in ("one", "two", "three")] == [4, 4, 4]
    assert [program.count(name) for name in ("one", "two", "three")] == [1, 1, 1]


def test_a_step_that_comes_before_its_turn_does_nothing(make_program: Callable[..., Any]) -> None:
    program = make_program(CHAIN, **TIMERS)
    assert step(program, "two") == 4
    assert program.count("two") == 0
    assert not (program.workspace / "runs").exists()


def test_a_step_with_nothing_to_do_says_ready_first_or_systemd_would_count_it_as_failed(
    make_program: Callable[..., Any],
) -> None:
    program = make_program(CHAIN, **TIMERS)
    with NotifyListener() as listener:
        done = program.run("job", "two", "--unit", NOTIFY_SOCKET=listener.address)
        heard = listener.receive(1)
    assert done.returncode == 4
    assert heard is not None
    assert heard.ready


def test_a_paused_schedule_begins_no_run_and_goes_on_when_it_is_resumed(make_program: Callable[..., Any]) -> None:
    program = make_program(CHAIN, **TIMERS)
    program.run("pause", "moving house")
    assert step(program, "one") == 4
    assert program.count("one") == 0
    program.run("resume", "schedule")
    assert step(program, "one") == 0


def test_a_failing_step_is_tried_as_often_as_declared_and_then_given_up(make_program: Callable[..., Any]) -> None:
    program = make_program(CHAIN, **TIMERS)
    mode(program, "raise")
    assert step(program, "one") == 1  # systemd starts it again
    assert step(program, "one") == 70  # and now it does not
    assert step(program, "two") == 4
    assert step(program, "three") == 0
    assert state(program) == {"run": "failed", "one": "failed", "two": "skipped", "three": "done"}
    assert program.count("one") == 2


def test_a_step_that_systemd_starts_while_one_before_it_is_tried_again_waits_for_its_end(
    make_program: Callable[..., Any],
) -> None:
    program = make_program(CHAIN, **TIMERS)
    mode(program, "kill")
    assert step(program, "one") == -9
    with NotifyListener() as listener:
        process = program.start("job", "two", "--unit", NOTIFY_SOCKET=listener.address)
        while (heard := listener.receive(30)) is not None and "tried again" not in (heard.status or ""):
            pass
        assert heard is not None, "it does not wait, and systemd starts it no second time while it is active"
        mode(program, "")
        assert step(program, "one") == 0
        assert process.wait(60) == 3
    assert step(program, "three") == 0
    assert state(program) == {"run": "partly-failed", "one": "done", "two": "partly-failed", "three": "done"}


def test_a_step_waits_for_no_retry_of_an_earlier_boot(make_program: Callable[..., Any]) -> None:
    program = make_program(CHAIN, **TIMERS)
    mode(program, "kill")
    assert step(program, "one") == -9
    [tries] = program.workspace.glob("state/units/one.tries.json")
    tries.write_text(json.dumps({**json.loads(tries.read_text()), "boot": "another"}))
    assert step(program, "two") == 4
    assert program.count("two") == 0


def test_data_that_is_damaged_is_no_success_for_systemd_and_not_tried_again(make_program: Callable[..., Any]) -> None:
    program = make_program(CHAIN, **TIMERS)
    mode(program, "data")
    assert step(program, "one") == 70
    assert state(program)["one"] == "failed"


def test_a_step_that_is_killed_each_time_is_given_up_and_the_ledger_says_so(make_program: Callable[..., Any]) -> None:
    program = make_program(CHAIN, **TIMERS)
    mode(program, "kill")
    assert step(program, "one") == -9
    assert step(program, "one") == -9
    assert step(program, "one") == 70
    assert program.count("one") == 2
    assert state(program)["one"] == "failed"
    assert [step(program, name) for name in ("two", "three")] == [4, 0]
    assert state(program)["run"] == "failed"


def test_the_next_night_goes_on_with_what_failed(make_program: Callable[..., Any]) -> None:
    program = make_program(CHAIN, **TIMERS)
    mode(program, "data")
    for name in ("one", "two", "three"):
        step(program, name)
    mode(program, "")
    assert [step(program, name) for name in ("one", "two", "three")] == [0, 3, 0]
    assert state(program) == {"run": "partly-failed", "one": "done", "two": "partly-failed", "three": "done"}


def test_sigterm_interrupts_the_chain_and_the_next_start_goes_on(make_program: Callable[..., Any]) -> None:
    program = make_program(CHAIN, **TIMERS)
    mode(program, "wait")
    process = program.start("job", "one", "--unit")
    program.wait_for("one")
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 130
    assert [step(program, name) for name in ("two", "three")] == [4, 4]
    mode(program, "")
    assert [step(program, name) for name in ("one", "two", "three")] == [0, 3, 0]


def test_a_job_that_a_person_starts_where_the_daemon_schedules_is_a_run_of_its_own(
    make_program: Callable[..., Any],
) -> None:
    program = make_program(CHAIN)
    assert step(program, "three") == 0
    assert state(program) == {"run": "done", "three": "done"}


def test_with_a_ticket_it_works_for_the_run_that_the_ticket_names(make_program: Callable[..., Any]) -> None:
    program = make_program(CHAIN)
    assert program.run("run", "one").returncode == 0
    [file] = program.workspace.glob("runs/*/status.json")
    run_id = json.loads(file.read_text())["run"]["run_id"]
    issue_ticket(program.workspace / "state", "two", run_id)
    assert step(program, "two") == 3
    assert not list((program.workspace / "state" / "units").glob("two.ticket.json"))


def open_run(program: Any, pipeline: str) -> str:
    """Begin a run in the program's ledger and leave it open."""
    with Store.open(f"sqlite:///{program.workspace / 'huracan.db'}", None) as store:
        now = datetime.now(UTC)
        return store.ledger.begin_run(pipeline, now.date(), now, now).run_id


def test_a_unit_that_waits_for_a_run_works_for_it_when_its_leader_asks(make_program: Callable[..., Any]) -> None:
    program = make_program(CHAIN)
    run_id = open_run(program, "nightly")
    state = program.workspace / "state"
    with run_lock(state, "huracan run nightly", datetime.now(UTC)):
        process = program.start("job", "two", "--unit")
        deadline = time.monotonic() + 30
        while "two waits" not in (program.folder / "stderr").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        issue_ticket(state, "two", run_id)
        assert process.wait(60) == 3
    assert program.count("two") == 1


def test_a_ticket_of_a_run_that_ended_or_of_another_boot_counts_for_nothing(
    make_program: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = make_program(CHAIN)
    assert program.run("run", "one").returncode == 0
    state = program.workspace / "state"
    issue_ticket(state, "one", open_run(program, "one"))
    assert step(program, "one") == 4
    assert program.count("one") == 1
    monkeypatch.setattr("huracan.run.tickets._BOOT_ID", tmp_path / "none")
    issue_ticket(state, "two", "nightly-20200101-1")
    monkeypatch.undo()
    assert take_ticket(state, "two") is None


def test_a_stop_is_no_attempt(make_program: Callable[..., Any]) -> None:
    program = make_program(CHAIN.replace("retries=1, retry_delay=0.01", "retries=0"), **TIMERS)
    mode(program, "wait")
    for times in (1, 2):
        process = program.start("job", "one", "--unit")
        program.wait_for("one", times=times)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 130
    mode(program, "")
    assert step(program, "one") == 0


def test_a_job_that_a_person_starts_and_that_fails_is_told_of_at_once(make_program: Callable[..., Any]) -> None:
    program = make_program(CHAIN)
    mode(program, "raise")
    assert step(program, "one") == 70
    assert state(program) == {"run": "failed", "one": "failed"}
    assert "one (plugin toy) failed: ValueError: one is broken" in program.run("job", "one", "--unit").stderr


@pytest.mark.usefixtures("make_program")
def test_tries_are_counted_by_run_and_begin_anew_after_a_boot(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [count_try(tmp_path, "a", "r1") for _ in range(3)] == [1, 2, 3]
    assert count_try(tmp_path, "a", "r2") == 1
    other = tmp_path / "boot"
    other.write_text("another boot\n")
    monkeypatch.setattr("huracan.run.tickets._BOOT_ID", other)
    assert count_try(tmp_path, "a", "r2") == 1
    assert take_ticket(tmp_path, "a") is None
    assert [file.name for file in (tmp_path / "units").iterdir()] == ["a.tries.json"]


KILLED = """
import os, sys
from huracan.run import step
from huracan.store.ledger import Ledger
def dies(*_, **__):
    os.kill(os.getpid(), 9)
real = Ledger.end_run
def ends_and_dies(*arguments, **named):
    real(*arguments, **named)
    dies()
if sys.argv.pop(1) == "before":
    step.end_run = dies
else:
    Ledger.end_run = ends_and_dies
from huracan.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_around_the_end_of_the_run_loses_neither_the_end_nor_its_event(
    when: str, make_program: Callable[..., Any]
) -> None:
    program = make_program(CHAIN, **TIMERS)
    assert [step(program, name) for name in ("one", "two")] == [0, 3]
    command = [sys.executable, "-c", KILLED, when, *program.command("job", "three", "--unit")[3:]]
    killed = subprocess.run(command, env=program.environment(), capture_output=True, text=True, check=False, timeout=60)
    assert killed.returncode == -9, killed.stderr
    assert step(program, "three") == 4  # systemd starts again what was killed
    assert program.count("three") == 1
    with Store.open(f"sqlite:///{program.workspace / 'huracan.db'}", None) as store:
        assert [event.kind for event in store.events.recent()].count("run.ended") == 1
        assert [run.state for run in store.ledger.runs()] == ["partly-failed"]
