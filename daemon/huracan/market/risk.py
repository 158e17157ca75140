"""Measures of risk beside those of ``measures``: same rules, None where one does not exist, never NaN."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from huracan.market.measures import drawdown_curve

__all__ = [
    "ExcursionSummary",
    "correlations",
    "excursion_summary",
    "expected_shortfall",
    "longest_underwater",
    "omega_ratio",
    "tail_ratio",
    "ulcer_index",
    "value_at_risk",
]


def ulcer_index(returns: np.ndarray) -> float | None:
    """Return the root mean square of the drawdowns after each bar, as a fraction; None without bars.

    Deep and long drawdowns both weigh (Martin and McCann 1989, "The Investor's Guide to Fidelity Funds"; there in
    percent).
    """
    return math.sqrt(float(np.mean(drawdown_curve(returns)[1:] ** 2))) if len(returns) else None


def longest_underwater(returns: np.ndarray) -> int:
    """Return the most bars in a row at whose end wealth was below an earlier high; what is still below counts."""
    below = drawdown_curve(returns) > 1e-12
    longest = current = 0
    for each in below.tolist():
        current = current + 1 if each else 0
        longest = max(longest, current)
    return longest


def omega_ratio(returns: np.ndarray, threshold: float = 0.0) -> float | None:
    """Return the sum of what was above ``threshold`` over the sum of what was below it, per bar.

    1 where the mean is the threshold (Keating and Shadwick 2002, "A Universal Performance Measure"). None without any
    shortfall.
    """
    short = float(np.maximum(threshold - returns, 0.0).sum())
    ratio = float(np.maximum(returns - threshold, 0.0).sum()) / short if short > 1e-15 else math.inf
    return ratio if math.isfinite(ratio) else None


def tail_ratio(returns: np.ndarray, share: float = 0.05) -> float | None:
    """Return the size of the upper quantile over that of the lower one: above 1, good bars are larger than bad ones.

    ``|q(1 - share)| / |q(share)|`` with interpolated quantiles, as pyfolio and empyrical have it. None without bars or
    where the lower quantile is zero, as with positions held on few bars.
    """
    if not len(returns):
        return None
    lower, upper = (abs(float(each)) for each in np.quantile(returns, [share, 1.0 - share]))
    ratio = upper / lower if lower > 1e-15 else math.inf
    return ratio if math.isfinite(ratio) else None


def value_at_risk(returns: np.ndarray, share: float = 0.05) -> float | None:
    """Return the loss that the worst ``share`` of bars reach or exceed, as a fraction; negative where it is a gain.

    Historical simulation: the empirical quantile without interpolation (Jorion 2006, "Value at Risk"). None without
    bars.
    """
    return -float(np.sort(returns)[_worst(len(returns), share)]) if len(returns) else None


def expected_shortfall(returns: np.ndarray, share: float = 0.05) -> float | None:
    """Return the mean loss of the worst ``share`` of bars, as a fraction: at least :func:`value_at_risk`.

    The bar at the border counts with the part of it that is needed (Acerbi and Tasche 2002, "On the Coherence of
    Expected Shortfall"). None without bars.
    """
    if not len(returns):
        return None
    ordered, border = np.sort(returns), _worst(len(returns), share)
    wanted = len(returns) * share
    return -(float(ordered[:border].sum()) + (wanted - border) * float(ordered[border])) / wanted


def correlations(columns: Sequence[np.ndarray]) -> list[list[float | None]]:
    """Return Pearson's correlation of every column with every other, each of the same bars.

    None where one of the two does not vary; the diagonal is 1 where the column does.
    """
    centred = [column - column.mean() if len(column) else column for column in columns]
    lengths = [
        math.sqrt(float(each @ each))
        if len(each) and np.ptp(each) > 1e-12 * max(1.0, float(np.abs(column).max()))
        else 0.0
        for each, column in zip(centred, columns, strict=True)
    ]
    units = [each / length if length else None for each, length in zip(centred, lengths, strict=True)]
    return [[None if a is None or b is None else min(max(float(a @ b), -1.0), 1.0) for b in units] for a in units]


@dataclass(frozen=True, slots=True)
class ExcursionSummary:
    """How far prices went against trades (MAE, at most 0) and for them (MFE, at least 0), in bps of the entry.

    ``edge_ratio`` is the mean MFE over the size of the mean MAE; ``captured`` what was left before costs of what the
    trades had at best, summed over all. A stop beyond ``winners_mae_p95_bps`` would have ended one winner in twenty.
    """

    trades: int
    mean_mae_bps: float
    mean_mfe_bps: float
    winners_mae_p95_bps: float | None
    losers_mfe_mean_bps: float | None
    edge_ratio: float | None
    captured: float | None


def excursion_summary(mae_bps: np.ndarray, mfe_bps: np.ndarray, gross_bps: np.ndarray) -> ExcursionSummary | None:
    """Summarise the excursions of trades (Sweeney 1996, "Maximum Adverse Excursion"); None without trades."""
    if not len(mae_bps):
        return None
    against, ahead, won = float(mae_bps.mean()), float(mfe_bps.mean()), gross_bps > 0
    return ExcursionSummary(
        trades=len(mae_bps),
        mean_mae_bps=against,
        mean_mfe_bps=ahead,
        winners_mae_p95_bps=float(np.quantile(mae_bps[won], 0.05)) if won.any() else None,
        losers_mfe_mean_bps=float(mfe_bps[~won].mean()) if not won.all() else None,
        edge_ratio=ahead / -against if against < -1e-12 else None,
        captured=float(gross_bps.sum() / mfe_bps.sum()) if ahead > 1e-12 else None,
    )


def _worst(bars: int, share: float) -> int:
    """Return the place of the last of the worst ``share`` of bars; 0.05 * 20 is one bar, whatever floats make of it."""
    return min(max(math.ceil(bars * share - 1e-9) - 1, 0), bars - 1)
