"""Puts one market's closes beside another's rows without looking ahead."""

from __future__ import annotations

import numpy as np

from huracan.market.candles import Candles

__all__ = ["align_reference"]


def align_reference(candles: Candles, reference: Candles) -> np.ndarray:
    """Return, for each row of ``candles``, the last close of ``reference`` that is known when that row closes.

    Both have the same timeframe and are sorted by time. NaN where the reference has not begun. Shape (rows,).
    """
    if len(reference) == 0:
        return np.full(len(candles), np.nan)
    # Bars of one timeframe that open together close together: the reference's row of the same time is known.
    rows = np.searchsorted(reference.timestamp, candles.timestamp, side="right") - 1
    return np.where(rows >= 0, reference.close[np.maximum(rows, 0)], np.nan)
