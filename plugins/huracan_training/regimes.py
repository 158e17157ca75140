"""In which market a row stood, as known at its close: the regimes that features tell, and where the coin was going.

``market_regime`` and ``volatility_regime`` are the features of these names where the model has them, so that a word
means the same wherever it stands. Without them the market's regime is unknown, and the volatility is compared here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from huracan_training.dataset import Dataset
from huracan_training.outcomes import trailing_volatility

__all__ = ["MARKET_REGIMES", "TRENDS", "UNKNOWN", "VOLATILITY_REGIMES", "regimes_at", "trends", "volatility_regimes"]

MARKET_REGIMES = ("TREND", "RANGE", "PANIC", "ILLIQUID")
VOLATILITY_REGIMES = ("low", "medium", "high")
"""What the numbers of the two features mean, from 0 on (docs/reference/features.md)."""
TRENDS = ("falling", "sideways", "rising")
UNKNOWN = "unknown"

TREND_BARS = 168
"""Bars over which a trend is looked for: a week of hours."""

TREND_SIZE = 0.5
"""How many standard deviations of a random walk make a trend; a walk without one shows each regime about a third of
the time."""

MEMORY_BARS = 1000
"""Bars that today's volatility is compared with."""


def regimes_at(data: Dataset, rows: np.ndarray) -> tuple[list[str], list[str]]:
    """Return the market's and the volatility's regime at the close of each of ``rows``."""
    market = _named(data, "market_regime", MARKET_REGIMES, rows) or [UNKNOWN] * len(rows)
    volatility = _named(data, "volatility_regime", VOLATILITY_REGIMES, rows)
    return market, volatility or volatility_regimes(data.prices.close, rows)


def _named(data: Dataset, feature: str, words: Sequence[str], rows: np.ndarray) -> list[str]:
    """Return the words for a feature's numbers, nothing where the model has no such feature."""
    if feature not in data.names:
        return []
    numbers = data.x[rows, data.names.index(feature)].tolist()
    meant = dict(enumerate(words))
    return [meant.get(number, UNKNOWN) for number in numbers]


def trends(close: np.ndarray, rows: np.ndarray) -> list[str]:
    """Return the trend at the close of each of ``rows``: the move of the last 168 bars over that of a random walk as
    volatile; unknown where the history is shorter."""
    volatility = trailing_volatility(close, TREND_BARS)
    found = []
    for row in rows.tolist():
        spread = float(volatility[row]) * math.sqrt(TREND_BARS)
        if row < TREND_BARS or not spread > 0:
            found.append(UNKNOWN)
            continue
        move = math.log(close[row] / close[row - TREND_BARS]) / spread
        found.append(TRENDS[1 + (move > TREND_SIZE) - (move < -TREND_SIZE)])
    return found


def volatility_regimes(close: np.ndarray, rows: np.ndarray) -> list[str]:
    """Return the regime at the close of each of ``rows``: in which third of the last 1000 bars' volatilities the
    present one lies; unknown where fewer than 168 are known."""
    volatility = trailing_volatility(close)
    found = []
    for row in rows.tolist():
        past = volatility[max(row - MEMORY_BARS + 1, 0) : row + 1]
        past = past[np.isfinite(past)]
        if len(past) < TREND_BARS:
            found.append(UNKNOWN)
            continue
        share = (np.sum(past < past[-1]) + 0.5 * np.sum(past == past[-1])) / len(past)
        found.append(VOLATILITY_REGIMES[min(int(share * 3), 2)])
    return found
