"""The features `stranger`: the share of each bar that is its body, and its mean over 24 bars."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from huracan.types import FeatureInput

__all__ = ["COLUMNS", "WARMUP", "compute"]

WINDOW = 24
COLUMNS = ("stranger_body", "stranger_body_mean")
WARMUP = WINDOW
"""Rows that are not learned from: the mean is unknown in them."""


def compute(data: FeatureInput) -> Mapping[str, np.ndarray]:
    """Return each column as float64, as long as the candles: row t knows rows up to t, what is unknown is NaN."""
    candles = data.candles
    height = candles.high - candles.low
    body = np.full(len(candles), np.nan)
    np.divide(candles.close - candles.open, height, out=body, where=height > 0)
    return dict(zip(COLUMNS, (body, rolling_mean(body, WINDOW)), strict=True))


def rolling_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Return the mean of the last ``window`` values; NaN where one of them is unknown or missing.

    Each row is computed from its own window: running sums would never forget an unknown value.
    """
    mean = np.full(len(values), np.nan)
    if len(values) >= window:
        mean[window - 1 :] = np.lib.stride_tricks.sliding_window_view(values, window).mean(axis=1)
    return mean
