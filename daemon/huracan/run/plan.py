"""What a run is asked to do, what of it is left, and what its end means. Everything here only looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from huracan.errors import ExitCode
from huracan.store import FINISHED, JobRow, RunRow, RunState

if TYPE_CHECKING:
    from huracan.context import Context
    from huracan.types import Job

__all__ = [
    "GIVEN_UP_CODE",
    "INTERRUPTED_CODE",
    "Request",
    "Step",
    "exit_code_of",
    "left_to_do",
    "plan",
    "state_of",
    "summary_of",
]

INTERRUPTED_CODE = 130
"""Exit code of a run that was stopped by Ctrl-C or SIGTERM, as shells expect it."""

GIVEN_UP_CODE = 70
"""Exit code of a job that has used up its attempts, as a unit of a chain: systemd does not start it again."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be run. ``as_of`` is what a person asked for; ``fallback`` holds where neither they nor an earlier
    start of the same run date say anything. The run date is the UTC date of the instant."""

    name: str
    fallback: datetime
    as_of: datetime | None = None
    force: bool = False

    @property
    def run_date(self) -> date:
        return (self.as_of or self.fallback).date()


@dataclass(frozen=True, slots=True)
class Step:
    """What would become of a job if the run were started: whether it ``runs``, and why."""

    job: str
    runs: bool
    why: str


def left_to_do(job: Job, known: JobRow | None, worked: frozenset[str]) -> bool:
    """Say whether a job must run: it has not ended well yet, or a job before it has just worked (``worked``)."""
    return known is None or known.state not in FINISHED or not worked.isdisjoint(job.after)


def plan(context: Context, request: Request, jobs: Sequence[Job]) -> tuple[list[Step], RunRow | None]:
    """Say what a start would do, from the ledger alone; also return the run's row if there is one."""
    ledger = context.store.ledger
    row = ledger.run(request.name, request.run_date)
    steps: list[Step] = []
    for job in jobs:
        known = ledger.job(job.name, request.run_date)
        worked = frozenset(step.job for step in steps if step.runs)
        if not request.force and not left_to_do(job, known, worked):
            steps.append(Step(job.name, False, _already(known)))
        else:
            steps.append(Step(job.name, True, _why(job, known, worked, request.force)))
    return steps, row


def exit_code_of(jobs: Sequence[JobRow]) -> int:
    """Make one exit code out of how the jobs ended.

    130 where one was interrupted; 0 where all are done (4 where none had anything to do); 3 where one failed in part,
    or failed while others did their work; where none did its work, what the first that failed said: 2 usage or
    settings, 75 try again later, and 1 for all else.
    """
    states = {row.state for row in jobs}
    if states & {RunState.INTERRUPTED, RunState.RUNNING}:
        return INTERRUPTED_CODE
    if states == {RunState.NOTHING_TO_DO}:
        return int(ExitCode.NOTHING_TO_DO)
    if states <= {RunState.DONE, RunState.NOTHING_TO_DO}:
        return int(ExitCode.DONE)
    if states & {RunState.DONE, RunState.PARTLY_FAILED}:
        return int(ExitCode.PARTLY_FAILED)
    first = next((row.exit_code for row in jobs if row.state is RunState.FAILED), None)
    return first if first in (ExitCode.USAGE, ExitCode.TRY_AGAIN) else int(ExitCode.BUG)


def state_of(jobs: Sequence[JobRow]) -> RunState:
    """Return the state of a run whose jobs ended so; one with a failed job is failed, and the next start goes on."""
    states = {row.state for row in jobs}
    if states & {RunState.INTERRUPTED, RunState.RUNNING}:
        return RunState.INTERRUPTED
    if states & {RunState.FAILED, RunState.SKIPPED}:
        return RunState.FAILED
    if RunState.PARTLY_FAILED in states:
        return RunState.PARTLY_FAILED
    return RunState.NOTHING_TO_DO if states == {RunState.NOTHING_TO_DO} else RunState.DONE


def summary_of(jobs: Sequence[JobRow]) -> str:
    """Say in one line how many jobs ended how, and what the first that failed says."""
    counts: dict[str, int] = {}
    for row in jobs:
        counts[str(row.state)] = counts.get(str(row.state), 0) + 1
    text = ", ".join(f"{number} {_words(state, number)}" for state, number in counts.items())
    failed = next((row for row in jobs if row.state is RunState.FAILED), None)
    return text if failed is None else f"{text}; {failed.job}: {failed.error.partition(chr(10))[0]}"


def _words(state: str, number: int) -> str:
    return f"{'job' if number == 1 else 'jobs'} {state.replace('-', ' ')}"


def _already(known: JobRow | None) -> str:
    if known is None:
        return "not run yet"
    return f"already {known.state}" + (f": {known.summary.partition(chr(10))[0]}" if known.summary else "")


def _why(job: Job, known: JobRow | None, worked: frozenset[str], force: bool) -> str:
    if known is None:
        return "not run yet"
    if force:
        return f"forced, though {known.state}"
    if known.state in FINISHED:
        return f"again, because {', '.join(sorted(worked.intersection(job.after)))} runs before it"
    return f"was {known.state}" + (f": {known.error.partition(chr(10))[0]}" if known.error else "")
