"""Works on one job of a pipeline as a unit of systemd: a step of a chain that timers start, or one started by hand.

Nobody leads such a chain. Each step finds in the ledger what came before, works if it is its turn, and the last one
ends the run. systemd starts the next whatever comes of a step, and the same again where it was killed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from huracan.due import ON_TIME, due_at, latest_due, parse_times
from huracan.errors import ExitCode, LockedError, UsageError
from huracan.paths import sweep_temporary
from huracan.run.graph import jobs_to_run
from huracan.run.heartbeat import WAITING, NotifyProgress
from huracan.run.lock import run_lock
from huracan.run.pipeline import (
    NOT_TRIED_AGAIN,
    begin_run,
    end_run,
    failed_before,
    goes_on,
    leave_out,
    tell_of_failure,
    tell_of_start,
)
from huracan.run.plan import GIVEN_UP_CODE, INTERRUPTED_CODE, Request, left_to_do
from huracan.run.runner import run_job
from huracan.run.status import write_status
from huracan.run.tickets import count_try, forget_tries, is_being_tried, take_ticket
from huracan.store import FINISHED, JobRow, RunState
from huracan.trading import schedule_pause
from huracan.types import Severity

if TYPE_CHECKING:
    from huracan.context import Context
    from huracan.types import Job

__all__ = ["run_as_unit"]

_SETTLED = FINISHED | {RunState.FAILED, RunState.SKIPPED}
_PATIENCE = 6 * 3600.0
"""Seconds that a step waits for another run to leave the workspace."""
_LOOK_AGAIN = 2.0


def run_as_unit(context: Context, name: str, progress: NotifyProgress) -> int:
    """Work on job ``name`` as a unit and return its exit code.

    Codes: those of :func:`huracan.run.runner.run_job`, but 70 where the job failed for good, 130 after SIGTERM, and 4
    where it is not its turn. Raises UsageError for an unknown job, LockedError where another run holds the workspace
    for hours.
    """
    declared = context.plugins.jobs()
    if name not in declared:
        raise UsageError(f"there is no job {name!r}; known are: {', '.join(declared) or 'none'}")
    if (code := _with_ticket(context, name, progress)) is not None:
        return code
    by_timers = context.settings.core.schedule.scheduler == "timers"
    pipeline = declared[name].pipeline if by_timers else name
    jobs = jobs_to_run(pipeline, context.plugins, context.settings)
    if not by_timers:
        jobs = [replace(job, retries=0) for job in jobs]  # nobody starts it again
    if _is_done(context, pipeline, jobs, name):
        return _nothing(progress)  # without waiting for the step that is at work
    _wait_for_retries(context, pipeline, jobs, name, progress)
    with ExitStack() as stack:
        if (code := _wait_to_enter(stack, context, declared[name], progress)) is not None:
            return code
        sweep_temporary(context.paths.workspace, partial(_tidies, progress, name))
        return _step(context, pipeline, jobs, name, progress)


def _wait_to_enter(stack: ExitStack, context: Context, job: Job, progress: NotifyProgress) -> int | None:
    """Take the workspace for this step once nobody else has it; the exit code where its work was done meanwhile, for
    whoever leads the run that holds the workspace may come to this very job, and find it waiting here."""
    told = False
    give_up = time.monotonic() + _PATIENCE
    while not _enter(stack, context, job.name):
        if told:
            progress.extend(job.time_limit)
        if (code := _with_ticket(context, job.name, progress)) is not None:
            return code
        if time.monotonic() > give_up:
            raise LockedError(f"{context.paths.workspace}: another run has held it for {_PATIENCE / 3600:.0f} h")
        if not told:
            title = f"{job.name} waits: another run holds the workspace (`huracan status` says which)"
            context.emit("schedule.overlap", Severity.WARNING, title)
        told = True
        progress.wait(f"{job.name}: waits for another run", _LOOK_AGAIN)
    if told:
        progress.extend(job.time_limit)
    return None


def _tidies(progress: NotifyProgress, name: str) -> None:
    """Give a sign of life, also to a unit that has not said READY yet."""
    progress.extend(WAITING)
    progress.step(f"{name}: tidies up")


def _wait_for_retries(
    context: Context, pipeline: str, jobs: Sequence[Job], name: str, progress: NotifyProgress
) -> None:
    """Wait while a job before this one is tried again.

    systemd starts the next step already as it starts a failed one again. Once that ends well, its start of this
    step would find this one still active, which is no start at all: whoever left here would be lost to the chain.
    """
    position = [job.name for job in jobs].index(name)
    give_up, waited = time.monotonic() + _PATIENCE, False
    while time.monotonic() < give_up and (again := _tried_again(context, pipeline, jobs[:position])):
        progress.wait(f"{name}: waits for {again}, which is tried again", _LOOK_AGAIN)
        waited = True
    if waited:
        progress.extend(jobs[position].time_limit)


def _tried_again(context: Context, pipeline: str, before: Sequence[Job]) -> str:
    """Name a job of the run under way that is being tried, empty where there is none."""
    request = _request(context, pipeline, is_first=False) if before else None
    run = None if request is None else context.store.ledger.run(pipeline, request.run_date)
    if run is None or run.state in FINISHED:
        return ""
    return next((job.name for job in before if is_being_tried(context.paths.state, job.name, run.run_id)), "")


def _with_ticket(context: Context, name: str, progress: NotifyProgress) -> int | None:
    """Work for the run whose leader asked for this start; None where nobody leads one."""
    run_id = take_ticket(context.paths.state, name)
    run = None if run_id is None else context.store.ledger.run_by_id(run_id)
    if run is None or run.state in FINISHED:
        return None
    code = run_job(context, name, run.run_id, progress)
    row = context.store.ledger.job(name, run.run_date)
    if row is not None and row.state is RunState.INTERRUPTED:
        return INTERRUPTED_CODE
    return GIVEN_UP_CODE if row is not None and row.state is RunState.FAILED and code == 3 else code


def _enter(stack: ExitStack, context: Context, name: str) -> bool:
    try:
        stack.enter_context(run_lock(context.paths.state, f"unit of job {name}", context.clock.now()))
    except LockedError:
        return False
    return True


def _is_done(context: Context, pipeline: str, jobs: Sequence[Job], name: str) -> bool:
    """Say whether the run that is due has this job behind it."""
    request = _request(context, pipeline, is_first=jobs[0].name == name)
    ledger = context.store.ledger
    run = None if request is None else ledger.run(pipeline, request.run_date)
    if run is None:
        return False
    if jobs[-1].name == name and run.state is RunState.RUNNING:
        return False  # the job may be done, but a kill came before it ended the run
    position = [job.name for job in jobs].index(name)
    known = ledger.job(name, run.run_date)
    before = [row for job in jobs[:position] if (row := ledger.job(job.name, run.run_date)) is not None]
    return known is not None and not left_to_do(jobs[position], known, _worked_since(known, before))


def _step(context: Context, pipeline: str, jobs: Sequence[Job], name: str, progress: NotifyProgress) -> int:
    request = _request(context, pipeline, is_first=jobs[0].name == name)
    if request is None:
        return _nothing(progress)
    inside, run = begin_run(context, request, jobs)
    job = next(job for job in jobs if job.name == name)
    before = jobs[: list(jobs).index(job)]
    rows = [context.store.ledger.job(earlier.name, run.run_date) for earlier in before]
    if run.state in FINISHED or not all(_is_settled(context, row, run.run_id) for row in rows):
        context.log.info("%s: not its turn in %s %s", name, pipeline, run.run_date)
        return _nothing(progress)
    if not before and context.store.ledger.job(name, run.run_date) is None:
        tell_of_start(inside, jobs, again=goes_on(inside, jobs))
    code = _work(inside, jobs, job, [row for row in rows if row is not None], progress)
    settled = context.store.ledger.job(name, run.run_date)
    if job is jobs[-1] and settled is not None and settled.state in _SETTLED and code in _ENDS:
        end_run(inside, jobs)
    else:
        write_status(inside)
    return code


def _is_settled(context: Context, row: JobRow | None, run_id: str) -> bool:
    """Say whether nothing more will become of a job in this run.

    systemd starts the next step also where it is about to start a failed one again: that one is not settled.
    """
    if row is None or row.state not in _SETTLED:
        return False
    return row.state is not RunState.FAILED or not is_being_tried(context.paths.state, row.job, run_id)


_ENDS = frozenset({ExitCode.DONE, ExitCode.PARTLY_FAILED, ExitCode.NOTHING_TO_DO, GIVEN_UP_CODE})
"""Codes after which systemd does not start the same job again."""


def _request(context: Context, pipeline: str, *, is_first: bool) -> Request | None:
    """Say which run this start belongs to; None where there is none to begin or to go on with."""
    now, schedule = context.clock.now(), context.settings.core.schedule
    at = parse_times(schedule.pipelines).get(pipeline)
    if at is None:
        return Request(pipeline, fallback=now)
    due = due_at(latest_due(now, at), at)
    request = Request(pipeline, fallback=now if due.date() == now.date() else due)
    known = context.store.ledger.run(pipeline, request.run_date)
    if known is None and (not is_first or schedule_pause(context.paths.state) is not None):
        context.log.info("%s does not begin: it is not its turn, or the schedule is paused", pipeline)
        return None
    if known is None and not schedule.catch_up and now - due > ON_TIME:
        context.log.info("%s of %s was missed, and schedule.catch_up is off", pipeline, request.run_date)
        return None
    return request


def _work(context: Context, jobs: Sequence[Job], job: Job, before: Sequence[JobRow], progress: NotifyProgress) -> int:
    """Run the job, or leave it out, and count how often it was tried."""
    run, state = context.current_run, context.paths.state
    known = context.store.ledger.job(job.name, run.run_date)
    if not left_to_do(job, known, _worked_since(known, before)):
        return _nothing(progress)
    failed = failed_before(context, job, jobs)
    if failed and not job.always:
        leave_out(context, job, f"not run, because {' and '.join(failed)} failed")
        return _nothing(progress)
    tries = count_try(state, job.name, run.run_id)
    if tries > job.retries + 1:
        return _give_up(context, job, _why_killed(known, tries - 1))
    code = run_job(context, job.name, run.run_id, progress)
    row = context.store.ledger.job(job.name, run.run_date)
    if row is not None and row.state is RunState.INTERRUPTED:
        forget_tries(state, job.name)  # it was stopped, which is no failure of its own
        return INTERRUPTED_CODE
    if row is None or row.state is not RunState.FAILED:
        forget_tries(state, job.name)
        return code
    return code if tries <= job.retries and code not in NOT_TRIED_AGAIN else _give_up(context, job, row.error)


def _nothing(progress: NotifyProgress) -> int:
    """End with nothing done; systemd counts a start that never said READY as a failure, whatever its exit code."""
    progress.ready()
    return int(ExitCode.NOTHING_TO_DO)


def _give_up(context: Context, job: Job, error: str) -> int:
    forget_tries(context.paths.state, job.name)
    row = context.store.ledger.job(job.name, context.current_run.run_date)
    if row is None or row.state is not RunState.FAILED:
        context.store.ledger.end_job(
            context.current_run.run_id, job.name, RunState.FAILED, context.clock.now(), exit_code=int(ExitCode.BUG),
            error=error, seconds=row.seconds if row else None,
        )  # fmt: skip
    tell_of_failure(context, job.name, error)
    return GIVEN_UP_CODE


def _why_killed(known: JobRow | None, tries: int) -> str:
    if known is not None and known.state is RunState.FAILED:
        return known.error
    return f"was killed or hung in each of {tries} attempts; `journalctl -u huracan-job@NAME` has its last words"


def _worked_since(known: JobRow | None, before: Sequence[JobRow]) -> frozenset[str]:
    """Name the jobs that ended after this one did: it works on what they left behind."""
    if known is None or known.ended_at is None:
        return frozenset()
    return frozenset(row.job for row in before if row.ended_at is not None and row.ended_at > known.ended_at)
