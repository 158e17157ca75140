"""Returns, bar shapes, averages, volatility and bands. Averages are in quote currency, the rest are fractions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import talib

from huracan.types import FeatureInput
from huracan_features.windows import change, lag, ratio, rolling_mean, rolling_moments, rolling_std

__all__ = ["COLUMNS", "compute"]

COLUMNS = (
    "ret_1", "ret_5", "ret_20", "log_ret_1", "log_ret_5", "price_change", "high_low_ratio", "close_open_ratio",
    "sma_5", "sma_10", "sma_20", "sma_50", "ema_5", "ema_10", "ema_20", "price_vs_sma_20",
    "volatility_5", "volatility_20", "atr_14", "bb_upper", "bb_lower", "bb_width", "price_vs_bb",
)  # fmt: skip


def compute(given: FeatureInput, known: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the columns of this group."""
    del known
    c = given.candles
    close = c.close
    made = {
        "ret_1": change(close, 1),
        "ret_5": change(close, 5),
        "ret_20": change(close, 20),
        "price_change": close - lag(close, 1),
        "high_low_ratio": c.high / c.low,
        "close_open_ratio": close / c.open,
    }
    made["log_ret_1"] = np.log1p(made["ret_1"])
    made["log_ret_5"] = np.log1p(made["ret_5"])
    made["sma_5"], made["sma_10"], made["sma_20"], made["sma_50"] = rolling_mean(close, 5, 10, 20, 50)
    for rows in (5, 10, 20):
        made[f"ema_{rows}"] = talib.EMA(close, rows)
    made["price_vs_sma_20"] = close / made["sma_20"] - 1.0
    (_, made["volatility_5"]), (_, made["volatility_20"]) = rolling_moments(made["log_ret_1"], 5, 20)
    made["atr_14"] = talib.ATR(c.high, c.low, close, 14)
    return made | _bands(close, made["sma_20"], rolling_std(close, 20) * np.sqrt(19 / 20))


def _bands(close: np.ndarray, middle: np.ndarray, deviation: np.ndarray) -> dict[str, np.ndarray]:
    """Bollinger bands of 20 rows and 2 standard deviations (n): width over the middle, place of the close in them."""
    # Twenty equal prices leave a deviation of rounding size: the close then has no place in bands that have no width.
    deviation[deviation <= 1e-12 * middle] = 0.0
    deviation *= 2
    upper, lower = middle + deviation, middle - deviation
    width = upper - lower
    return {
        "bb_upper": upper,
        "bb_lower": lower,
        "bb_width": width / middle,
        "price_vs_bb": ratio(close - lower, width),
    }
