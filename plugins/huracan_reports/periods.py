"""A span of run dates that a report is about: a day, a week from Monday, a calendar month."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Self

__all__ = ["A_DAY", "Kind", "Period", "read_day"]

A_DAY = timedelta(days=1)
_MONTH = re.compile(r"\d{4}-\d\d")


class Kind(StrEnum):
    """How long a period is; the value is its folder below ``reports/``."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """The run dates from ``first`` to ``last``, both included."""

    kind: Kind
    first: date
    last: date

    @classmethod
    def holding(cls, kind: Kind, day: date) -> Self:
        """Return the period of a kind in which a day lies."""
        if kind is Kind.DAILY:
            return cls(kind, day, day)
        if kind is Kind.WEEKLY:
            monday = day - timedelta(days=day.weekday())
            return cls(kind, monday, monday + timedelta(days=6))
        first = day.replace(day=1)
        return cls(kind, first, (first + timedelta(days=31)).replace(day=1) - A_DAY)

    @classmethod
    def last_whole(cls, kind: Kind, day: date) -> Self:
        """Return the latest period that was over when ``day`` began; a day itself counts as over."""
        return cls.holding(kind, day) if kind is Kind.DAILY else cls.holding(kind, day).before()

    def before(self) -> Self:
        """Return the period of the same kind that ended the day before this one began."""
        return type(self).holding(self.kind, self.first - A_DAY)

    @property
    def name(self) -> str:
        """The name of its files: ``2026-11-21``, ``2026-W47`` (ISO 8601), ``2026-11``."""
        if self.kind is Kind.DAILY:
            return self.first.isoformat()
        year, week, _ = self.first.isocalendar()
        return f"{year}-W{week:02d}" if self.kind is Kind.WEEKLY else f"{self.first:%Y-%m}"

    @property
    def title(self) -> str:
        """What people call it: ``Week 47 of 2026, 16 to 22 November``."""
        if self.kind is Kind.DAILY:
            return f"{self.first:%A}, {self.first.day} {self.first:%B %Y}"
        if self.kind is Kind.MONTHLY:
            return f"{self.first:%B %Y}"
        year, week, _ = self.first.isocalendar()
        begins = f"{self.first.day}" if self.first.month == self.last.month else f"{self.first.day} {self.first:%B}"
        return f"Week {week} of {year}, {begins} to {self.last.day} {self.last:%B}"

    @property
    def begins(self) -> datetime:
        return datetime.combine(self.first, time(), UTC)

    @property
    def ends(self) -> datetime:
        """The instant at which it is over, which no longer belongs to it."""
        return datetime.combine(self.last + A_DAY, time(), UTC)

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last


def read_day(text: str) -> date:
    """Read ``2023-12-30``, or the first day of ``2023-W52`` or ``2023-12``. Raises ValueError for anything else."""
    return date.fromisoformat(f"{text}-01" if _MONTH.fullmatch(text) else text)
