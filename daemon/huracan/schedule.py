"""Decides when pipelines start, in UTC, and never works itself: what is due is handed to a callback.

A run date is the UTC date of the instant at which its pipeline is due. That it runs once is the ledger's
business; this module asks it through ``is_finished``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

from huracan.clock import Clock
from huracan.due import latest_due, next_due

__all__ = ["Schedule"]

_LATE_AT_MOST = 12 * 3600
"""Seconds by which a start may be late (APScheduler's own default of one second skips nights silently)."""

_SENTENCES = {
    EVENT_JOB_MISSED: "was not started: its time had passed too long ago",
    EVENT_JOB_MAX_INSTANCES: "was not started: the start before it has not returned",
    EVENT_JOB_ERROR: "could not be started",
}


class Schedule:
    """Calls ``start(pipeline, run_date)`` when a pipeline is due, and ``report(pipeline, sentence)`` when that fails.

    Both are called from a thread of the scheduler and must return at once. Jobs are kept in memory only: what was
    missed while the process was down is found by :func:`huracan.due.to_catch_up`.
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
            job_defaults={"misfire_grace_time": _LATE_AT_MOST, "coalesce": True, "max_instances": 1},
        )
        self._scheduler.add_listener(self._failed, EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES | EVENT_JOB_ERROR)
        for pipeline, at in self._times.items():
            trigger = CronTrigger(hour=at.hour, minute=at.minute, timezone=UTC)
            self._scheduler.add_job(self._due, trigger, args=(pipeline,), id=pipeline, name=pipeline)

    def begin(self) -> None:
        self._scheduler.start()

    def look_again(self) -> None:
        """Let the scheduler look at the clock now: its own sleep does not notice a suspended machine or a set clock."""
        self._scheduler.wakeup()

    def end(self) -> None:
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def coming(self) -> tuple[str, datetime] | None:
        """Return the pipeline that is due next, and when."""
        now = self._clock.now()
        return min(((name, next_due(now, at)) for name, at in self._times.items()), key=lambda x: x[1], default=None)

    def _due(self, pipeline: str) -> None:
        self._start(pipeline, latest_due(self._clock.now(), self._times[pipeline]))

    def _failed(self, event: Any) -> None:
        sentence = _SENTENCES[event.code]
        if error := getattr(event, "exception", None):
            sentence += f": {type(error).__name__}: {error}"
        self._report(event.job_id, sentence)
