"""Works on one job, or one service, in this process: the child of a pipeline or of the daemon."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from huracan import logs
from huracan.alerts import tell_of_misdeed, tell_of_plugins
from huracan.app import assemble
from huracan.clock import FixedClock
from huracan.context import Context, RunInfo
from huracan.errors import ExitCode, HuracanError, PluginError, StopRequested, UsageError
from huracan.plugin.troubles import take_back
from huracan.run.heartbeat import NotifyProgress
from huracan.run.interrupts import Interruptible
from huracan.run.lock import job_lock
from huracan.run.references import resolve
from huracan.run.service_state import telling
from huracan.run.status import write_status
from huracan.run.watched import Seen, watched
from huracan.store import RunState
from huracan.types import JobResult, Outcome

if TYPE_CHECKING:
    from huracan.types import Job

__all__ = ["run_job", "run_service"]

_CODES = {
    Outcome.DONE: ExitCode.DONE,
    Outcome.PARTLY_FAILED: ExitCode.PARTLY_FAILED,
    Outcome.NOTHING_TO_DO: ExitCode.NOTHING_TO_DO,
    Outcome.FAILED: ExitCode.BUG,
}


@dataclass(frozen=True, slots=True)
class _Ending:
    state: RunState
    code: ExitCode
    summary: str = ""
    error: str = ""


def run_job(context: Context, name: str, run_id: str, progress: NotifyProgress) -> int:
    """Work on job ``name`` of a run that stands in the ledger, write how it ended there, and return the exit code.

    Codes: that of the outcome (0 done, 3 partly failed, 4 nothing to do, 1 failed), of the error that was raised
    (:mod:`huracan.errors`), 1 for a bug, 75 after SIGTERM or SIGINT. Raises UsageError for an unknown job or run.
    """
    job, inside = _enter(context, name, run_id, progress)
    plugin = context.plugins.jobs().owners[name]
    with job_lock(context.paths.state), logs.inside(run=run_id, job=name, plugin=plugin):
        return _work_and_record(context, inside, job, progress)


def _work_and_record(context: Context, inside: Context, job: Job, progress: NotifyProgress) -> int:
    ledger, run_id, name = context.store.ledger, inside.current_run.run_id, job.name
    ledger.begin_job(run_id, name, context.clock.now())
    started = time.perf_counter()
    with watched(inside, context.plugins.jobs().owners[name]) as seen:
        ending = _work(inside, job, progress)
    ledger.end_job(
        run_id, name, ending.state, context.clock.now(), exit_code=int(ending.code), summary=logs.mask(ending.summary),
        error=logs.mask(ending.error), seconds=round(time.perf_counter() - started, 3),
    )  # fmt: skip
    write_status(inside)
    about = f"conduct of job {name}"
    if seen.misdeeds:
        tell_of_misdeed(inside, seen.plugin, about, seen.sentence)
    else:
        take_back(context.paths.state, seen.plugin, about)
    tell_of_plugins(inside)
    return int(ending.code)


def run_service(context: Context, name: str, progress: NotifyProgress) -> int:
    """Run service ``name`` until it returns or SIGTERM arrives. Raises UsageError where nobody declares it."""
    services = context.plugins.services()
    if name not in services:
        raise UsageError(f"there is no service {name!r}; known are: {', '.join(services) or 'none'}")
    function = context.plugins.traced("service", name, resolve(services[name].run, f"service {name}"))
    seen: Seen | None = None
    try:
        with (
            telling(context, name, services[name].stall_limit, progress) as told,
            watched(context, services.owners[name]) as seen,
            Interruptible(),
        ):
            progress.ready()
            function(replace(context, progress=told))
    except StopRequested:
        context.log.info("service %s: stopped", name)
    finally:
        if seen is not None and seen.misdeeds:
            tell_of_misdeed(context, seen.plugin, f"conduct of service {name}", seen.sentence)
    return int(ExitCode.DONE)


def _enter(context: Context, name: str, run_id: str, progress: NotifyProgress) -> tuple[Job, Context]:
    """Find the job and make the context that it sees: its run, and a clock that stands still."""
    jobs = context.plugins.jobs()
    if name not in jobs:
        raise UsageError(f"there is no job {name!r}; known are: {', '.join(jobs) or 'none'}")
    row = context.store.ledger.run_by_id(run_id)
    if row is None:
        raise UsageError(f"there is no run {run_id!r}; `huracan run {name}` begins one")
    run = RunInfo(row.run_id, row.pipeline, row.run_date, row.as_of, name)
    inside = assemble(
        context.settings, context.plugins, context.store, FixedClock(row.as_of), progress=progress, run=run
    )
    return jobs[name], inside


def _work(context: Context, job: Job, progress: NotifyProgress) -> _Ending:
    """Call the job and make one ending out of whatever it returns or raises."""
    try:
        with Interruptible():
            progress.ready()
            result = context.plugins.traced("job", job.name, resolve(job.run, f"job {job.name}"))(context)
        if not isinstance(result, JobResult):
            raise PluginError(f"job {job.name}: {job.run} returned {type(result).__name__}, not JobResult")
    except (StopRequested, KeyboardInterrupt):
        context.log.info("job %s: stopped; what was finished is kept", job.name)
        return _Ending(RunState.INTERRUPTED, ExitCode.TRY_AGAIN, error="was stopped; it goes on at the next start")
    except HuracanError as error:
        context.log.error("job %s: %s", job.name, error)
        return _Ending(RunState.FAILED, error.exit_code, error=str(error))
    except (Exception, SystemExit) as error:
        context.log.error("job %s: %s: %s", job.name, type(error).__name__, error, exc_info=error)
        return _Ending(RunState.FAILED, ExitCode.BUG, error=f"{type(error).__name__}: {error}")
    for problem in result.problems:
        context.log.warning("job %s: %s", job.name, problem)
    reason = "\n".join(result.problems)
    if result.outcome is Outcome.FAILED and not reason:
        reason = result.summary
    return _Ending(RunState(result.outcome.value), _CODES[result.outcome], result.summary, reason)
