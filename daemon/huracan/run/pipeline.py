"""A whole run: its jobs one after the other, each in a process of its own under watch, with the ledger as memory."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, TypeVar

from huracan import logs
from huracan.app import assemble
from huracan.context import Context, RunInfo
from huracan.errors import ExitCode
from huracan.paths import sweep_temporary
from huracan.run.heartbeat import Notification, ProgressEvent
from huracan.run.lock import run_lock
from huracan.run.plan import INTERRUPTED_CODE, Request, exit_code_of, left_to_do, state_of, summary_of
from huracan.run.status import write_status
from huracan.store import FINISHED, JobRow, RunRow, RunState
from huracan.supervise.base import Child, Exit, ExitReason, Limits, StopSwitch, Supervisor
from huracan.types import Severity

if TYPE_CHECKING:
    from huracan.types import Job

__all__ = ["Display", "Machinery", "RunResult", "run_pipeline"]

_NOT_TRIED_AGAIN = frozenset({ExitCode.USAGE, ExitCode.PARTLY_FAILED, ExitCode.LOCKED})
"""Settings, data and locks do not mend themselves within seconds."""

_LONGEST_PAUSE = 600.0
_Row = TypeVar("_Row", JobRow, RunRow)


class Display(Protocol):
    """Shows a run to whoever watches."""

    def job_started(self, job: str, attempt: int) -> None: ...

    def progressed(self, event: ProgressEvent) -> None: ...

    def line(self, text: str) -> None:
        """Take one line of a job's output: a log line as JSON, or whatever a library printed."""
        ...

    def job_ended(self, job: str, state: str, seconds: float, summary: str) -> None: ...


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
    command: Callable[[str, str], Sequence[str]]
    """The command line of the child for (job, run id)."""
    environment: Mapping[str, str]
    stop: StopSwitch
    display: Display
    alive: Callable[[str], None]
    """Tell our own supervisor that the loop moves, and what it is at."""
    chance: random.Random


def run_pipeline(context: Context, request: Request, jobs: Sequence[Job], machinery: Machinery) -> RunResult:
    """Run ``jobs`` in their order for one run date, going on where an earlier start was interrupted.

    Raises LockedError where another run holds the workspace, UsageError for an ``as_of`` that differs from that of an
    earlier start of this run date. The exit code is described at :func:`huracan.run.plan.exit_code_of`.
    """
    with run_lock(context.paths.state, f"huracan run {request.name}", context.clock.now()):
        sweep_temporary(context.paths.workspace)
        row = _begin(context, request, jobs)
        run = RunInfo(row.run_id, row.pipeline, row.run_date, row.as_of)
        inside = assemble(context.settings, context.plugins, context.store, context.clock, run=run)
        if row.state in FINISHED:
            return RunResult(row, tuple(_rows(inside, jobs)), int(ExitCode.NOTHING_TO_DO), worked=False)
        return _Run(inside, jobs, machinery).work()


def _begin(context: Context, request: Request, jobs: Sequence[Job]) -> RunRow:
    """Begin or continue the run, or return it as it is where it is finished."""
    ledger = context.store.ledger
    known = ledger.run(request.name, request.run_date)
    as_of = request.as_of or (known.as_of if known else request.fallback)
    names = tuple(job.name for job in jobs)
    row = ledger.begin_run(
        request.name, request.run_date, as_of, context.clock.now(), force=request.force, jobs=names,
        explicit=request.as_of is not None,
    )  # fmt: skip
    if row.state in FINISHED and any(left_to_do(job, ledger.job(job.name, row.run_date), frozenset()) for job in jobs):
        # Another run of this date left one of its jobs undone, or a plugin brought a new one: go on with those.
        return ledger.begin_run(request.name, row.run_date, row.as_of, context.clock.now(), force=True, jobs=())
    return row


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
        self._cut_short = False

    def work(self) -> RunResult:
        write_status(self._context)
        for job in self._jobs:
            if self._stop.asked:
                self._cut_short = True
                break
            self._do(job)
            write_status(self._context)
        return self._end()

    def _do(self, job: Job) -> None:
        """Run one job, or leave it out, so that its row says what became of it."""
        known = self._ledger.job(job.name, self._run.run_date)
        if not left_to_do(job, known, self._worked):
            return
        failed = self._failed_before(job)
        if failed and not job.always:
            self._leave_out(job, f"not run, because {' and '.join(failed)} failed")
            return
        self._worked |= {job.name}
        for attempt in range(job.retries + 1):
            self._machinery.display.job_started(job.name, attempt + 1)
            self._journal(job, f"{job.name} starts", attempt=attempt + 1)
            row = self._once(job)
            self._show_end(job, row)
            if row.state is not RunState.FAILED or self._stop.asked:
                break
            if attempt == job.retries or row.exit_code in _NOT_TRIED_AGAIN:
                self._context.emit("job.failed", Severity.ERROR, f"{job.name} failed: {row.error}", failed_job=job.name)
                break
            self._pause(job, attempt)

    def _failed_before(self, job: Job) -> list[str]:
        names = {other.name for other in self._jobs} & set(job.after)
        rows = {name: self._ledger.job(name, self._run.run_date) for name in sorted(names)}
        return [name for name, row in rows.items() if row is None or row.state not in FINISHED]

    def _leave_out(self, job: Job, reason: str) -> None:
        self._ledger.end_job(
            self._run.run_id, job.name, RunState.SKIPPED, self._clock.now(), exit_code=None, summary=reason,
            error="", seconds=0.0,
        )  # fmt: skip
        self._machinery.display.job_ended(job.name, RunState.SKIPPED, 0.0, reason)

    def _once(self, job: Job) -> JobRow:
        """Run the job's child to its end and return its row, corrected where the child could not write it."""
        before = self._ledger.job(job.name, self._run.run_date)
        child = Child(
            self._machinery.command(job.name, self._run.run_id),
            self._machinery.environment,
            Limits(stall=job.stall_limit, time=job.time_limit),
        )
        watcher = _JobWatcher(job.name, self._machinery)
        with logs.inside(run=self._run.run_id, job=job.name, plugin=self._owners.get(job.name, "")):
            ended = self._machinery.supervisor.run(child, watcher, self._stop)
        row = self._ledger.job(job.name, self._run.run_date)
        if row is None or (before is not None and row.attempts == before.attempts):
            row = self._ledger.begin_job(self._run.run_id, job.name, self._clock.now())
        correction = _correction(row, ended, watcher.last_words)
        if correction is None:
            return row
        state, code, error = correction
        self._ledger.end_job(
            self._run.run_id, job.name, state, self._clock.now(), exit_code=code, summary=row.summary,
            error=logs.mask(error), seconds=round(ended.seconds, 3),
        )  # fmt: skip
        return _required(self._ledger.job(job.name, self._run.run_date))

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
        rows = _rows(self._context, self._jobs)
        state = RunState.INTERRUPTED if self._cut_short else state_of(rows)
        code = INTERRUPTED_CODE if self._cut_short else exit_code_of(rows)
        summary = summary_of(rows)
        self._ledger.end_run(self._run.run_id, state, summary, self._clock.now())
        write_status(self._context)
        if state is not RunState.INTERRUPTED:
            quiet = code in (ExitCode.DONE, ExitCode.NOTHING_TO_DO)
            severity = Severity.INFO if quiet else Severity.WARNING if code == 3 else Severity.ERROR
            self._context.emit("run.ended", severity, f"{self._run.pipeline} {self._run.run_date}: {summary}")
        return RunResult(_required(self._ledger.run_by_id(self._run.run_id)), tuple(rows), code)


def _correction(row: JobRow, ended: Exit, last_words: str) -> tuple[RunState, int, str] | None:
    """Return state, exit code and error where the supervisor knows better than the row that the child left."""
    if row.state in (RunState.RUNNING, RunState.INTERRUPTED):
        if ended.reason is ExitReason.STOPPED:
            return RunState.INTERRUPTED, int(ExitCode.TRY_AGAIN), "was stopped; it goes on at the next start"
        error = ended.sentence
        if row.state is RunState.INTERRUPTED and ended.reason is ExitReason.EXITED:
            error = "was stopped by somebody else than its run"
        elif ended.reason is ExitReason.EXITED:
            error += f" before its work was done{': ' + last_words if last_words else ''}"
        ended_itself = ended.reason in (ExitReason.EXITED, ExitReason.SIGNALLED) and ended.code != ExitCode.DONE
        code = ended.code if ended_itself else int(ExitCode.BUG)
        return RunState.FAILED, code, error
    return None


class _JobWatcher:
    """Passes on what a job's child says."""

    def __init__(self, job: str, machinery: Machinery) -> None:
        self._job, self._machinery, self._status = job, machinery, job
        self.last_words = ""

    def line(self, text: str) -> None:
        if not text.startswith("{"):
            self.last_words = text.removeprefix("huracan: ")[:300]
        self._machinery.display.line(text)

    def notified(self, notification: Notification) -> None:
        self._status = notification.status or self._status
        if notification.progress is not None:
            self._machinery.display.progressed(replace(notification.progress, job=self._job))

    def tick(self) -> None:
        self._machinery.alive(self._status)


def _required(row: _Row | None) -> _Row:
    if row is None:
        raise RuntimeError("the ledger has lost the row of this run")
    return row
