"""A whole run: its jobs one after the other, each in a process of its own under watch, with the ledger as memory."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from huracan import logs
from huracan.alerts import tell_of_misdeed, tell_of_plugins
from huracan.app import assemble
from huracan.context import Context, RunInfo
from huracan.errors import ExitCode, HuracanError
from huracan.paths import sweep_temporary
from huracan.plugin.troubles import take_back
from huracan.run.display import Display
from huracan.run.excerpt import write_excerpt
from huracan.run.following import JobWatcher, correction
from huracan.run.lock import is_held, run_lock
from huracan.run.plan import INTERRUPTED_CODE, Request, exit_code_of, left_to_do, state_of, summary_of
from huracan.run.status import write_status
from huracan.store import FINISHED, JobRow, RunRow, RunState
from huracan.supervise.base import Child, StopSwitch, Supervisor
from huracan.types import Severity

if TYPE_CHECKING:
    from huracan.types import Job

__all__ = [
    "NOT_TRIED_AGAIN", "Machinery", "RunResult", "begin_run", "end_run", "failed_before", "goes_on",
    "leave_out", "run_pipeline", "tell_of_failure", "tell_of_start",
]  # fmt: skip

NOT_TRIED_AGAIN = frozenset({ExitCode.USAGE, ExitCode.PARTLY_FAILED, ExitCode.LOCKED})
"""Settings, data and locks do not mend themselves within seconds."""

_LONGEST_PAUSE = 600.0
_Row = TypeVar("_Row", JobRow, RunRow)


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended: its row and its jobs' rows, in order, as the ledger has them. ``worked`` is False where the
    run date was finished before."""

    run: RunRow
    jobs: tuple[JobRow, ...]
    exit_code: int
    worked: bool = True


@dataclass(frozen=True, slots=True)
class Machinery:
    """What a run is made with: who supervises, how a job's child is started, who may stop it, who watches."""

    supervisor: Supervisor
    child: Callable[[Job, str], Child]
    """What is to be started for a job of the run with this id."""
    stop: StopSwitch
    display: Display
    alive: Callable[[str], None]
    """Tell our own supervisor that the loop moves, and what it is at."""
    chance: random.Random
    adopts: bool = False
    """Whether the supervisor goes on with a job that a killed run left at work, in place of waiting for its end."""


def begin_run(context: Context, request: Request, jobs: Sequence[Job]) -> tuple[Context, RunRow]:
    """Begin or continue a run in the ledger; return the context that its parts see, and its row.

    The caller holds the lock of runs. A row that is finished means that nothing is left to do.
    """
    row = _begin(context, request, jobs)
    run = RunInfo(row.run_id, row.pipeline, row.run_date, row.as_of)
    return assemble(context.settings, context.plugins, context.store, context.clock, run=run), row


def failed_before(context: Context, job: Job, jobs: Sequence[Job]) -> list[str]:
    """Name the jobs of the run that ``job`` comes after and that did not end well."""
    names = {other.name for other in jobs} & set(job.after)
    rows = {name: context.store.ledger.job(name, context.current_run.run_date) for name in sorted(names)}
    return [name for name, row in rows.items() if row is None or row.state not in FINISHED]


def leave_out(context: Context, job: Job, reason: str) -> None:
    """Record that a job is not run, and why."""
    context.store.ledger.end_job(
        context.current_run.run_id, job.name, RunState.SKIPPED, context.clock.now(), exit_code=None, summary=reason,
        error="", seconds=0.0,
    )  # fmt: skip


def end_run(context: Context, jobs: Sequence[Job], *, cut_short: bool = False) -> RunResult:
    """Record how the run ended, as its jobs did, and send the event that says so."""
    ledger, run = context.store.ledger, context.current_run
    rows = _rows(context, jobs)
    tell_of_plugins(context)
    _take_back(context, rows)
    state = RunState.INTERRUPTED if cut_short else state_of(rows)
    code = INTERRUPTED_CODE if cut_short else exit_code_of(rows)
    summary = summary_of(rows)
    if state is not RunState.INTERRUPTED:
        quiet = code in (ExitCode.DONE, ExitCode.NOTHING_TO_DO)
        severity = Severity.INFO if quiet else Severity.WARNING if code == 3 else Severity.ERROR
        context.emit(
            "run.ended", severity, f"{run.pipeline} {run.run_date}: {summary}", pipeline=run.pipeline,
            state=state.value, exit_code=code, problems=_problems(rows),
        )  # fmt: skip
    # After the event: a kill between the two tells the end twice rather than never.
    ledger.end_run(run.run_id, state, summary, context.clock.now())
    write_status(context)
    return RunResult(_required(ledger.run_by_id(run.run_id)), tuple(rows), code)


def goes_on(context: Context, jobs: Sequence[Job]) -> bool:
    """Say whether a job of this run was at work before."""
    run, names = context.current_run, {job.name for job in jobs}
    return any(row.run_id == run.run_id and row.job in names for row in context.store.ledger.jobs(run.run_date))


def tell_of_start(context: Context, jobs: Sequence[Job], *, again: bool = False) -> None:
    """Send the event that says that the run begins, or goes on after it was interrupted."""
    run = context.current_run
    context.emit(
        "run.started", Severity.INFO, f"{run.pipeline} {run.run_date} {'goes on' if again else 'starts'}",
        pipeline=run.pipeline, total=len(jobs), jobs=[job.name for job in jobs],
    )  # fmt: skip


def tell_of_failure(context: Context, job: str, error: str) -> None:
    """Send the event that says that a job failed for good, with what it said last, and whose job it is."""
    owner = context.plugins.jobs().owners.get(job, "")
    whose = ""
    if context.plugins.is_strange(owner):
        whose = f" (plugin {owner})"
        tell_of_misdeed(context, owner, f"job {job}", error, told=True)
    context.emit(
        "job.failed", Severity.ERROR, f"{job}{whose} failed: {error}", failed_job=job, plugin=owner,
        log=write_excerpt(context, job),
    )  # fmt: skip


def _take_back(context: Context, rows: Sequence[JobRow]) -> None:
    """Forget the failures of strangers' jobs that did their work this time."""
    owners = context.plugins.jobs().owners
    for row in rows:
        if row.state in FINISHED and context.plugins.is_strange(owner := owners.get(row.job, "")):
            take_back(context.paths.state, owner, f"job {row.job}")


def _problems(rows: Sequence[JobRow]) -> list[str]:
    """Return a line for each job that did not end well."""
    bad = (RunState.FAILED, RunState.PARTLY_FAILED, RunState.SKIPPED)
    return [f"{row.job}: {(row.error or row.summary).partition(chr(10))[0]}" for row in rows if row.state in bad]


def run_pipeline(context: Context, request: Request, jobs: Sequence[Job], machinery: Machinery) -> RunResult:
    """Run ``jobs`` in their order for one run date, going on where an earlier start was interrupted.

    Raises LockedError where another run holds the workspace, UsageError for an ``as_of`` that differs from that of an
    earlier start of this run date. The exit code is described at :func:`huracan.run.plan.exit_code_of`.
    """
    what = f"huracan run {request.name}"
    with run_lock(context.paths.state, what, context.clock.now(), orphans=not machinery.adopts):
        inside, row = begin_run(context, request, jobs)
        if row.state in FINISHED:
            return RunResult(row, tuple(_rows(inside, jobs)), int(ExitCode.NOTHING_TO_DO), worked=False)
        result = _Run(inside, jobs, machinery).work()
        # Last, since a large workspace takes seconds to look through and a run is to start on time.
        if not is_held(context.paths.state / "job.lock"):
            sweep_temporary(context.paths.workspace, partial(machinery.alive, f"{request.name}: tidies up"))
        return result


def _begin(context: Context, request: Request, jobs: Sequence[Job]) -> RunRow:
    """Begin or continue the run, or return it as it is where it is finished."""
    ledger = context.store.ledger
    known = ledger.run(request.name, request.run_date) if request.force else None  # the ledger itself goes on with one
    as_of = request.as_of or (known.as_of if known else request.fallback)
    names = tuple(job.name for job in jobs)
    row = ledger.begin_run(
        request.name, request.run_date, as_of, context.clock.now(), force=request.force, jobs=names,
        explicit=request.as_of is not None, family=_family(context, jobs),
    )  # fmt: skip
    if row.state in FINISHED and any(left_to_do(job, ledger.job(job.name, row.run_date), frozenset()) for job in jobs):
        # Another run of this date left one of its jobs undone, or a plugin brought a new one: go on with those.
        return ledger.begin_run(request.name, row.run_date, row.as_of, context.clock.now(), force=True, jobs=())
    return row


def _family(context: Context, jobs: Sequence[Job]) -> list[str]:
    """Name the pipeline of these jobs and all jobs of it: whatever of them runs for a date sees the same market."""
    pipelines = {job.pipeline for job in jobs}
    declared = context.plugins.jobs().values()
    return sorted(pipelines | {job.name for job in declared if job.pipeline in pipelines})


def _rows(context: Context, jobs: Sequence[Job]) -> list[JobRow]:
    run_date = context.current_run.run_date
    rows = (context.store.ledger.job(job.name, run_date) for job in jobs)
    return [row for row in rows if row is not None]


class _Run:
    """One run while it goes on."""

    def __init__(self, context: Context, jobs: Sequence[Job], machinery: Machinery) -> None:
        self._context, self._jobs, self._machinery = context, jobs, machinery
        self._ledger, self._run, self._clock = context.store.ledger, context.current_run, context.clock
        self._stop = machinery.stop
        self._owners = context.plugins.jobs().owners
        self._worked: frozenset[str] = frozenset()
        self._again = self._cut_short = self._opened = False

    def work(self) -> RunResult:
        for job in self._jobs:
            if self._stop.asked or self._cut_short:
                self._cut_short = True
                break
            self._do(job)
            self._open()
            write_status(self._context)
        self._open()
        return self._end()

    def _open(self) -> None:
        """Show and tell, once, that the run has begun.

        After the first job was asked for, since both are flushed to the disk and a job is to start on time; a kill
        between the two is made good by the next start.
        """
        if self._opened:
            return
        self._opened = True
        try:
            write_status(self._context)
        except HuracanError as error:
            self._context.log.warning("the status of the run cannot be written yet: %s", error)
        tell_of_start(self._context, self._jobs, again=self._again)

    def _do(self, job: Job) -> None:
        """Run one job, or leave it out, so that its row says what became of it."""
        known = self._ledger.job(job.name, self._run.run_date)
        self._again |= not self._opened and known is not None and known.run_id == self._run.run_id
        if not left_to_do(job, known, self._worked):
            return
        failed = self._failed_before(job)
        if failed and not job.always:
            self._leave_out(job, f"not run, because {' and '.join(failed)} failed")
            return
        self._worked |= {job.name}
        for attempt in range(job.retries + 1):
            known = row = self._once(job, attempt + 1, known)
            self._show_end(job, row)
            if row.state is RunState.INTERRUPTED:
                self._cut_short = True
            if row.state is not RunState.FAILED:
                break
            if attempt == job.retries or row.exit_code in NOT_TRIED_AGAIN:
                tell_of_failure(self._context, job.name, row.error)
                break
            self._pause(job, attempt)
            if self._stop.asked:
                self._cut_short = True
                break

    def _failed_before(self, job: Job) -> list[str]:
        return failed_before(self._context, job, self._jobs)

    def _leave_out(self, job: Job, reason: str) -> None:
        leave_out(self._context, job, reason)
        self._machinery.display.job_ended(job.name, RunState.SKIPPED, 0.0, reason)

    def _once(self, job: Job, attempt: int, before: JobRow | None) -> JobRow:
        """Run the job's child to its end and return its row, corrected where the child could not write it."""
        child = self._machinery.child(job, self._run.run_id)
        # That the run begins is no line of the job's.
        begun = partial(copy_context().run, self._begun, job, attempt)
        watcher = JobWatcher(job.name, self._machinery.display, self._machinery.alive, begun)
        try:
            with logs.inside(run=self._run.run_id, job=job.name, plugin=self._owners.get(job.name, "")):
                ended = self._machinery.supervisor.run(child, watcher, self._stop)
        finally:
            watcher.begun()  # where it could not even be started
        row = self._ledger.job(job.name, self._run.run_date)
        counted = before is None or ended.adopted or (row is not None and row.attempts != before.attempts)
        if row is None or not counted:
            row = self._ledger.begin_job(self._run.run_id, job.name, self._clock.now())
        corrected = correction(row, ended, watcher.last_words)
        if corrected is None:
            return row
        state, code, error = corrected
        self._ledger.end_job(
            self._run.run_id, job.name, state, self._clock.now(), exit_code=code, summary=row.summary,
            error=logs.mask(error), seconds=round(ended.seconds, 3),
        )  # fmt: skip
        return _required(self._ledger.job(job.name, self._run.run_date))

    def _begun(self, job: Job, attempt: int) -> None:
        self._open()
        self._machinery.display.job_started(job.name, attempt)
        self._journal(job, f"{job.name} starts", attempt=attempt)

    def _pause(self, job: Job, attempt: int) -> None:
        """Wait before the next attempt: doubling, with jitter, ended by a stop."""
        pause = min(_LONGEST_PAUSE, job.retry_delay * 2.0**attempt) * self._machinery.chance.uniform(0.5, 1.5)
        self._context.log.warning("job %s: tried again in %.1f s", job.name, pause)
        deadline = time.monotonic() + pause
        while (left := deadline - time.monotonic()) > 0 and not self._stop.wait(min(left, 1.0)):
            self._machinery.alive(f"{job.name}: tried again in {left:.0f} s")

    def _show_end(self, job: Job, row: JobRow) -> None:
        text = row.error if row.state is RunState.FAILED else row.summary
        self._machinery.display.job_ended(job.name, row.state, row.seconds or 0.0, text.partition("\n")[0])
        self._journal(job, f"{job.name} {row.state}: {text}", seconds=row.seconds, exit_code=row.exit_code)

    def _journal(self, job: Job, text: str, **fields: object) -> None:
        """Log for the file alone what the display shows in its own way."""
        plugin = self._owners.get(job.name, "")
        extra = {"job": job.name, "plugin": plugin, "fields": fields, logs.FILE_ONLY: True}
        self._context.log.info("%s", text, extra=extra)

    def _end(self) -> RunResult:
        return end_run(self._context, self._jobs, cut_short=self._cut_short)


def _required(row: _Row | None) -> _Row:
    if row is None:
        raise RuntimeError("the ledger has lost the row of this run")
    return row
