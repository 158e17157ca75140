"""What is known of one health check, and how its figures are written: for the table and for the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from huracan.types import CheckState

if TYPE_CHECKING:
    from huracan.store import HealthResult, HealthStanding, HealthSummary

__all__ = ["DAY", "WEEK", "History", "latency", "share"]

DAY, WEEK = timedelta(days=1), timedelta(days=7)


@dataclass(frozen=True, slots=True)
class History:
    """What is known of one check: its last look (None where nobody looked yet) and its results, oldest first."""

    name: str
    plugin: str
    standing: HealthStanding | None
    results: Sequence[HealthResult]
    now: datetime

    @property
    def state(self) -> str:
        """Return the state of the last look."""
        return self.standing.latest.state.value if self.standing else "never"

    def summary(self, span: timedelta) -> HealthSummary:
        """Return what the last ``span`` comes to."""
        from huracan.store import summarise

        return summarise(self.within(span))

    def within(self, span: timedelta) -> list[HealthResult]:
        """Return the results of the last ``span``."""
        return [each for each in self.results if each.time >= self.now - span]

    def hours(self) -> list[CheckState | None]:
        """Return the worst state of each of the last 24 hours."""
        from huracan.store import hourly

        return hourly(self.results, self.now)


def latency(seconds: float | None) -> str:
    """Return a latency as ``12 ms`` or ``1.2 s``, or a dash."""
    if seconds is None:
        return "-"
    return f"{seconds * 1000:.0f} ms" if seconds < 0.9995 else f"{seconds:.1f} s"


def share(rate: float | None) -> str:
    """Return a share as percent; one that is small but not zero, or nearly all, is not rounded to what it is not."""
    if rate is None:
        return "-"
    if 0 < rate < 0.001:
        return "<0.1 %"
    if 0.999 < rate < 1:
        return ">99.9 %"
    return f"{rate:.0%}".replace("%", " %") if rate in (0, 1) else f"{rate:.1%}".replace("%", " %")
