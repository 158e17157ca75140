"""How the coin moves with the market, which regime it is in, and what time it is.

Categories are numbers: ``VOLATILITY_REGIMES`` and ``MARKET_REGIMES`` name them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from huracan.types import FeatureInput
from huracan_features.windows import ROUNDING, Pairs, change, rolling_mean, rolling_moments

__all__ = ["COLUMNS", "MARKET_REGIMES", "VOLATILITY_REGIMES", "compute"]

COLUMNS = (
    "btc_correlation", "eth_correlation", "market_beta", "volatility_regime", "market_regime",
    "hour_of_day", "day_of_week", "is_weekend",
)  # fmt: skip

VOLATILITY_REGIMES = ("low", "medium", "high")
MARKET_REGIMES = ("TREND", "RANGE", "PANIC", "ILLIQUID")

MARKET_ROWS = 72
"""Rows of correlation and beta: three days of hourly bars, enough to settle and short enough to change."""

REGIME_ROWS = 200
THIRD, PANIC_LIMIT = 0.43, 1.64
"""Standard deviations from the mean: what parts a normal distribution into thirds, and what 5 % of it lie above."""

TREND_ADX = 25.0
"""Wilder, New Concepts in Technical Trading Systems: above 25 a market trends."""

ILLIQUID_SHARE = 0.2
HOUR_MS = 3_600_000


def compute(given: FeatureInput, known: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the columns of this group; without a reference its columns are NaN."""
    loudness = _standing(known["volatility_20"])
    coin = Pairs(known["log_ret_1"], MARKET_ROWS)
    btc, eth = (Pairs(_returns(given, base), MARKET_ROWS) for base in ("BTC", "ETH"))
    return {
        "btc_correlation": coin.correlation(btc),
        "eth_correlation": coin.correlation(eth),
        "market_beta": coin.slope_on(btc),
        "volatility_regime": np.where(np.isnan(loudness), np.nan, 1.0 * (loudness >= -THIRD) + (loudness > THIRD)),
        "market_regime": _regime(given, known, loudness),
        **_calendar(given.candles.timestamp),
    }


def _standing(volatility: np.ndarray) -> np.ndarray:
    """Return how many standard deviations above its mean of the last rows it lies; 0 where it does not vary."""
    ((mean, deviation),) = rolling_moments(volatility, REGIME_ROWS)
    deviation[deviation <= ROUNDING * mean] = np.inf
    standing: np.ndarray = (volatility - mean) / deviation
    return standing


def _returns(given: FeatureInput, base: str) -> np.ndarray:
    close = given.reference.get(base)
    if close is None:
        return np.full(len(given.candles), np.nan)
    with np.errstate(all="ignore"):
        logarithm: np.ndarray = np.log1p(change(close, 1))
    logarithm[np.isinf(logarithm)] = np.nan
    return logarithm


def _regime(given: FeatureInput, known: Mapping[str, np.ndarray], loudness: np.ndarray) -> np.ndarray:
    """Thin before panic before trend: the first that holds names the row."""
    (usual,) = rolling_mean(given.candles.volume, REGIME_ROWS)
    thin = known["volume_sma_20"] <= ILLIQUID_SHARE * usual
    panic = (loudness > PANIC_LIMIT) & (known["ret_20"] < 0)
    trend = known["adx_14"] > TREND_ADX
    regime = np.select([thin, panic, trend], [3.0, 2.0, 0.0], default=1.0)
    return np.where(np.isfinite(loudness) & np.isfinite(usual), regime, np.nan)


def _calendar(timestamp: np.ndarray) -> dict[str, np.ndarray]:
    """Hour 0-23 and weekday (Monday 0) of the bar's open, UTC; 1970-01-01 was a Thursday."""
    hour = (timestamp // HOUR_MS).astype(np.int32)  # divides several times as fast as 64 bits
    weekday = (hour // 24 + 3) % 7
    return {
        "hour_of_day": (hour % 24).astype(np.float64),
        "day_of_week": weekday.astype(np.float64),
        "is_weekend": (weekday >= 5).astype(np.float64),
    }
