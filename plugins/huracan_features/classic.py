"""The feature set ``classic``: every feature of the requirements, by name, from one pass over the candles."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from huracan.errors import DataError
from huracan.market.candles import COLUMNS as CANDLE_COLUMNS
from huracan.market.candles import Candles
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
    """Return all columns, in the order of ``COLUMNS``; each group may read what the groups before it made.

    Raises DataError for a price that is not finite and above zero, or a volume that is not finite or below zero.
    """
    _refuse_impossible(given.candles)
    known: dict[str, np.ndarray] = {}
    for group in _GROUPS:
        known |= group.compute(given, known)
    return {name: known[name] for name in COLUMNS}


def _refuse_impossible(candles: Candles) -> None:
    # After one NaN TA-Lib's RSI is 0.0 to the end of the file, a value like any other.
    columns = candles.columns()
    possible = np.isfinite(candles.volume) & (candles.volume >= 0)
    for name in CANDLE_COLUMNS[1:5]:
        possible &= np.isfinite(columns[name]) & (columns[name] > 0)
    if not possible.all():
        row = int(np.argmin(possible))
        bar = ", ".join(f"{name} {columns[name][row]:g}" for name in CANDLE_COLUMNS[1:])
        raise DataError("candles", f"row {row}: {bar}; features of what follows would be wrong")


CLASSIC = FeatureSet("classic", 2, COLUMNS, WARMUP, compute)
