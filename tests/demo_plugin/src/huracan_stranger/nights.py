"""What the ledger knows of past nights, for what this plugin tells of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from huracan.context import Context

from huracan_stranger.settings import Settings

__all__ = ["Night", "longest_minutes", "past_nights"]

PIPELINE = "nightly"
MOST_RUNS = 1000


@dataclass(frozen=True, slots=True)
class Night:
    """A night that ended: its run date, how it ended, and the minutes that it took."""

    run_date: date
    state: str
    minutes: float

    @property
    def sentence(self) -> str:
        return f"the night of {self.run_date} took {self.minutes:.0f} minutes ({self.state})"

    def as_json(self) -> dict[str, Any]:
        """Return it as programs read it."""
        return {"run_date": str(self.run_date), "state": self.state, "minutes": round(self.minutes, 1)}


def longest_minutes(context: Context) -> float:
    """Return the minutes after which a night counts as too long."""
    return context.settings.section(Settings).longest_minutes


def past_nights(context: Context, *, first: date = date.min, last: date = date.max, most: int = 30) -> list[Night]:
    """Return the nights that ended, the newest first; of one that was repeated, its last time."""
    found: dict[date, Night] = {}
    for run in context.store.ledger.runs(limit=MOST_RUNS):
        if run.pipeline == PIPELINE and run.ended_at is not None and first <= run.run_date <= last:
            minutes = (run.ended_at - run.started_at).total_seconds() / 60
            found.setdefault(run.run_date, Night(run.run_date, run.state.value, minutes))
    return sorted(found.values(), key=lambda night: night.run_date, reverse=True)[:most]
