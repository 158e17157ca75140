"""When a pipeline is due: calculations in UTC that the settings, the scheduler and those who look at it share."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta

from huracan.errors import SettingsError

__all__ = ["ON_TIME", "due_at", "latest_due", "next_due", "parse_times", "time_of_day", "to_catch_up"]

ON_TIME = timedelta(hours=1)
"""A start within this of its time is no catching up."""


def time_of_day(text: str) -> time:
    """Read ``02:00`` or ``7:05``. Raises ValueError for what is no time of day."""
    match = re.fullmatch(r"(\d{1,2}):(\d{2})", text, re.ASCII)
    if match is None:
        raise ValueError(text)
    return time(int(match[1]), int(match[2]))


def parse_times(pipelines: Mapping[str, str]) -> dict[str, time]:
    """Read ``{"nightly": "02:00"}``. Raises SettingsError for what is no time of day."""
    times = {}
    for name, text in pipelines.items():
        try:
            times[name] = time_of_day(text)
        except ValueError:
            raise SettingsError(
                f"schedule.pipelines.{name}: {text!r} is no time of day; write HH:MM in UTC, as 02:00"
            ) from None
    return times


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
