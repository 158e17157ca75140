"""Made-up markets for the kit's checks: a random walk with references, and the same with another future or past."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from huracan.market.candles import Candles
from huracan.market.timeframes import timeframe_ms
from huracan.types import FeatureInput

__all__ = ["changed", "cut", "flat", "input_of", "scaled_reference", "walk", "with_gaps"]

FIRST_OPEN = 1_650_067_200_000
"""2022-04-16 00:00 UTC, where bars of every length begin."""


def walk(rows: int, seed: int, timeframe: str = "1h") -> Candles:
    """Return a random walk around a price of 100, with wicks and volumes that vary."""
    draw, length = np.random.default_rng(seed), timeframe_ms(timeframe)
    close = 100 * np.exp(np.cumsum(draw.normal(0, 0.01, rows)))
    opens = np.concatenate([[100.0], close[:-1]])[:rows]
    wick = np.abs(draw.normal(0, 0.004, (2, rows)))
    return Candles.from_columns(
        {
            "timestamp": FIRST_OPEN + length * np.arange(rows),
            "open": opens,
            "high": np.maximum(opens, close) * (1 + wick[0]),
            "low": np.minimum(opens, close) * (1 - wick[1]),
            "close": close,
            "volume": draw.lognormal(8, 1, rows),
        }
    )


def input_of(rows: int, seed: int, timeframe: str = "1h") -> FeatureInput:
    """Return a market with its two references."""
    draw = np.random.default_rng(seed + 1000)
    candles = walk(rows, seed, timeframe)
    reference = {
        base: price * np.exp(np.cumsum(draw.normal(0, 0.01, rows))) for base, price in (("BTC", 4e4), ("ETH", 2e3))
    }
    return FeatureInput(candles, timeframe, reference)


def cut(given: FeatureInput, stop: int, begin: int = 0) -> FeatureInput:
    """Return the rows from ``begin`` up to ``stop``."""
    rows = slice(begin, stop)
    reference = {base: closes[rows].copy() for base, closes in given.reference.items()}
    return FeatureInput(given.candles.take(rows), given.timeframe, reference)


def changed(given: FeatureInput, at: int, seed: int) -> FeatureInput:
    """Return the same past with another future: from row ``at`` on, prices and volumes go another way.

    Every part of a bar changes by itself: a feature of the bars' bodies or ranges must notice as well.
    """
    draw, rows = np.random.default_rng(seed), len(given.candles)
    columns = {name: array.copy() for name, array in given.candles.columns().items()}
    columns["close"][at:] *= np.exp(np.cumsum(draw.normal(0.0, 0.03, rows - at)))
    columns["open"][at:] = columns["close"][at - 1 : -1] * np.exp(draw.normal(0.0, 0.01, rows - at))
    ends = np.stack([columns["open"][at:], columns["close"][at:]])
    wick = np.exp(np.abs(draw.normal(0.0, 0.01, (2, rows - at))))
    columns["high"][at:], columns["low"][at:] = ends.max(axis=0) * wick[0], ends.min(axis=0) / wick[1]
    columns["volume"][at:] = (columns["volume"][at:] + 1.0) * draw.lognormal(0.5, 1.0, rows - at)
    return replace(given, candles=Candles.from_columns(columns))


def scaled_reference(given: FeatureInput, at: int) -> FeatureInput:
    """Return the same market beside references that go another way from row ``at`` on."""
    reference = {base: closes.copy() for base, closes in given.reference.items()}
    for closes in reference.values():
        closes[at:] *= np.linspace(1.1, 3.0, len(closes) - at)
    return replace(given, reference=reference)


def with_gaps(given: FeatureInput, seed: int) -> FeatureInput:
    """Return the market without one bar in thirty, and without two days in its middle."""
    rows = len(given.candles)
    kept = np.random.default_rng(seed).random(rows) >= 1 / 30
    kept[rows // 2 : rows // 2 + 48] = False
    reference = {base: closes[kept] for base, closes in given.reference.items()}
    return FeatureInput(given.candles.take(kept), given.timeframe, reference)


def flat(rows: int, timeframe: str = "1h") -> FeatureInput:
    """Return a market in which nothing ever happens, beside references that stand still too."""
    still = np.full(rows, 100.0)
    columns = dict.fromkeys(("open", "high", "low", "close"), still)
    candles = Candles.from_columns(
        {"timestamp": FIRST_OPEN + timeframe_ms(timeframe) * np.arange(rows), **columns, "volume": np.zeros(rows)}
    )
    return FeatureInput(candles, timeframe, {"BTC": np.full(rows, 4e4), "ETH": np.full(rows, 2e3)})
