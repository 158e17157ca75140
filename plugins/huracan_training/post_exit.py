"""What the price did after each exit: asked again every night until 24 bars have come."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from huracan.market.candles import Candles
from huracan.market.timeframes import timeframe_ms
from huracan.store import PostExit, UnfinishedExit

__all__ = ["LAST_BAR", "after_exits"]

LAST_BAR = 24
"""Bars after an exit that are looked at; the table has a column for the first, the fourth and this one."""

PATIENCE_BARS = 30 * LAST_BAR
"""Bars after an exit until which later candles are awaited: those of a coin that left the exchange never come."""


def after_exits(
    symbol: str, exits: Sequence[UnfinishedExit], candles: Candles, candle_ms: int, as_of_ms: int
) -> list[PostExit]:
    """Return what is known of exits at ``as_of_ms``, in bps of the exit price; bars are those of each trade's model.

    ``candle_ms`` is the length of ``candles``. Those that are not closed then say nothing. Where the exchange has a
    gap, or candles are longer than a bar, the last close before the asked instant counts. A trade is complete once
    candles reach past its 24 bars: a file that was not brought up to date says no more than a candle that is not
    closed. After 720 bars nothing is awaited any longer, and what is unknown stays so.
    """
    times = candles.timestamp + candle_ms
    closed = int(np.searchsorted(times, as_of_ms, side="right"))
    known_ms = int(times[closed - 1]) if closed else 0
    found = []
    for each in exits:
        bar_ms = timeframe_ms(each.timeframe)
        first = int(np.searchsorted(candles.timestamp[:closed], each.exited_ms))
        until = each.exited_ms + LAST_BAR * bar_ms
        last = int(np.searchsorted(times[:closed], until, side="right"))
        instants = [each.exited_ms + bars * bar_ms for bars in (1, 4, LAST_BAR)]
        closes = [_close(candles, times, first, last, instant, known_ms) for instant in instants]
        high = float(candles.high[first:last].max()) if last > first else None
        low = float(candles.low[first:last].min()) if last > first else None
        after_1, after_4, after_24, best, worst = (_bps(price, each.price) for price in (*closes, high, low))
        done = known_ms >= until or as_of_ms >= each.exited_ms + PATIENCE_BARS * bar_ms
        key = (each.model_id, each.number, symbol, each.exited_ms)
        found.append(PostExit(*key, after_1, after_4, after_24, best, worst, done))
    return found


def _close(candles: Candles, times: np.ndarray, first: int, last: int, instant: int, known_ms: int) -> float | None:
    """Return the last close from row ``first`` on and not after ``instant``; None where that has not come yet."""
    row = int(np.searchsorted(times[:last], instant, side="right")) - 1
    return float(candles.close[row]) if instant <= known_ms and row >= first else None


def _bps(price: float | None, paid: float) -> float | None:
    return None if price is None else (price / paid - 1.0) * 1e4
