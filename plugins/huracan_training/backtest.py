"""What a model's scores would have earned: long only, one position at a time, entered at the next bar's open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from huracan_training.outcomes import Outcomes, Prices
from huracan_training.splits import label_reach

__all__ = ["STAY_OUT", "Backtest", "backtest", "signals_above"]

STAY_OUT = float("inf")
"""The threshold of a fold that found nothing worth trading."""


@dataclass(frozen=True, slots=True, eq=False)
class Backtest:
    """One entry per trade and one return per tested bar; all are fractions, after costs unless called gross.

    ``gross`` and ``trades`` are returns of what was put in, ``returns`` those of the whole equity: a trade's return
    counts by its ``stakes``, the share of the equity that was put in.

    ``signals`` are the rows whose close decided on a trade, bought at the open of the row after. ``returns`` mark the
    position at each bar's close; compounded, they are the product of ``1 + stake * trade``. ``held`` says for each bar
    whether its close found a position open.
    """

    signals: np.ndarray
    gross: np.ndarray
    trades: np.ndarray
    stakes: np.ndarray
    returns: np.ndarray
    held: np.ndarray


def backtest(
    prices: Prices, outcomes: Outcomes, scores: np.ndarray, threshold: float, start: int, stop: int, horizon: int
) -> Backtest:
    """Trade the scores of rows ``start <= row < stop`` and nothing outside of them.

    ``scores`` belong to the rows from ``start`` on, ``prices`` and ``outcomes`` to all rows. A score above
    ``threshold`` at the close of row t buys the open of t + 1. A position that is open then blocks it; one that is sold
    at that very open, or before, does not. A trade that could reach past the range is not made.
    """
    signals = signals_above(outcomes, scores, threshold, start, stop, horizon)
    growth, held = np.ones(stop - start), np.zeros(stop - start, dtype=bool)
    for signal in signals.tolist():
        _mark(prices, outcomes, signal, start, growth, held)
    return Backtest(
        signals, outcomes.gross[signals], outcomes.net[signals], outcomes.stake[signals], growth - 1.0, held
    )


def signals_above(
    outcomes: Outcomes, scores: np.ndarray, threshold: float, start: int, stop: int, horizon: int
) -> np.ndarray:
    """Return the rows of the scores above ``threshold`` that find no position open and whose trade ends in range."""
    wanted = np.flatnonzero(scores[: stop - start] > threshold) + start
    wanted = wanted[wanted <= stop - 1 - label_reach(horizon)]
    # The first row whose signal may follow: sold at the open of row e, the close of e - 1 may buy that open again.
    free = outcomes.exit_row[wanted] - np.where(outcomes.inside[wanted], 0, 1)
    after = np.searchsorted(wanted, free).tolist()
    chosen, position = [], 0
    while position < len(wanted):
        chosen.append(position)
        position = max(after[position], position + 1)
    return wanted[chosen]


def _mark(prices: Prices, outcomes: Outcomes, signal: int, start: int, growth: np.ndarray, held: np.ndarray) -> None:
    """Put one trade into the growth of each bar: what was put in grows, the rest of the equity waits."""
    entry, leave = signal + 1, int(outcomes.exit_row[signal])
    worth = np.empty(leave - entry + 1)
    worth[:-1] = prices.close[entry:leave] * np.cumprod(prices.carry[entry:leave])
    worth[-1] = outcomes.exit_price[signal] * (1.0 - prices.leave[leave]) * np.prod(prices.carry[entry:leave])
    worth *= (1.0 - prices.enter[entry]) / prices.open[entry]
    stake = outcomes.stake[signal]
    equity = np.concatenate([[1.0], 1.0 - stake + stake * worth])
    growth[entry - start : leave - start + 1] *= equity[1:] / equity[:-1]
    held[entry - start : leave - start] = True
