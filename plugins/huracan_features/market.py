"""How the coin moves with the market, which regime it is in, and what time it is.

Categories are numbers: ``VOLATILITY_REGIMES`` and ``MARKET_REGIMES`` name them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from huracan.types import FeatureInput
from huracan_features.windows import lag, ratio, rolling, rolling_beta, rolling_correlation, rolling_rank

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
PANIC_RANK = 0.95
TREND_ADX = 25.0
"""Wilder, New Concepts in Technical Trading Systems: above 25 a market trends."""

ILLIQUID_SHARE = 0.2
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def compute(given: FeatureInput, known: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the columns of this group; without a reference its columns are NaN."""
    rank = rolling_rank(known["volatility_20"], REGIME_ROWS)
    btc, eth = (_returns(given, base) for base in ("BTC", "ETH"))
    return {
        "btc_correlation": rolling_correlation(known["log_ret_1"], btc, MARKET_ROWS),
        "eth_correlation": rolling_correlation(known["log_ret_1"], eth, MARKET_ROWS),
        "market_beta": rolling_beta(known["log_ret_1"], btc, MARKET_ROWS),
        "volatility_regime": np.where(np.isfinite(rank), np.floor(rank * 3), np.nan),
        "market_regime": _regime(given, known, rank),
        **_calendar(given.candles.timestamp),
    }


def _returns(given: FeatureInput, base: str) -> np.ndarray:
    close = given.reference.get(base)
    if close is None:
        return np.full(len(given.candles), np.nan)
    change = ratio(close, lag(close, 1))
    logarithm: np.ndarray = np.log(change, out=np.full(len(change), np.nan), where=np.isfinite(change) & (change > 0))
    return logarithm


def _regime(given: FeatureInput, known: Mapping[str, np.ndarray], rank: np.ndarray) -> np.ndarray:
    """Thin before panic before trend: the first that holds names the row."""
    volume = given.candles.volume
    usual = rolling(volume, REGIME_ROWS, "mean")
    thin = rolling(volume, 20, "mean") <= ILLIQUID_SHARE * usual
    panic = (rank >= PANIC_RANK) & (known["ret_20"] < 0)
    trend = known["adx_14"] > TREND_ADX
    regime = np.select([thin, panic, trend], [3.0, 2.0, 0.0], default=1.0)
    return np.where(np.isfinite(rank) & np.isfinite(usual), regime, np.nan)


def _calendar(timestamp: np.ndarray) -> dict[str, np.ndarray]:
    """Hour 0-23 and weekday (Monday 0) of the bar's open, UTC; 1970-01-01 was a Thursday."""
    weekday = (timestamp // DAY_MS + 3) % 7
    return {
        "hour_of_day": (timestamp // HOUR_MS % 24).astype(np.float64),
        "day_of_week": weekday.astype(np.float64),
        "is_weekend": (weekday >= 5).astype(np.float64),
    }
