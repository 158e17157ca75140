"""Are these candles possible, and are they one series? A model must learn from neither an impossible bar nor a jump."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from huracan.market.candles import Candles
from huracan.market.timeframes import timeframe_ms

__all__ = [
    "Break",
    "CandleReport",
    "Gap",
    "check_candles",
    "find_breaks",
    "find_gaps",
    "last_segment_start",
    "moment",
    "scaled_jump_ratio",
]


@dataclass(frozen=True, slots=True)
class CandleReport:
    """What is wrong with candles: one line per kind of problem, and which rows are impossible by themselves."""

    problems: tuple[str, ...]
    bad_rows: np.ndarray

    @property
    def ok(self) -> bool:
        return not self.problems


@dataclass(frozen=True, slots=True)
class Gap:
    """Bars that are missing between two neighbours; ``since`` and ``until`` are ms, the first and after the last."""

    since: int
    until: int
    bars: int


@dataclass(frozen=True, slots=True)
class Break:
    """Where the series stops being the same thing; ``at`` is the open time (ms) of the first bar after it."""

    at: int
    kind: str
    sentence: str


def moment(instant: int) -> str:
    """Return ms since 1970 as ``2023-02-22 08:00`` UTC."""
    return f"{datetime.fromtimestamp(instant / 1000, UTC):%Y-%m-%d %H:%M}"


def check_candles(candles: Candles, timeframe: str) -> CandleReport:
    """Find what cannot be: unsorted or repeated times, times off the timeframe's grid, impossible bars."""
    times = candles.timestamp
    steps = np.diff(times)
    problems = [
        *_count(np.flatnonzero(steps < 0) + 1, times, "rows are out of order"),
        *_count(np.flatnonzero(steps == 0) + 1, times, "rows repeat a time"),
        *_count(np.flatnonzero(times % timeframe_ms(timeframe) != 0), times, f"rows do not begin on a {timeframe} bar"),
    ]
    bad = np.zeros(len(candles), dtype=bool)
    for words, rows in _impossible(candles).items():
        problems += _count(np.flatnonzero(rows), times, words)
        bad |= rows
    return CandleReport(tuple(problems), np.flatnonzero(bad))


def _impossible(candles: Candles) -> dict[str, np.ndarray]:
    prices = np.stack([candles.open, candles.high, candles.low, candles.close])
    finite = np.isfinite(prices).all(axis=0) & np.isfinite(candles.volume)
    with np.errstate(invalid="ignore"):
        positive = (prices > 0).all(axis=0)
        top = np.maximum(candles.open, candles.close)
        bottom = np.minimum(candles.open, candles.close)
        return {
            "rows hold NaN or infinity": ~finite,
            "rows have a price of zero or less": finite & ~positive,
            "rows have a negative volume": finite & (candles.volume < 0),
            "rows have a high below their open or close": finite & (candles.high < top),
            "rows have a low above their open or close": finite & (candles.low > bottom),
        }


def _count(rows: np.ndarray, times: np.ndarray, words: str) -> list[str]:
    return [f"{len(rows)} {words}, the first at {moment(int(times[rows[0]]))}"] if len(rows) else []


def find_gaps(candles: Candles, timeframe: str) -> list[Gap]:
    """Return where bars are missing; ``candles`` are sorted."""
    length = timeframe_ms(timeframe)
    steps = np.diff(candles.timestamp)
    return [
        Gap(int(candles.timestamp[row]) + length, int(candles.timestamp[row + 1]), int(steps[row]) // length - 1)
        for row in np.flatnonzero(steps > length)
    ]


def scaled_jump_ratio(ratio: float, timeframe: str) -> float:
    """Return the jump ratio for a timeframe when ``ratio`` is meant for bars up to 4 h.

    Longer bars see larger honest moves: the logarithm grows with the square root of the length, as volatility does.
    """
    length = timeframe_ms(timeframe) / timeframe_ms("4h")
    return math.exp(math.log(ratio) * math.sqrt(max(1.0, length)))


def find_breaks(candles: Candles, timeframe: str, max_gap_ms: int, max_jump_ratio: float) -> list[Break]:
    """Return the breaks of sorted, possible candles, oldest first.

    A break is a silence of more than ``max_gap_ms``, or a ratio beyond ``max_jump_ratio`` (either way) between a close
    and the next open or the next close: delisting and relisting, redenomination, collapse.
    """
    if len(candles) < 2:
        return []
    silence = np.diff(candles.timestamp) - timeframe_ms(timeframe)
    reopened = np.abs(np.log(candles.open[1:] / candles.close[:-1]))
    moved = np.abs(np.log(candles.close[1:] / candles.close[:-1]))
    limit = math.log(max_jump_ratio)
    rows = np.flatnonzero((silence > max_gap_ms) | (reopened > limit) | (moved > limit)) + 1
    found = []
    for row in rows:
        at, ratio = int(candles.timestamp[row]), candles.close[row] / candles.close[row - 1]
        if silence[row - 1] > max_gap_ms:
            hours = silence[row - 1] / 3_600_000
            found.append(
                Break(at, "gap", f"silent for {hours:.0f} h before {moment(at)}, price x {ratio:.4g} after it")
            )
        else:
            found.append(Break(at, "jump", f"price x {ratio:.4g} within one bar at {moment(at)}"))
    return found


def last_segment_start(candles: Candles, breaks: list[Break]) -> int:
    """Return the open time (ms) of the first bar of the coin as it trades today; 0 for no candles."""
    if breaks:
        return breaks[-1].at
    return int(candles.timestamp[0]) if len(candles) else 0
