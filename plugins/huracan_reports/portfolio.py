"""Equal parts of several models' simulated trades, day by day: what a portfolio of them would have done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from huracan.market import measures
from huracan_reports.trades import Tested

__all__ = ["CAUTION", "Portfolio", "hold"]

DAYS_A_YEAR = 365.0

CAUTION = (
    "Simulated: trades on rows that the models had not seen, after costs, not trades that were made. The coins are "
    "those of this night's universe, which already knows who is large today, and of the models that passed we know "
    "already that they did; both make the past look better than it would have been. Of the two lines, that of all "
    "coins is the honest one. A trade counts on the day on which it ended: what it fell by in between is not seen here."
)
"""What must stand beside every curve of a portfolio."""


@dataclass(frozen=True, slots=True, eq=False)
class Portfolio:
    """Daily returns of equal parts of ``models`` models, fractions; parts are made equal again each day."""

    name: str
    models: int
    days: Sequence[date]
    returns: np.ndarray

    def measures(self) -> dict[str, float | int | None]:
        """Return the measures of its daily returns; ratios are annualised over 365 days."""
        returns = self.returns
        if not len(returns):
            return {"models": self.models, "days": 0}
        return {
            "models": self.models,
            "days": len(returns),
            "net_pnl": measures.net_pnl(returns),
            "sharpe": measures.sharpe(returns, DAYS_A_YEAR),
            "sortino": measures.sortino(returns, DAYS_A_YEAR),
            "calmar": measures.calmar(returns, DAYS_A_YEAR),
            "max_drawdown": measures.max_drawdown(returns),
            "profit_factor": measures.profit_factor(returns),
            "hit_rate": measures.hit_rate(returns[returns != 0]),
            "skewness": measures.skewness(returns),
            "kurtosis": measures.kurtosis(returns),
            "probabilistic_sharpe": measures.probabilistic_sharpe(returns),
            "best_day": float(returns.max()),
            "worst_day": float(returns.min()),
        }


def hold(name: str, parts: Sequence[Tested]) -> Portfolio:
    """Return a portfolio of equal parts; a model that was not tested on a day stays in cash on it."""
    parts = [part for part in parts if part.days]
    if not parts:
        return Portfolio(name, 0, (), np.zeros(0))
    first, last = min(part.days[0] for part in parts), max(part.days[-1] for part in parts)
    returns = np.zeros((last - first).days + 1)
    for part in parts:
        start = (part.days[0] - first).days
        returns[start : start + len(part.days)] += part.earned / len(parts)
    return Portfolio(name, len(parts), [first + timedelta(days=i) for i in range(len(returns))], returns)
