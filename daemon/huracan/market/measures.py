"""Measures of performance: arrays of fractions in, floats out; None where a measure does not exist, never NaN."""

from __future__ import annotations

import math

import numpy as np

LARGEST_WEALTH = 1e300
"""Where wealth stops to grow: a result past this is nonsense, and must be a number all the same."""

__all__ = ["LARGEST_WEALTH", "equity_curve", "hit_rate", "max_drawdown", "net_pnl", "profit_factor", "sharpe"]


def equity_curve(returns: np.ndarray) -> np.ndarray:
    """Return wealth after each bar, starting from 1 before the first: shape (bars + 1,).

    It stays at 0 once everything is lost, and never passes ``LARGEST_WEALTH``.
    """
    wealth: np.ndarray = np.exp(np.minimum(_log_wealth(returns), math.log(LARGEST_WEALTH)))
    return wealth


def net_pnl(returns: np.ndarray) -> float:
    """Return the compounded result of all bars as a fraction, from -1 to ``LARGEST_WEALTH``."""
    return math.expm1(min(float(_log_wealth(returns)[-1]), math.log(LARGEST_WEALTH)))


def sharpe(returns: np.ndarray, bars_per_year: float) -> float | None:
    """Return the annualised Sharpe ratio of returns per bar against cash at zero.

    ``mean / standard deviation (n - 1) * sqrt(bars_per_year)`` (Sharpe 1994, "The Sharpe Ratio"); bars without a
    position count, as returns of 0. None for fewer than two bars or returns that do not vary.
    """
    if len(returns) < 2:
        return None
    deviation = float(np.std(returns, ddof=1))
    # Equal returns leave a deviation of rounding size, not always an exact zero.
    if deviation <= 1e-12 * max(1.0, float(np.abs(returns).max())):
        return None
    ratio = float(np.mean(returns)) / deviation * math.sqrt(bars_per_year)
    return ratio if math.isfinite(ratio) else None


def max_drawdown(returns: np.ndarray) -> float:
    """Return the largest fall of compounded wealth from its highest value before, as a fraction from 0 to 1.

    The wealth of 1 before the first bar counts as a high.
    """
    wealth = _log_wealth(returns)
    return float(-np.expm1(np.min(wealth - np.maximum.accumulate(wealth))))


def hit_rate(trades: np.ndarray) -> float | None:
    """Return the share of trades that earned more than nothing after costs; None without trades."""
    return float(np.mean(trades > 0)) if len(trades) else None


def profit_factor(trades: np.ndarray) -> float | None:
    """Return what winning trades won over what losing ones lost; None where nothing was lost."""
    lost = float(-trades[trades < 0].sum())
    factor = float(trades[trades > 0].sum()) / lost if lost > 0 else math.inf
    return factor if math.isfinite(factor) else None


def _log_wealth(returns: np.ndarray) -> np.ndarray:
    """Sums of logarithms neither overflow nor lose what is left of a large wealth; nothing left is minus infinity."""
    with np.errstate(divide="ignore"):
        steps = np.log1p(np.maximum(returns, -1.0))
    return np.concatenate([[0.0], np.cumsum(steps)])
