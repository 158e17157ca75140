"""What a model's scores would have earned: long only, one position at a time, entered at the next bar's open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Backtest", "TradeCosts", "backtest", "enter_rows"]


@dataclass(frozen=True, slots=True)
class TradeCosts:
    """Costs of one trade as fractions of its value: at the entry, and at the exit (with what holding it costs)."""

    entry: float
    exit: float

    @property
    def round_trip(self) -> float:
        return self.entry + self.exit


@dataclass(frozen=True, slots=True, eq=False)
class Backtest:
    """One entry per trade and one return per tested bar; all are fractions, after costs unless called gross.

    ``entered`` and ``left`` are rows: a trade pays the open of one and gets the open of the other. ``returns`` mark
    the position at each bar's close; their compounded product is that of ``trades``. ``held`` says for each bar
    whether its close found a position open.
    """

    entered: np.ndarray
    left: np.ndarray
    gross: np.ndarray
    trades: np.ndarray
    returns: np.ndarray
    held: np.ndarray


def enter_rows(scores: np.ndarray, threshold: float, start: int, stop: int, horizon: int) -> np.ndarray:
    """Return the rows whose open is bought.

    A score above ``threshold`` at the close of row t buys the open of t + 1 and sells the open of t + 1 + horizon; a
    position that is open at t + 1 blocks it, one that is sold at that very open does not. Every trade lies inside
    ``start <= row < stop``. ``scores`` belong to the rows from ``start`` on.
    """
    signals = np.flatnonzero(scores[: stop - start] > threshold) + start
    entries = []
    free_from, last = start + 1, stop - 1 - horizon
    position = 0
    while position < len(signals):
        entry = int(signals[position]) + 1
        if entry > last:
            break
        if entry >= free_from:
            entries.append(entry)
            free_from = entry + horizon
        position = int(np.searchsorted(signals, max(free_from - 1, signals[position] + 1)))
    return np.array(entries, dtype=np.int64)


def backtest(
    opens: np.ndarray,
    closes: np.ndarray,
    scores: np.ndarray,
    threshold: float,
    start: int,
    stop: int,
    horizon: int,
    costs: TradeCosts,
) -> Backtest:
    """Trade the scores of rows ``start <= row < stop`` and nothing outside of them.

    ``opens`` and ``closes`` are those of all rows; only prices inside the range are read.
    """
    entered = enter_rows(scores, threshold, start, stop, horizon)
    left = entered + horizon
    gross = opens[left] / opens[entered] - 1.0
    trades = (1.0 + gross) * (1.0 - costs.entry) * (1.0 - costs.exit) - 1.0
    growth = np.ones(stop - start)
    held = np.zeros(stop - start, dtype=bool)
    step = np.ones(stop - start)
    step[1:] = closes[start + 1 : stop] / closes[start : stop - 1]
    for entry, leave in zip(entered, left, strict=True):
        first, last = entry - start, leave - start
        growth[first] *= (1.0 - costs.entry) * closes[entry] / opens[entry]
        growth[first + 1 : last] *= step[first + 1 : last]
        growth[last] *= (1.0 - costs.exit) * opens[leave] / closes[leave - 1]
        held[first:last] = True
    return Backtest(entered, left, gross, trades, growth - 1.0, held)
