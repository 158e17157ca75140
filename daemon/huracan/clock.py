"""The one seam for time: whoever needs to know what time it is gets a :class:`Clock`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

__all__ = ["Clock", "FixedClock", "SystemClock", "format_instant", "milliseconds", "parse_instant"]


class Clock(Protocol):
    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""
        ...


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class FixedClock:
    """A clock that stands still: the clock of a run, so that all of its parts see the same market."""

    instant: datetime

    def now(self) -> datetime:
        return self.instant


def milliseconds(instant: datetime) -> int:
    """Return ``instant`` as milliseconds since 1970 UTC, the unit of candle timestamps."""
    seconds = int(instant.replace(microsecond=0).timestamp())
    return seconds * 1000 + instant.microsecond // 1000


def format_instant(instant: datetime) -> str:
    """Return ``instant``, which is in UTC, as files and answers write it: ``2023-12-30T00:00:00Z``."""
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"


def parse_instant(text: str) -> datetime:
    """Read ``2023-12-30`` (00:00 UTC of that day) or an ISO instant; without an offset it is UTC.

    Raises ValueError for anything else.
    """
    instant = datetime.fromisoformat(text)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
