"""Equal parts of several models' simulated trades, day by day: what a portfolio of them would have done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np

from huracan.market import measures, risk
from huracan_reports.trades import Tested

__all__ = ["CAUTION", "Portfolio", "correlations", "hold", "measures_of", "of_days", "of_trades"]

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
    """Daily returns of equal parts of models, fractions; parts are made equal again each day.

    ``parts`` are the models' trades by coin, ``missing`` the coins whose trades the library does not have: they are in
    no figure here.
    """

    name: str
    days: Sequence[date]
    returns: np.ndarray
    parts: Mapping[str, Tested] = field(default_factory=dict)
    missing: Sequence[str] = ()

    @property
    def models(self) -> int:
        return len(self.parts)

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
            **of_days(returns),
        }


def hold(name: str, parts: Mapping[str, Tested], missing: Sequence[str] = ()) -> Portfolio:
    """Return a portfolio of equal parts, given by coin; a model that was not tested on a day stays in cash on it."""
    parts = {symbol: part for symbol, part in parts.items() if part.days}
    if not parts:
        return Portfolio(name, (), np.zeros(0), missing=missing)
    first, last = min(part.days[0] for part in parts.values()), max(part.days[-1] for part in parts.values())
    days = [first + timedelta(days=i) for i in range((last - first).days + 1)]
    returns = sum((_over(days, part) for part in parts.values()), np.zeros(len(days))) / len(parts)
    return Portfolio(name, days, returns, parts, missing)


def measures_of(portfolio: Portfolio) -> dict[str, Any]:
    """Return all measures of a portfolio as JSON values: of its days, of how much alike its coins are, of its trades.

    Gains and drawdowns are fractions, excursions basis points.
    """
    return {**portfolio.measures(), **_alike(portfolio), **of_trades(portfolio.parts.values())}


def of_days(returns: np.ndarray) -> dict[str, float | int | None]:
    """Return measures of risk of daily returns, fractions; empty without a day."""
    if not len(returns):
        return {}
    return {
        "best_day": float(returns.max()),
        "worst_day": float(returns.min()),
        "ulcer_index": risk.ulcer_index(returns),
        "longest_underwater_days": risk.longest_underwater(returns),
        "omega": risk.omega_ratio(returns),
        "tail_ratio": risk.tail_ratio(returns),
        "value_at_risk_5": risk.value_at_risk(returns),
        "expected_shortfall_5": risk.expected_shortfall(returns),
    }


def of_trades(parts: Iterable[Tested]) -> dict[str, Any]:
    """Return measures of all trades of some models: how many, the share won, their excursions."""
    listed = [part.results for part in parts if part.all is not None]
    if not listed:
        return {"trades": 0, "trade_hit_rate": None, "excursions": None}
    gross, net, against, ahead = (
        np.concatenate([getattr(each, name) for each in listed])
        for name in ("gross_bps", "net_bps", "mae_bps", "mfe_bps")
    )
    summary = risk.excursion_summary(against, ahead, gross)
    return {
        "trades": len(net),
        "trade_hit_rate": measures.hit_rate(net),
        "excursions": asdict(summary) if summary else None,
    }


def correlations(portfolio: Portfolio) -> list[list[float | None]]:
    """Return how much alike the coins' daily returns are, over the days of the whole portfolio: row by row of parts."""
    return risk.correlations([_over(portfolio.days, part) for part in portfolio.parts.values()])


def _alike(portfolio: Portfolio) -> dict[str, Any]:
    matrix, names = correlations(portfolio), list(portfolio.parts)
    pairs = [
        (value, names[column], names[row])
        for row in range(len(names))
        for column in range(row)
        if (value := matrix[row][column]) is not None
    ]
    return {
        "mean_correlation": sum(value for value, _, _ in pairs) / len(pairs) if pairs else None,
        "closest_pair": list(max(pairs)) if pairs else None,
    }


def _over(days: Sequence[date], part: Tested) -> np.ndarray:
    """Return what a part earned on each of ``days``, which hold all of its own."""
    earned = np.zeros(len(days))
    start = (part.days[0] - days[0]).days
    earned[start : start + len(part.days)] = part.earned
    return earned
