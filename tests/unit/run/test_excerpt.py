"""What a run tells of itself: that it starts, and what a job that failed said last."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

from huracan.context import Context
from huracan.run.pipeline import goes_on, tell_of_failure, tell_of_start
from huracan.store import RunState
from huracan.types import Job

AS_OF = datetime(2026, 11, 21, 2, tzinfo=UTC)
JOBS = [Job("train", "m:f", "trains"), Job("roster", "m:f", "crowns")]


def line(job: str, message: str, run: str = "nightly-20261121-1", **more: str) -> str:
    value = {"time": "2026-11-21T02:10:00.000Z", "level": "error", "message": message, "run": run, "job": job, **more}
    return json.dumps(value)


def test_a_failed_job_comes_with_its_own_last_lines(make_context: Callable[..., Context]) -> None:
    context = make_context(plugins=(), as_of=AS_OF)
    context.paths.logs.mkdir(parents=True, exist_ok=True)
    said = ["cut off", "[1]", line("train", "no data", exception="Traceback\nKeyError"), line("roster", "not mine")]
    said += [line("train", "another night", run="nightly-20261120-1")]
    (context.paths.logs / "huracan.jsonl").write_text("\n".join(said) + "\n")
    tell_of_failure(context, "train", "no data")
    [event] = context.store.events.recent()
    assert (event.kind, event.title) == ("job.failed", "train failed: no data")
    assert event.fields["log"] == "runs/20261121Z/log-train.txt"
    text = (context.paths.workspace / event.fields["log"]).read_text()
    assert text == "2026-11-21T02:10:00.000Z error   no data\nTraceback\nKeyError\n"


def test_a_job_that_said_nothing_is_told_without_a_file(make_context: Callable[..., Context]) -> None:
    context = make_context(plugins=(), as_of=AS_OF)
    tell_of_failure(context, "train", "was killed")
    [event] = context.store.events.recent()
    assert event.fields["log"] is None


def test_a_run_says_that_it_starts_and_that_it_goes_on(make_context: Callable[..., Context]) -> None:
    context = make_context(plugins=(), as_of=AS_OF)
    tell_of_start(context, JOBS, again=goes_on(context, JOBS))
    run = context.current_run
    context.store.ledger.begin_job(run.run_id, "train", AS_OF)
    context.store.ledger.end_job(
        run.run_id, "train", RunState.INTERRUPTED, AS_OF, exit_code=75, summary="", error="", seconds=1.0
    )  # fmt: skip
    tell_of_start(context, JOBS, again=goes_on(context, JOBS))
    again, starts = context.store.events.recent()
    assert (starts.title, again.title) == ("nightly 2026-11-21 starts", "nightly 2026-11-21 goes on")
    assert (starts.fields["total"], starts.fields["pipeline"]) == (2, "nightly")
