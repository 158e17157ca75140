"""Decides when pipelines start, in UTC, and never works itself: what is due is handed to a callback.

A run date is the UTC date of the instant at which its pipeline is due. That it runs once is the ledger's
business; this module asks it through ``is_finished``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

from huracan.clock import Clock
from huracan.errors import SettingsError

__all__ = ["Schedule", "due_at", "latest_due", "next_due", "parse_times", "to_catch_up"]

_LATE_AT_MOST = 12 * 3600
"""Seconds by which a start may be late (APScheduler's own default of one second skips nights silently)."""

_SENTENCES = {
    EVENT_JOB_MISSED: "was not started: its time had passed too long ago",
    EVENT_JOB_MAX_INSTANCES: "was not started: the start before it has not returned",
    EVENT_JOB_ERROR: "could not be started",
}


def parse_times(pipelines: Mapping[str, str]) -> dict[str, time]:
    """Read ``{"nightly": "02:00"}``. Raises SettingsError for what is no time of day."""
    return {name: _parse_time(name, text) for name, text in pipelines.items()}


def due_at(run_date: date, at: time) -> datetime:
    """Return the instant at which the run of that date is due."""
    return datetime.combine(run_date, at, UTC)


def latest_due(now: datetime, at: time) -> date:
    """Return the newest run date that is due at ``now``."""
    today = now.astimezone(UTC).date()
    return today if due_at(today, at) <= now else today - timedelta(days=1)


def next_due(now: datetime, at: time) -> datetime:
    """Return the first due instant after ``now``."""
    return due_at(latest_due(now, at) + timedelta(days=1), at)


def to_catch_up(now: datetime, at: time, is_finished: Callable[[date], bool]) -> date | None:
    """Return the run date to start at once after a downtime, or None.

    That is the latest due one unless it is finished. Older ones are never made up for: they would put models of an
    older market in the place of newer ones.
    """
    run_date = latest_due(now, at)
    return None if is_finished(run_date) else run_date


class Schedule:
    """Calls ``start(pipeline, run_date)`` when a pipeline is due, and ``report(pipeline, sentence)`` when that fails.

    Both are called from a thread of the scheduler and must return at once. Jobs are kept in memory only: what was
    missed while the process was down is found by :func:`to_catch_up`.
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


def _parse_time(pipeline: str, text: str) -> time:
    match = re.fullmatch(r"(\d{1,2}):(\d{2})", text, re.ASCII)
    hour, minute = (int(part) for part in match.groups()) if match else (99, 99)
    if hour > 23 or minute > 59:
        raise SettingsError(f"schedule.pipelines.{pipeline}: {text!r} is no time of day; write HH:MM in UTC, as 02:00")
    return time(hour, minute, tzinfo=None)
