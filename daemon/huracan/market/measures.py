"""Measures of performance: arrays of fractions in, floats out; None where a measure does not exist, never NaN."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

LARGEST_WEALTH = 1e300
"""Where wealth stops to grow: a result past this is nonsense, and must be a number all the same."""

__all__ = [
    "LARGEST_WEALTH",
    "PairedGain",
    "calmar",
    "deflated_sharpe",
    "drawdown_curve",
    "effective_trials",
    "equity_curve",
    "expected_maximum_sharpe",
    "hit_rate",
    "information_coefficient",
    "kurtosis",
    "max_drawdown",
    "net_pnl",
    "paired_gain",
    "probabilistic_sharpe",
    "profit_factor",
    "sharpe",
    "skewness",
    "sortino",
]

_NORMAL = NormalDist()

EULER_MASCHERONI = 0.5772156649015329


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


def sortino(returns: np.ndarray, bars_per_year: float, target: float = 0.0) -> float | None:
    """Return the annualised Sortino ratio of returns per bar against a target per bar.

    ``(mean - target) / downside deviation * sqrt(bars_per_year)``, the downside deviation being the root mean square of
    shortfalls below the target over all bars (Sortino and Price 1994; Rollinger and Hoffman 2013, "Sortino: A 'Sharper'
    Ratio"). None without bars or without any shortfall.
    """
    if not len(returns):
        return None
    downside = math.sqrt(float(np.mean(np.minimum(returns - target, 0.0) ** 2)))
    if downside <= 1e-15:
        return None
    ratio = (float(np.mean(returns)) - target) / downside * math.sqrt(bars_per_year)
    return ratio if math.isfinite(ratio) else None


def calmar(returns: np.ndarray, bars_per_year: float) -> float | None:
    """Return the compounded yearly growth over the largest drawdown (Young 1991, "Calmar Ratio: A Smoother Tool").

    None without bars, without any drawdown, or where the growth of a year is no finite number.
    """
    drawdown = max_drawdown(returns) if len(returns) else 0.0
    if drawdown <= 1e-15:
        return None
    yearly = float(_log_wealth(returns)[-1]) * bars_per_year / len(returns)
    growth = math.expm1(yearly) if yearly < math.log(LARGEST_WEALTH) else math.inf
    return growth / drawdown if math.isfinite(growth) else None


def skewness(returns: np.ndarray) -> float | None:
    """Return the third standardised moment; None for fewer than two bars or returns that do not vary."""
    return _moment(returns, 3)


def kurtosis(returns: np.ndarray) -> float | None:
    """Return the fourth standardised moment, 3 for a normal distribution; None as :func:`skewness`."""
    return _moment(returns, 4)


def probabilistic_sharpe(returns: np.ndarray, benchmark: float = 0.0) -> float | None:
    """Return the probability that the true Sharpe ratio per bar is above ``benchmark`` (per bar, not annualised).

    ``Phi((SR - SR*) sqrt(T - 1) / sqrt(1 - skew SR + (kurtosis - 1) / 4 SR^2))`` (Bailey and Lopez de Prado 2012, "The
    Sharpe Ratio Efficient Frontier", equation 11). None where the Sharpe ratio is.
    """
    ratio, skew, tails = sharpe(returns, 1.0), skewness(returns), kurtosis(returns)
    if ratio is None or skew is None or tails is None:
        return None
    variance = 1.0 - skew * ratio + (tails - 1.0) / 4.0 * ratio**2
    if variance <= 0.0:
        return None
    return _NORMAL.cdf((ratio - benchmark) * math.sqrt(len(returns) - 1) / math.sqrt(variance))


def expected_maximum_sharpe(trials: float, variance: float) -> float:
    """Return the Sharpe ratio per bar that the best of ``trials`` worthless ones is expected to show.

    ``sqrt(V) ((1 - g) z(1 - 1/N) + g z(1 - 1/(N e)))`` with g the Euler-Mascheroni constant and V the variance of the
    trials' Sharpe ratios (Bailey and Lopez de Prado 2014, "The Deflated Sharpe Ratio", equation 1). 0 for one trial.
    """
    if trials <= 1.0:
        return 0.0
    first, second = _NORMAL.inv_cdf(1.0 - 1.0 / trials), _NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
    return max(0.0, math.sqrt(variance) * ((1.0 - EULER_MASCHERONI) * first + EULER_MASCHERONI * second))


def deflated_sharpe(returns: np.ndarray, trials: float, variance: float | None = None) -> float | None:
    """Return the probability that the Sharpe ratio is more than the luck of the best of ``trials``.

    The probabilistic Sharpe ratio against :func:`expected_maximum_sharpe` (Bailey and Lopez de Prado 2014). Where the
    ``variance`` of the trials' ratios (per bar) is not given, it is that of a ratio of zero estimated from as many
    bars, 1 / (T - 1). None where the Sharpe ratio is.
    """
    if len(returns) < 2:
        return None
    spread = 1.0 / (len(returns) - 1) if variance is None else variance
    return probabilistic_sharpe(returns, expected_maximum_sharpe(trials, spread))


@dataclass(frozen=True, slots=True)
class PairedGain:
    """By how much one series of returns is above another: ``mean`` per bar, its t-statistic, and the chance to see as
    much or more where there is no difference (one sided)."""

    mean: float
    t_statistic: float
    p_value: float


def paired_gain(left: np.ndarray, right: np.ndarray, lags: int) -> PairedGain | None:
    """Compare returns of the same bars; None for fewer than two bars or where the difference does not vary.

    The standard error of the mean difference allows for correlation over ``lags`` bars with falling weights (Newey and
    West 1987): positions that are held over several bars make neighbouring differences alike.
    """
    difference = left - right
    n = len(difference)
    if n < 2:
        return None
    centred = difference - difference.mean()
    variance = float(centred @ centred) / n
    for lag in range(1, min(lags, n - 1) + 1):
        variance += 2.0 * (1.0 - lag / (lags + 1.0)) * float(centred[lag:] @ centred[:-lag]) / n
    if variance <= 1e-24:
        return None
    statistic = float(difference.mean()) / math.sqrt(variance / n)
    return PairedGain(float(difference.mean()), statistic, 1.0 - _NORMAL.cdf(statistic))


def effective_trials(count: int, correlation: float) -> float:
    """Return how many independent trials ``count`` of them with this mean correlation are worth.

    ``rho + (1 - rho) M`` (Bailey and Lopez de Prado 2014, appendix A.3).
    """
    rho = min(max(correlation, 0.0), 1.0)
    return rho + (1.0 - rho) * max(count, 1)


def information_coefficient(scores: np.ndarray, outcomes: np.ndarray) -> float | None:
    """Return Spearman's rank correlation of scores with what came after; ties share their mean rank.

    None for fewer than two pairs or where one side does not vary (Grinold and Kahn 1999, Active Portfolio Management).
    """
    if len(scores) < 2 or np.ptp(scores) == 0 or np.ptp(outcomes) == 0:
        return None
    left, right = _ranks(scores), _ranks(outcomes)
    left, right = left - left.mean(), right - right.mean()
    return float(np.clip(left @ right / math.sqrt(float(left @ left) * float(right @ right)), -1.0, 1.0))


def max_drawdown(returns: np.ndarray) -> float:
    """Return the largest fall of compounded wealth from its highest value before, as a fraction from 0 to 1.

    The wealth of 1 before the first bar counts as a high.
    """
    return float(drawdown_curve(returns).max())


def drawdown_curve(returns: np.ndarray) -> np.ndarray:
    """Return how far wealth is below its highest value so far, as a fraction from 0 to 1: shape (bars + 1,)."""
    wealth = _log_wealth(returns)
    fallen: np.ndarray = np.abs(np.expm1(wealth - np.maximum.accumulate(wealth)))
    return fallen


def hit_rate(trades: np.ndarray) -> float | None:
    """Return the share of trades that earned more than nothing after costs; None without trades."""
    return float(np.mean(trades > 0)) if len(trades) else None


def profit_factor(trades: np.ndarray) -> float | None:
    """Return what winning trades won over what losing ones lost; None where nothing was lost."""
    lost = float(-trades[trades < 0].sum())
    factor = float(trades[trades > 0].sum()) / lost if lost > 0 else math.inf
    return factor if math.isfinite(factor) else None


def _ranks(values: np.ndarray) -> np.ndarray:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: np.ndarray = (last - (counts - 1) / 2.0)[inverse]
    return ranks


def _moment(returns: np.ndarray, power: int) -> float | None:
    if sharpe(returns, 1.0) is None:
        return None
    centred = returns - returns.mean()
    deviation = math.sqrt(float(np.mean(centred**2)))
    return float(np.mean((centred / deviation) ** power))


def _log_wealth(returns: np.ndarray) -> np.ndarray:
    """Sums of logarithms neither overflow nor lose what is left of a large wealth; nothing left is minus infinity."""
    with np.errstate(divide="ignore"):
        steps = np.log1p(np.maximum(returns, -1.0))
    return np.concatenate([[0.0], np.cumsum(steps)])
