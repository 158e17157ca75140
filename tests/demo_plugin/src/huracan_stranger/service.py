"""The service `stranger-watch`: tells of a night that takes too long while it lasts."""

from __future__ import annotations

import time
from collections.abc import Collection

from huracan.context import Context
from huracan.types import Severity

from huracan_stranger.nights import PIPELINE, longest_minutes

__all__ = ["look", "watch"]

LOOK_EVERY = 15.0
"""Seconds; less than the stall limit of the service, or it would be taken for one that hangs."""


def watch(context: Context) -> None:
    """Look again and again, until the service is stopped."""
    told: set[str] = set()
    while True:
        told.update(look(context, told))
        context.progress.step(f"{len(told)} late nights told of")
        time.sleep(LOOK_EVERY)


def look(context: Context, told: Collection[str]) -> list[str]:
    """Tell of each night under way that is late and not ``told`` of yet, and return their runs."""
    most, now = longest_minutes(context), context.clock.now()
    late = []
    for run in context.store.ledger.runs(limit=20):
        is_under_way = run.pipeline == PIPELINE and run.ended_at is None and run.run_id not in told
        if is_under_way and (now - run.started_at).total_seconds() > most * 60:
            title = f"the night of {run.run_date} takes longer than {most:g} minutes"
            context.emit("stranger.late", Severity.WARNING, title, run_date=str(run.run_date))
            late.append(run.run_id)
    return late
