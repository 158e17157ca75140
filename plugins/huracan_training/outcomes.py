"""What the trade of each row would have brought: bought at the next bar's open, sold by the rule of the labels.

Two rules (``training.label.kind``): ``forward`` sells after the horizon; ``barrier`` is the triple-barrier method
(Lopez de Prado 2018, Advances in Financial Machine Learning, section 3.4): it sells where the price first touches a
barrier above or below the entry, and after the horizon where it touches none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from huracan.market.candles import Candles
from huracan_training.settings import LabelSettings
from huracan_training.splits import label_reach

__all__ = ["Outcomes", "Prices", "find_outcomes", "forward_returns", "trailing_volatility"]

VOLATILITY_BARS = 96
"""Bars that the volatility of barriers and weights is measured over, up to the row's own close."""


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """Prices of every row and what dealing at them costs, all of shape (rows,).

    ``enter`` and ``leave`` are the costs of a side as fractions for an order filled in that row's bar; ``carry`` is
    what a long position keeps while that bar lasts, 1 minus the funding paid at its end.
    """

    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    enter: np.ndarray
    leave: np.ndarray
    carry: np.ndarray

    @classmethod
    def of(cls, candles: Candles, enter: np.ndarray, leave: np.ndarray, carry: np.ndarray) -> Prices:
        return cls(candles.open, candles.high, candles.low, candles.close, enter, leave, carry)


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """The trade that a signal at each row's close leads to, shape (rows,); entered at the open of the next row.

    ``exit_row`` is the bar in which it is sold at ``exit_price``, ``inside`` whether that is after the bar's open
    (a barrier) rather than at it. ``gross`` is the return before and ``net`` after all costs, both NaN where the
    horizon reaches past the last row; ``scale`` is the standard deviation of returns over the horizon, known at the
    row's close, and ``stake`` the share of the equity that is put in for it.
    """

    exit_row: np.ndarray
    exit_price: np.ndarray
    inside: np.ndarray
    gross: np.ndarray
    net: np.ndarray
    scale: np.ndarray
    stake: np.ndarray


def find_outcomes(prices: Prices, horizon: int, rule: LabelSettings, risk: float) -> Outcomes:
    """Return the outcome of every row's trade.

    Its stake is such that a move of one standard deviation over the horizon costs the share ``risk`` of the equity, and
    at most all of it: quiet and wild times weigh alike, and a drawdown says something about the model rather than about
    how much the coin moves (Moskowitz, Ooi and Pedersen 2012, "Time Series Momentum", section 2.4).
    """
    rows, reach = len(prices.open), label_reach(horizon)
    scale = trailing_volatility(prices.close) * math.sqrt(horizon)
    known = max(rows - reach, 0)
    at = np.arange(known)
    exit_row, inside = at + reach, np.zeros(known, dtype=bool)
    exit_price = prices.open[exit_row].copy()
    if rule.kind == "barrier" and known:
        exit_row, exit_price, inside = _first_touch(prices, scale[:known], horizon, rule)
    gross = exit_price / prices.open[at + 1] - 1.0
    carried = np.concatenate([[0.0], np.cumsum(np.log(prices.carry))])
    kept = np.exp(carried[exit_row] - carried[at + 1])
    net = (1.0 + gross) * (1.0 - prices.enter[at + 1]) * (1.0 - prices.leave[exit_row]) * kept - 1.0
    unknown = rows - known
    return Outcomes(
        np.concatenate([exit_row, np.full(unknown, -1)]),
        _padded(exit_price, unknown),
        np.concatenate([inside, np.zeros(unknown, dtype=bool)]),
        _padded(gross, unknown),
        _padded(net, unknown),
        scale,
        np.minimum(risk / np.where(scale > 0, scale, np.inf), 1.0),
    )


def _first_touch(
    prices: Prices, scale: np.ndarray, horizon: int, rule: LabelSettings
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return row and price of the first barrier touched and whether one was, for rows ``0 .. len(scale)``.

    Where one bar touches both, the loss counts: the order inside a bar is not known. A bar that opens beyond a barrier
    is sold at its open. Rows whose volatility is not known yet have no barriers.
    """
    at = np.arange(len(scale))
    entry = prices.open[at + 1]
    width = np.where(np.isfinite(scale), scale, np.inf)
    above, below = entry * (1 + rule.take_profit * width), np.maximum(entry * (1 - rule.stop_loss * width), 0.0)
    exit_row, exit_price = at + label_reach(horizon), prices.open[at + label_reach(horizon)].copy()
    inside, open_still = np.zeros(len(at), dtype=bool), np.ones(len(at), dtype=bool)
    for later in range(1, horizon + 1):
        row = at + later
        lost = open_still & (prices.low[row] <= below)
        won = open_still & ~lost & (prices.high[row] >= above)
        exit_price = np.where(lost, np.minimum(below, prices.open[row]), exit_price)
        exit_price = np.where(won, np.maximum(above, prices.open[row]), exit_price)
        touched = lost | won
        exit_row = np.where(touched, row, exit_row)
        inside |= touched
        open_still &= ~touched
    return exit_row, exit_price, inside


def forward_returns(opens: np.ndarray, horizon: int) -> np.ndarray:
    """Return the gross return of buying the next bar's open and selling ``horizon`` bars later, NaN where unknown."""
    result = np.full(len(opens), np.nan)
    reach = label_reach(horizon)
    if len(opens) > reach:
        result[:-reach] = opens[reach:] / opens[1:-horizon] - 1.0
    return result


def trailing_volatility(close: np.ndarray, bars: int = VOLATILITY_BARS) -> np.ndarray:
    """Return the root mean square of the last ``bars`` log returns at each close, NaN before there are 10 of them.

    Fewer are used at the beginning. Squares are summed window by window, so that no row depends on rounding long ago.
    """
    squares = np.concatenate([[0.0], np.diff(np.log(close)) ** 2])
    result = np.full(len(close), np.nan)
    if len(close) > bars:
        view = np.lib.stride_tricks.sliding_window_view(squares, bars)
        result[bars:] = np.sqrt(view[1:].mean(axis=1))
    first = min(bars, len(close))
    counts = np.arange(first)
    with np.errstate(invalid="ignore", divide="ignore"):
        result[:first] = np.sqrt(np.cumsum(squares[:first]) / counts)
    result[: min(10, first)] = np.nan
    return result


def _padded(values: np.ndarray, count: int) -> np.ndarray:
    return np.concatenate([values, np.full(count, np.nan)])
