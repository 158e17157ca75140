"""Oscillators and strength of trend. RSI, stochastics and ADX run from 0 to 100, MACD is in quote currency."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import talib

from huracan.types import FeatureInput
from huracan_features.windows import lag, ratio, rolling

__all__ = ["COLUMNS", "compute"]

COLUMNS = ("rsi_14", "macd", "macd_signal", "macd_histogram", "stoch_k", "stoch_d", "adx_14", "trend_strength")

TREND_ROWS = 20


def compute(given: FeatureInput, known: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the columns of this group."""
    del known
    c = given.candles
    macd, signal, histogram = talib.MACD(c.close, 12, 26, 9)
    stoch_k, stoch_d = talib.STOCH(c.high, c.low, c.close, fastk_period=14, slowk_period=3, slowd_period=3)
    return {
        "rsi_14": talib.RSI(c.close, 14),
        "macd": macd,
        "macd_signal": signal,
        "macd_histogram": histogram,
        "stoch_k": stoch_k,
        "stoch_d": stoch_d,
        "adx_14": talib.ADX(c.high, c.low, c.close, 14),
        "trend_strength": _efficiency(c.close),
    }


def _efficiency(close: np.ndarray) -> np.ndarray:
    """Return Kaufman's efficiency ratio over 20 rows: distance gone over way walked, 0 (none) to 1 (straight).

    Kaufman, Trading Systems and Methods, "Adaptive Moving Average". A market that stood still went straight nowhere: 0.
    """
    gone, step = close - lag(close, TREND_ROWS), close - lag(close, 1)
    (walked,) = rolling(np.add, np.abs(step, out=step), TREND_ROWS)
    strength = ratio(np.abs(gone, out=gone), walked)
    np.minimum(strength, 1.0, out=strength)
    strength[walked == 0] = 0.0
    return strength
