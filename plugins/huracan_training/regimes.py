"""In which market a row stood: is the coin rising or falling, and is it quiet or wild, as known at the row's close."""

from __future__ import annotations

import math

import numpy as np

from huracan_training.outcomes import trailing_volatility

__all__ = ["MARKET_REGIMES", "UNKNOWN", "VOLATILITY_REGIMES", "market_regimes", "volatility_regimes"]

MARKET_REGIMES = ("falling", "sideways", "rising")
VOLATILITY_REGIMES = ("quiet", "normal", "wild")
UNKNOWN = "unknown"

TREND_BARS = 168
"""Bars over which a trend is looked for: a week of hours."""

TREND_SIZE = 0.5
"""How many standard deviations of a random walk make a trend; a walk without one shows each regime about a third of
the time."""

MEMORY_BARS = 1000
"""Bars that today's volatility is compared with."""


def market_regimes(close: np.ndarray, rows: np.ndarray) -> list[str]:
    """Return the regime at the close of each of ``rows``: the move of the last 168 bars over that of a random walk as
    volatile; unknown where the history is shorter."""
    volatility = trailing_volatility(close, TREND_BARS)
    found = []
    for row in rows.tolist():
        spread = float(volatility[row]) * math.sqrt(TREND_BARS)
        if row < TREND_BARS or not spread > 0:
            found.append(UNKNOWN)
            continue
        move = math.log(close[row] / close[row - TREND_BARS]) / spread
        found.append(MARKET_REGIMES[1 + (move > TREND_SIZE) - (move < -TREND_SIZE)])
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
