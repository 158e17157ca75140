"""Bars of one length: what their last days say, how they become longer ones, and how they are handed out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from huracan.errors import DataError
from huracan.market.candles import Candles
from huracan.market.timeframes import TIMEFRAMES

__all__ = ["DAY_MS", "Bars", "LastDays", "instant", "last_days", "name_of_length", "pages", "resample", "say_time"]

DAY_MS = 86_400_000
PAGE_ROWS = 5000


@dataclass(frozen=True, slots=True)
class Bars:
    """Closed candles in order of time, without duplicates, on the grid of ``length`` milliseconds.

    ``dropped`` counts identical duplicates that their file held.
    """

    candles: Candles
    length: int
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class LastDays:
    """Facts for a :class:`huracan.types.Ticker`, measured over full bars that are closed."""

    last: float
    quote_volume: float
    active_share: float
    daily_volatility: float
    last_trade_at: datetime | None


def instant(milliseconds: int) -> datetime:
    """Return milliseconds since 1970 as an aware UTC instant."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def say_time(milliseconds: int) -> str:
    """Write an instant for people; also one that no calendar holds."""
    try:
        return f"{instant(milliseconds):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):
        return f"{milliseconds} ms"


def name_of_length(length: int) -> str:
    """Return the timeframe of ``length`` milliseconds, or the length in minutes where there is no such timeframe."""
    return next((name for name, value in TIMEFRAMES.items() if value == length), f"{length / 60_000:g} min")


def last_days(bars: Bars, now: int) -> LastDays:
    """Measure the last 24 h and 7 days before ``now`` (ms), counted from the end of the last full bar.

    Turnover of a bar is its volume times its typical price (high + low + close) / 3. Volatility is the standard
    deviation of the log returns between neighbouring bars of 7 days, times the square root of bars per day; 0 where
    fewer than two such returns exist.
    """
    candles, length = bars.candles, bars.length
    end = now // length * length
    day = candles.between(end - DAY_MS, end)
    week = candles.between(end - 7 * DAY_MS, end)
    around = candles.between(end - 7 * DAY_MS - length, end)
    steps = np.diff(np.log(around.close))[np.diff(around.timestamp) == length]
    traded = np.flatnonzero(candles.volume > 0)
    return LastDays(
        last=float(candles.close[-1]),
        quote_volume=float(np.sum((day.high + day.low + day.close) / 3 * day.volume)),
        active_share=min(1.0, float(np.count_nonzero(week.volume > 0) * length / (7 * DAY_MS))),
        daily_volatility=float(np.std(steps) * np.sqrt(DAY_MS / length)) if steps.size > 1 else 0.0,
        last_trade_at=instant(int(candles.timestamp[traded[-1]]) + length) if traded.size else None,
    )


def resample(bars: Bars, length: int, where: str) -> Bars:
    """Join bars into longer ones that are complete: one that lacks a part is left out, so nothing is made up.

    Raises DataError, naming ``where``, for a length that is shorter than the bars or no multiple of theirs.
    """
    if length == bars.length:
        return bars
    if length < bars.length or length % bars.length:
        have, want = name_of_length(bars.length), name_of_length(length)
        raise DataError(
            where, f"holds {have} candles, of which {want} ones cannot be made; set candles.timeframe to {have}"
        )
    candles = bars.candles
    if len(candles) == 0:
        return Bars(candles, length)
    group = candles.timestamp // length
    first = np.flatnonzero(np.concatenate([[True], np.diff(group) != 0]))
    count = np.diff(np.append(first, group.size))
    last = first + count - 1
    joined = {
        "timestamp": group[first] * length,
        "open": candles.open[first],
        "high": np.maximum.reduceat(candles.high, first),
        "low": np.minimum.reduceat(candles.low, first),
        "close": candles.close[last],
        "volume": np.add.reduceat(candles.volume, first),
    }
    complete = count == length // bars.length
    return Bars(Candles.from_columns({name: column[complete] for name, column in joined.items()}), length)


def pages(candles: Candles, since: int, until: int) -> Iterator[Candles]:
    """Yield the candles with ``since <= open time < until``, oldest first, some thousands at a time."""
    wanted = candles.between(since, until)
    for start in range(0, len(wanted), PAGE_ROWS):
        yield wanted.take(slice(start, start + PAGE_ROWS))
