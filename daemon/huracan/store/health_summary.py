"""What the results of one health check come to: error rate, latency, outages. Plain arithmetic, no database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise

from huracan.store.rows import HealthResult
from huracan.types import CheckState

__all__ = ["HealthSpan", "HealthSummary", "hourly", "outages", "spans", "summarise"]

_ORDER = {state: place for place, state in enumerate(CheckState)}
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class HealthSummary:
    """One check over a span of time. Times are seconds; ``error_rate`` is failures / runs, 0 to 1; a warning is none.

    What there is nothing to say of, for want of results, is None. ``last_change`` is the instant of the newest result
    whose state differs from the one before it.
    """

    runs: int
    failures: int
    warnings: int
    error_rate: float | None
    median_seconds: float | None
    p95_seconds: float | None
    longest_outage: float
    last_change: datetime | None


@dataclass(frozen=True, slots=True)
class HealthSpan:
    """Results of one check that said the same state without a break.

    ``since`` is the first of them, with its ``detail``; ``until`` the first one of another state (None: it lasts);
    ``seen_until`` the last that is known of it. What happened between two results nobody saw.
    """

    state: CheckState
    since: datetime
    until: datetime | None
    seen_until: datetime
    looks: int
    detail: str

    @property
    def seconds(self) -> float:
        """Return how long it was, up to the last result where it still lasts."""
        return ((self.until or self.seen_until) - self.since).total_seconds()


def summarise(results: Sequence[HealthResult]) -> HealthSummary:
    """Sum up the results of one check, which are in order of time. Percentiles are by nearest rank."""
    import statistics  # what waits all day has this module and never this question

    runs = len(results)
    failures = sum(result.state is CheckState.FAILED for result in results)
    latencies = sorted(result.seconds for result in results)
    changes = [new.time for old, new in pairwise(results) if new.state is not old.state]
    return HealthSummary(
        runs=runs,
        failures=failures,
        warnings=sum(result.state is CheckState.WARNING for result in results),
        error_rate=failures / runs if runs else None,
        median_seconds=statistics.median(latencies) if runs else None,
        p95_seconds=latencies[(95 * runs + 99) // 100 - 1] if runs else None,
        longest_outage=max((outage.seconds for outage in outages(results)), default=0.0),
        last_change=changes[-1] if changes else None,
    )


def spans(results: Sequence[HealthResult]) -> list[HealthSpan]:
    """Return the results of one check, which are in order of time, as spans of one state each, oldest first."""
    streaks = [list(streak) for _, streak in groupby(results, key=lambda result: result.state)]
    ends = [streak[0].time for streak in streaks[1:]]
    return [
        HealthSpan(streak[0].state, streak[0].time, end, end or streak[-1].time, len(streak), streak[0].detail)
        for streak, end in zip(streaks, [*ends, None], strict=False)
    ]


def outages(results: Sequence[HealthResult]) -> list[HealthSpan]:
    """Return the spans in which one check failed, oldest first; ``results`` are in order of time."""
    return [span for span in spans(results) if span.state is CheckState.FAILED]


def hourly(results: Sequence[HealthResult], until: datetime, hours: int = 24) -> list[CheckState | None]:
    """Return the worst state of each of the ``hours`` hours before ``until``, oldest first; None: nobody looked."""
    worst: list[CheckState | None] = [None] * hours
    for result in results:
        place = hours - 1 - (until - result.time) // _HOUR
        if 0 <= place < hours:
            known = worst[place]
            worst[place] = result.state if known is None else max(known, result.state, key=_ORDER.__getitem__)
    return worst
