"""The feature set ``classic``: every feature of the requirements, by name, from one pass over the candles."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from huracan.types import FeatureInput, FeatureSet
from huracan_features import derived, market, momentum, price, volume

__all__ = ["CLASSIC", "WARMUP"]

WARMUP = 250
"""Rows until recursive indicators (EMA, RSI, MACD, ADX, ATR) have forgotten where they began.

After 250 rows the weight of everything before the first row is under 1e-7 for the slowest single smoothing (MACD's 26
rows, Wilder's 14) and under 1e-5 for ADX, which smooths twice.
"""

_GROUPS = (price, momentum, volume, market, derived)

COLUMNS = tuple(name for group in _GROUPS for name in group.COLUMNS)


def compute(given: FeatureInput) -> Mapping[str, np.ndarray]:
    """Return all columns, in the order of ``COLUMNS``; each group may read what the groups before it made."""
    known: dict[str, np.ndarray] = {}
    for group in _GROUPS:
        known |= group.compute(given, known)
    return {name: known[name] for name in COLUMNS}


CLASSIC = FeatureSet("classic", 1, COLUMNS, WARMUP, compute)
