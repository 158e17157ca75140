"""Rolling windows over arrays: each value is made of its own window alone, so that history before it changes nothing.

Running sums would be a little faster and would carry rounding, and any NaN, from the first row to the last.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

__all__ = [
    "ROUNDING",
    "lag",
    "ratio",
    "rolling",
    "rolling_beta",
    "rolling_correlation",
    "rolling_count",
    "rolling_rank",
    "windowed",
]

ROUNDING = 1e-10
"""What a variance may be of the mean square before it counts as rounding."""


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


def rolling_count(marks: np.ndarray, rows: int) -> np.ndarray:
    """Return how many of the last ``rows`` marks are true, as whole numbers; fewer rows count as false."""
    counted = np.cumsum(marks)
    counted[rows:] -= counted[:-rows].copy()
    return counted


def rolling_correlation(left: np.ndarray, right: np.ndarray, rows: int) -> np.ndarray:
    """Return Pearson's correlation of the last ``rows`` pairs; NaN where one side does not vary."""
    scale = np.sqrt(_spread(left, left, rows) * _spread(right, right, rows))
    return _after(np.clip(ratio(_spread(left, right, rows), scale), -1.0, 1.0), len(left), rows)


def rolling_beta(values: np.ndarray, market: np.ndarray, rows: int) -> np.ndarray:
    """Return the slope of ``values`` on ``market`` over the last ``rows`` pairs; NaN where the market does not vary."""
    return _after(ratio(_spread(values, market, rows), _spread(market, market, rows)), len(values), rows)


def rolling_rank(values: np.ndarray, rows: int) -> np.ndarray:
    """Return the share of the last ``rows`` values that lie below the newest: 0 to under 1, NaN with any unknown."""
    view = windowed(values, rows)
    below = np.count_nonzero(view < view[:, -1:], axis=1) / rows
    ranked = _after(below, len(values), rows)
    return np.where(rolling_count(~np.isfinite(values), rows) == 0, ranked, np.nan)


def _spread(left: np.ndarray, right: np.ndarray, rows: int) -> np.ndarray:
    """Return the sum of products of deviations from the mean in each window: for values around zero, as returns are.

    Sums in one pass lose what is smaller than the mean square by rounding; a variance that small is taken as none.
    """
    a, b = windowed(left, rows), windowed(right, rows)
    products: np.ndarray = np.einsum("ij,ij->i", a, b)
    spread: np.ndarray = products - np.einsum("ij->i", a) * np.einsum("ij->i", b) / rows
    if left is right:
        return np.where(spread <= ROUNDING * products, 0.0, spread)
    return spread


def _squares(view: np.ndarray) -> np.ndarray:
    squares: np.ndarray = np.einsum("ij,ij->i", view, view)
    return squares


def _after(found: np.ndarray, length: int, rows: int) -> np.ndarray:
    result = np.full(length, np.nan)
    if len(found):
        result[rows - 1 :] = found
    return result
