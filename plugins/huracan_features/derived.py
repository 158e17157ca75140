"""Lags, rolling extremes and moments, and interactions of what the other groups made. All are fractions or ratios."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from huracan.types import FeatureInput
from huracan_features.windows import lag, ratio, rolling, rolling_moments

__all__ = ["COLUMNS", "compute"]

LAGS = {"ret_1": (1, 2, 3, 6, 12, 24), "volume_ratio": (1, 2, 3), "rsi_14": (1, 6), "macd_histogram": (1,)}
EXTREME_ROWS = (20, 50, 100)
EXTREMES = {"min": np.minimum, "max": np.maximum}
MOMENT_ROWS = (10, 50, 100)
INTERACTIONS = (
    ("ret_1", "volume_ratio"),
    ("ret_5", "volume_ratio"),
    ("rsi_14", "volume_ratio"),
    ("ret_5", "trend_strength"),
    ("ret_20", "trend_strength"),
    ("ret_5", "btc_correlation"),
    ("volatility_20", "trend_strength"),
    ("price_vs_sma_20", "adx_14"),
)

COLUMNS = (
    *(f"{name}_lag_{rows}" for name, lags in LAGS.items() for rows in lags),
    *(f"close_{what}_{rows}" for rows in EXTREME_ROWS for what in ("min", "max")),
    *(f"ret_1_{what}_{rows}" for rows in MOMENT_ROWS for what in ("mean", "std")),
    *(f"volume_{what}_20" for what in ("min", "max", "std")),
    *(f"{left}_x_{right}" for left, right in INTERACTIONS),
)


def compute(given: FeatureInput, known: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the columns of this group; extremes of the close are relative to it, volumes to their mean."""
    close = given.candles.close
    moves, volume = known["ret_1"], given.candles.volume
    made = {f"{name}_lag_{rows}": lag(known[name], rows) for name, lags in LAGS.items() for rows in lags}
    for what, join in EXTREMES.items():
        for rows, extreme in zip(EXTREME_ROWS, rolling(join, close, *EXTREME_ROWS), strict=True):
            extreme /= close
            extreme -= 1.0
            made[f"close_{what}_{rows}"] = extreme
        (extreme,) = rolling(join, volume, 20)
        made[f"volume_{what}_20"] = ratio(extreme, known["volume_sma_20"])
    for rows, (mean, deviation) in zip(MOMENT_ROWS, rolling_moments(moves, *MOMENT_ROWS), strict=True):
        made[f"ret_1_mean_{rows}"], made[f"ret_1_std_{rows}"] = mean, deviation
    ((_, deviation),) = rolling_moments(volume, 20)
    made["volume_std_20"] = ratio(deviation, known["volume_sma_20"])
    for left, right in INTERACTIONS:
        made[f"{left}_x_{right}"] = known[left] * known[right]
    return made
