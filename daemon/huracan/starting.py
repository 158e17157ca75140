"""The two ways in which a daemon runs a pipeline: by a child process that leads it, or here, with units for jobs."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from huracan.errors import HuracanError, LockedError
from huracan.run.graph import jobs_to_run
from huracan.run.heartbeat import Notification, ProgressEvent
from huracan.run.lock import job_is_at_work
from huracan.run.pipeline import Machinery, run_pipeline
from huracan.run.plan import Request
from huracan.run.tickets import drop_ticket, issue_ticket
from huracan.supervise.base import Child, Exit, ExitReason, Limits, StopSwitch, Supervisor, Watcher
from huracan.units.names import job_unit

if TYPE_CHECKING:
    from huracan.context import Context
    from huracan.supervise.systemd import SystemdSupervisor
    from huracan.types import Job

__all__ = ["Order", "RunByProcess", "RunByUnits", "Starter"]

_RUN_LIMITS = Limits(stall=60.0, grace=15.0)
"""A run watches its job by itself; this is for its own loop, and for the time that its job takes to stop."""


@dataclass(frozen=True, slots=True)
class Order:
    """A pipeline or job to run. ``due`` is the instant at which it was due, None where a person asked for it now."""

    name: str
    due: datetime | None = None
    force: bool = False

    def __str__(self) -> str:
        return self.name if self.due is None else f"{self.name} {self.due:%Y-%m-%d}"


class Starter(Protocol):
    """Runs what is ordered to its end."""

    def run(self, context: Context, order: Order, watcher: Watcher, stop: StopSwitch) -> Exit:
        """Run it under watch and say how it ended; ``stop`` ends it early."""
        ...

    def prepare(self, context: Context) -> None:
        """Do what can be done before anything is due, so that it starts on time. Raises nothing."""
        ...


@dataclass(frozen=True, slots=True)
class RunByProcess:
    """Starts ``huracan run``, which leads its jobs as child processes of its own."""

    supervisor: Supervisor
    command: Callable[..., Sequence[str]]
    environment: Mapping[str, str]

    def prepare(self, context: Context) -> None:
        """Do nothing: of a process nothing can be done before."""

    def run(self, context: Context, order: Order, watcher: Watcher, stop: StopSwitch) -> Exit:
        del context
        words = ["run", order.name]
        words += ["--due", order.due.isoformat()] if order.due else []
        words += ["--force"] if order.force else []
        child = Child(self.command(*words, "--log-format", "json"), self.environment, _RUN_LIMITS)
        return self.supervisor.run(child, watcher, stop)


@dataclass(frozen=True, slots=True)
class RunByUnits:
    """Leads a pipeline in this very process; each job is a unit of systemd, which outlives the daemon."""

    supervisor: SystemdSupervisor

    def prepare(self, context: Context) -> None:
        try:
            self.supervisor.keep_loaded(job_unit(name) for name in context.plugins.jobs())
        except HuracanError as error:
            context.log.debug("units are not kept in systemd's memory: %s", error)

    def run(self, context: Context, order: Order, watcher: Watcher, stop: StopSwitch) -> Exit:
        started = time.monotonic()

        def child(job: Job, run_id: str) -> Child:
            issue_ticket(context.paths.state, job.name, run_id)
            return Child((), {}, unit=job_unit(job.name))

        def alive(status: str) -> None:
            watcher.notified(Notification(status=status))
            watcher.tick()

        machinery = Machinery(self.supervisor, child, stop, _Journal(context), alive, random.Random(), adopts=True)
        jobs: list[Job] = []
        try:
            jobs = jobs_to_run(order.name, context.plugins, context.settings)
            if job_is_at_work(context.paths.state) and not _any_is_up(jobs):
                raise LockedError("a job of another run is still at work")
            code = run_pipeline(context, _request(context, order), jobs, machinery).exit_code
        except LockedError as error:
            return Exit(ExitReason.EXITED, int(error.exit_code), time.monotonic() - started, detail=str(error))
        except HuracanError as error:
            return Exit(ExitReason.REFUSED, int(error.exit_code), time.monotonic() - started, detail=str(error))
        finally:
            for job in jobs:
                drop_ticket(context.paths.state, job.name)
        return Exit(ExitReason.EXITED, code, time.monotonic() - started)


def _any_is_up(jobs: Sequence[Job]) -> bool:
    """Say whether one of these jobs is at work: then it is followed, in place of waiting for its end."""
    from huracan.supervise.systemd import Units

    with Units.connected() as units:
        return any(not units.state(job_unit(job.name)).ended for job in jobs)


class _Journal:
    """Shows a run as lines of the daemon's log; what its jobs say is in the journals of their units."""

    def __init__(self, context: Context) -> None:
        self._log = context.log

    def job_started(self, job: str, attempt: int) -> None:
        again = f", attempt {attempt}" if attempt > 1 else ""
        self._log.info("%s starts%s (%s)", job, again, job_unit(job))

    def progressed(self, event: ProgressEvent) -> None:
        """Show nothing: the unit's own status says it."""

    def line(self, text: str) -> None:
        """Show nothing: the line is in the unit's journal."""

    def job_ended(self, job: str, state: str, seconds: float, summary: str) -> None:
        self._log.info("%s %s after %.0f s%s", job, state, seconds, f": {summary}" if summary else "")


def _request(context: Context, order: Order) -> Request:
    now = context.clock.now()
    fallback = order.due if order.due is not None and order.due.date() != now.date() else now
    return Request(order.name, fallback=fallback, force=order.force)
