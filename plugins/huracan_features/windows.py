"""Rolling windows over arrays: each value is made of its own window alone, so that history before it changes nothing.

Running sums would be a little faster and would carry rounding, and any NaN, from the first row to the last.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

__all__ = ["lag", "ratio", "rolling", "rolling_beta", "rolling_correlation", "rolling_rank", "windowed"]


def lag(values: np.ndarray, rows: int) -> np.ndarray:
    """Return ``values`` moved ``rows`` rows later; the first ones are NaN."""
    result = np.full(len(values), np.nan)
    if rows < len(values):
        result[rows:] = values[: len(values) - rows]
    return result


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return ``part / whole``, NaN where ``whole`` is 0 or either is unknown."""
    result = np.full(len(part), np.nan)
    np.divide(part, whole, out=result, where=(whole != 0) & np.isfinite(whole) & np.isfinite(part))
    return result


def windowed(values: np.ndarray, rows: int) -> np.ndarray:
    """Return a view of shape (len(values) - rows + 1, rows), empty where there are fewer rows than that."""
    if len(values) < rows:
        return np.empty((0, rows))
    return sliding_window_view(values, rows)


def rolling(values: np.ndarray, rows: int, what: str) -> np.ndarray:
    """Return the ``mean``, ``std`` (n - 1), ``min``, ``max`` or ``sum`` of the last ``rows`` values; NaN before."""
    view = windowed(values, rows)
    if what == "std":
        found = np.sqrt(_squares(view - view.mean(axis=1, keepdims=True)) / (rows - 1))
    else:
        found = getattr(view, what)(axis=1)
    return _after(found, len(values), rows)


def rolling_correlation(left: np.ndarray, right: np.ndarray, rows: int) -> np.ndarray:
    """Return Pearson's correlation of the last ``rows`` pairs; NaN where one side does not vary."""
    a, b = _centred(left, rows), _centred(right, rows)
    scale = np.sqrt(_squares(a) * _squares(b))
    return _after(np.clip(ratio(np.einsum("ij,ij->i", a, b), scale), -1.0, 1.0), len(left), rows)


def rolling_beta(values: np.ndarray, market: np.ndarray, rows: int) -> np.ndarray:
    """Return the slope of ``values`` on ``market`` over the last ``rows`` pairs; NaN where the market does not vary."""
    a, b = _centred(values, rows), _centred(market, rows)
    return _after(ratio(np.einsum("ij,ij->i", a, b), _squares(b)), len(values), rows)


def rolling_rank(values: np.ndarray, rows: int) -> np.ndarray:
    """Return the share of the last ``rows`` values that lie below the newest: 0 to under 1, NaN with any unknown."""
    view = windowed(values, rows)
    below = (view < view[:, -1:]).mean(axis=1)
    known = np.isfinite(view).all(axis=1)
    return _after(np.where(known, below, np.nan), len(values), rows)


def _centred(values: np.ndarray, rows: int) -> np.ndarray:
    view = windowed(values, rows)
    centred: np.ndarray = view - view.mean(axis=1, keepdims=True)
    # What remains of equal values is rounding; it must not become a correlation.
    scale = np.abs(view).max(axis=1, keepdims=True, initial=0.0)
    return np.where(np.abs(centred) > 1e-12 * scale, centred, np.where(np.isnan(centred), np.nan, 0.0))


def _squares(view: np.ndarray) -> np.ndarray:
    squares: np.ndarray = np.einsum("ij,ij->i", view, view)
    return squares


def _after(found: np.ndarray, length: int, rows: int) -> np.ndarray:
    result = np.full(length, np.nan)
    if len(found):
        result[rows - 1 :] = found
    return result
