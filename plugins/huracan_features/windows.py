"""Rolling windows over arrays: each value is made of its own window alone, so that history before it changes nothing.

Running sums would carry rounding, and any NaN, from the first row to the last; taking each window by itself costs rows
times window. Here windows of 1, 2, 4, ... rows are made by joining two neighbours, and any other window is joined of
those: about twice the logarithm of its length in passes over the array, always in the same order.
"""

from __future__ import annotations

import numpy as np

__all__ = [
    "ROUNDING",
    "Pairs",
    "change",
    "lag",
    "ratio",
    "rolling",
    "rolling_mean",
    "rolling_moments",
    "rolling_std",
]

ROUNDING = 1e-10
"""What a variance may be of the mean square before it counts as rounding."""


def lag(values: np.ndarray, rows: int) -> np.ndarray:
    """Return ``values`` moved ``rows`` rows later; the first ones are NaN."""
    result = np.empty(len(values))
    result[:rows] = np.nan
    result[rows:] = values[: max(0, len(values) - rows)]
    return result


def change(values: np.ndarray, rows: int) -> np.ndarray:
    """Return the relative change over ``rows`` rows of values that are above zero or NaN."""
    result = np.empty(len(values))
    result[:rows] = np.nan
    later = result[rows:]
    np.divide(values[rows:], values[: len(later)], out=later)
    later -= 1.0
    return result


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return ``part / whole``, NaN where ``whole`` is 0 or either is unknown."""
    with np.errstate(all="ignore"):
        result: np.ndarray = part / whole
    known = np.isfinite(result)
    np.putmask(result, np.logical_not(known, out=known), np.nan)
    return result


def rolling(join: np.ufunc, values: np.ndarray, *lengths: int) -> list[np.ndarray]:
    """Return, for each length, ``np.add``, ``np.minimum`` or ``np.maximum`` over the last so many values.

    As many as there are values: NaN until the first whole window, and where one holds a NaN.
    """
    found = [np.empty(len(values)) for _ in lengths]
    kept = [values] * len(lengths)
    joined, span = values, 1
    for rows, result in zip(lengths, found, strict=True):
        result[: rows - 1] = np.nan
    while True:
        for number, rows in enumerate(lengths):
            whole, at = found[number][rows - 1 :], rows & (span - 1)
            if rows & span and len(whole):
                piece = joined[at : at + len(whole)]
                if at:
                    join(kept[number], piece, out=whole)
                    kept[number] = whole
                elif rows > span:
                    kept[number] = piece
                else:
                    whole[:] = piece
        if 2 * span > min(max(lengths), len(values)):
            return found
        joined = join(joined[:-span], joined[span:])
        span *= 2


def rolling_mean(values: np.ndarray, *lengths: int) -> list[np.ndarray]:
    """Return the mean of the last so many values, for each length."""
    found = rolling(np.add, values, *lengths)
    for rows, each in zip(lengths, found, strict=True):
        each /= rows
    return found


def rolling_moments(values: np.ndarray, *lengths: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return mean and standard deviation (n - 1), for each length, of values that do not lie far from zero, as returns.

    Sums in one pass lose what is smaller than the mean square by rounding; a variance that small is taken as none.
    """
    sums, squares = rolling(np.add, values, *lengths), rolling(np.add, values * values, *lengths)
    for rows, total, spread in zip(lengths, sums, squares, strict=True):
        _deviations(total, spread, rows)
        spread /= rows - 1
        np.sqrt(spread, out=spread)
        total /= rows
    return list(zip(sums, squares, strict=True))


def _deviations(total: np.ndarray, squares: np.ndarray, rows: int) -> None:
    """Make sums of squares into sums of squared deviations from the mean."""
    least = ROUNDING * squares
    apart = total * total
    apart /= rows
    squares -= apart
    squares[squares <= least] = 0.0


def rolling_std(values: np.ndarray, rows: int) -> np.ndarray:
    """Return the standard deviation (n - 1) of the last ``rows`` values.

    Squared deviations from the mean are joined as in Chan, Golub and LeVeque, Updating Formulae and a Pairwise
    Algorithm for Computing Sample Variances (1979): nothing is lost where the mean is large.
    """
    result = np.full(len(values), np.nan)
    whole = result[rows - 1 :]
    sums, squares, span = values, values - values, 1
    total = spread = np.empty(0)
    while len(whole) and span <= rows:
        at = rows & (span - 1)
        if rows & span:
            piece, more = sums[at : at + len(whole)], squares[at : at + len(whole)]
            if at:
                apart = piece / span - total / at
                spread = spread + more + apart * apart * (at * span / (at + span))
                total = total + piece
            else:
                total, spread = piece, more
        if 2 * span <= rows:
            apart = sums[span:] - sums[:-span]
            squares = squares[:-span] + squares[span:] + apart * apart * (0.5 / span)
            sums = sums[:-span] + sums[span:]
        span *= 2
    whole[:] = np.sqrt(spread / (rows - 1))
    return result


class Pairs:
    """How a column moves with another over the last ``rows`` pairs of values around zero, as returns are."""

    def __init__(self, values: np.ndarray, rows: int) -> None:
        self._values, self._rows = values, rows
        (self._sum,), (self._spread,) = rolling(np.add, values, rows), rolling(np.add, values * values, rows)
        _deviations(self._sum, self._spread, rows)

    def correlation(self, other: Pairs) -> np.ndarray:
        """Return Pearson's correlation; NaN where one side does not vary."""
        found = ratio(self._with(other), np.sqrt(self._spread * other._spread))
        return np.clip(found, -1.0, 1.0, out=found)

    def slope_on(self, market: Pairs) -> np.ndarray:
        """Return the slope of these values on those of the market; NaN where the market does not vary."""
        return ratio(self._with(market), market._spread)

    def _with(self, other: Pairs) -> np.ndarray:
        (together,) = rolling(np.add, self._values * other._values, self._rows)
        apart = self._sum * other._sum
        apart /= self._rows
        together -= apart
        return together
