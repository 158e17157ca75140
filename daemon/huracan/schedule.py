"""Decides when pipelines start, in UTC, and never works itself: what is due is handed to a callback.

A run date is the UTC date of the instant at which its pipeline is due. That it runs once is the ledger's
business; this module asks it through ``is_finished``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES
from apscheduler.executors.base import MaxInstancesReachedError
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

from huracan.clock import Clock
from huracan.due import latest_due, next_due

__all__ = ["Schedule"]

_OVERDUE = timedelta(minutes=1)
"""By how much a time may have passed that the scheduler's thread has not come to."""

_SENTENCES = {
    EVENT_JOB_MAX_INSTANCES: "was not started: the start before it has not returned",
    EVENT_JOB_ERROR: "could not be started",
}


class Schedule:
    """Calls ``start(pipeline, run_date)`` when a pipeline is due, and ``report(pipeline, sentence)`` when that fails.

    Both are called from a thread of the scheduler and must return at once. A start that comes late, since the machine
    slept, comes all the same, once. Jobs are kept in memory only: what was missed while the process was down is found
    by :func:`huracan.due.to_catch_up`.
    """

    def __init__(
        self,
        times: Mapping[str, time],
        start: Callable[[str, date], None],
        report: Callable[[str, str], None],
        clock: Clock,
    ) -> None:
        self._times, self._start, self._report, self._clock = dict(times), start, report, clock
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": _Threads(self._start_here)},
            # No time is too long ago: APScheduler's own default of one second skips nights silently.
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        self._scheduler.add_listener(self._failed, EVENT_JOB_MAX_INSTANCES | EVENT_JOB_ERROR)
        for pipeline, at in self._times.items():
            trigger = CronTrigger(hour=at.hour, minute=at.minute, timezone=UTC)
            self._scheduler.add_job(self._due, trigger, args=(pipeline,), id=pipeline, name=pipeline)

    def begin(self) -> None:
        self._scheduler.start()

    def look_again(self) -> bool:
        """Let the scheduler look at the clock now: its own sleep does not notice a suspended machine or a set clock.

        Return whether the clock was set back: the next start then counts from now, in place of from a time that was
        never there.
        """
        was_set_back = False
        for pipeline, at in self._times.items():
            # Read before the clock: once its time has come, the next one is a day later.
            job = self._scheduler.get_job(pipeline)
            due = next_due(self._clock.now(), at)
            if job is not None and job.next_run_time > due:
                self._scheduler.modify_job(pipeline, next_run_time=due)
                was_set_back = True
        self._scheduler.wakeup()
        return was_set_back

    def is_alive(self) -> bool:
        """Say whether its thread lives, and has come to every time that passed more than a minute ago."""
        thread, jobs = self._scheduler._thread, self._scheduler.get_jobs()
        if thread is None or not thread.is_alive() or len(jobs) != len(self._times):
            return False
        overdue = self._clock.now() - _OVERDUE
        return all(job.next_run_time > overdue for job in jobs)

    def end(self) -> None:
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def all_coming(self) -> dict[str, datetime]:
        """Return when each pipeline is due next."""
        now = self._clock.now()
        return {name: next_due(now, at) for name, at in self._times.items()}

    def coming(self) -> tuple[str, datetime] | None:
        """Return the pipeline that is due next, and when."""
        return min(self.all_coming().items(), key=lambda x: x[1], default=None)

    def _due(self, pipeline: str) -> None:
        self._start(pipeline, latest_due(self._clock.now(), self._times[pipeline]))

    def _start_here(self, pipeline: str) -> None:
        """Start it in the scheduler's own thread, where it cannot have one of its own."""
        try:
            self._due(pipeline)
        except Exception as error:  # noqa: BLE001 - the scheduler's thread must outlive it
            self._tell(pipeline, EVENT_JOB_ERROR, error)

    def _failed(self, event: Any) -> None:
        self._tell(event.job_id, event.code, getattr(event, "exception", None))

    def _tell(self, pipeline: str, code: int, error: Exception | None) -> None:
        self._report(pipeline, _SENTENCES[code] + (f": {type(error).__name__}: {error}" if error else ""))


class _Threads(ThreadPoolExecutor):  # type: ignore[misc]  # APScheduler has no types
    """Gives each start a thread. APScheduler puts off to the next day what cannot have one, and only its log says so:
    here ``instead`` gets the name of the pipeline."""

    def __init__(self, instead: Callable[[str], None]) -> None:
        super().__init__()
        self._instead = instead

    def submit_job(self, job: Any, run_times: Any) -> None:
        try:
            super().submit_job(job, run_times)
        except MaxInstancesReachedError:
            raise
        except Exception:  # noqa: BLE001 - no thread, no memory, or a pool that is being shut down
            self._instead(job.id)
