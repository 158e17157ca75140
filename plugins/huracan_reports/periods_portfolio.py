"""What equal parts of all champions would have earned on days that they had not seen, beside all coins of a night."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np

from huracan.context import Context
from huracan.market import measures, risk
from huracan.paths import read_json
from huracan.store import LibraryModel, TradeFilter
from huracan_reports.periods import Period
from huracan_reports.portfolio import CAUTION, Portfolio, hold
from huracan_reports.trades import Tested, equity, tested_trades

__all__ = ["CAVEATS", "Held", "champions_at", "hold_models", "measures_of", "reigns", "within"]

CAVEATS = (
    CAUTION,
    "Champions were chosen by these very results, on days that models of other nights were tested on as well: two "
    "nights are not two proofs, and less than this is to be expected.",
)
"""What a reader must know before believing the curve."""


@dataclass(frozen=True, slots=True)
class Held:
    """A portfolio with the models in it by coin, and the coins whose trades the library has no more."""

    portfolio: Portfolio
    models: Mapping[str, LibraryModel]
    parts: Mapping[str, Tested]
    missing: Sequence[str] = ()


def reigns(context: Context) -> dict[str, list[Mapping[str, Any]]]:
    """Return who was champion of each coin, oldest first, as ``champions/history`` tells it."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for file in sorted((context.paths.champions / "history").glob("[!.]*.json")):
        listed = (read_json(file) or {}).get("reigns")
        if isinstance(listed, list):
            found[file.stem] = [each for each in listed if isinstance(each, dict) and each.get("model_id")]
    return found


def champions_at(context: Context, day: date) -> dict[str, str]:
    """Return the model that was champion of each coin at the end of a run date."""
    standing: dict[str, str] = {}
    for symbol, listed in reigns(context).items():
        for each in listed:
            since, until = str(each.get("since")), each.get("until")
            if since <= day.isoformat() and (until is None or str(until) > day.isoformat()):
                standing[symbol] = str(each["model_id"])
    return standing


def hold_models(context: Context, name: str, models: Mapping[str, str]) -> Held | None:
    """Return equal parts of models, whose ids are given by coin; None where the library has none of them.

    One whose trades were cleaned away is missing: as a flat line it would make the others look calm.
    """
    known: dict[str, LibraryModel] = {}
    parts: dict[str, Tested] = {}
    for symbol, model_id in sorted(models.items()):
        model = context.store.library.model(model_id)
        part = tested_trades(context.store, model) if model is not None else None
        if model is not None and part is not None and (part.all is not None or not model.trades):
            known[symbol], parts[symbol] = model, part
        context.progress.step(f"report: trades of {symbol}", item=symbol)
    if not parts:
        return None
    return Held(hold(name, list(parts.values())), known, parts, sorted(set(models) - set(known)))


def within(portfolio: Portfolio, period: Period) -> np.ndarray:
    """Return the returns of those days of a portfolio that lie in a period."""
    inside: np.ndarray = portfolio.returns[[day in period for day in portfolio.days]]
    return inside


def measures_of(context: Context, held: Held, period: Period) -> dict[str, Any]:
    """Return the measures of a portfolio as JSON values; fractions, ratios a year of 365 days, excursions in bps."""
    portfolio, returns = held.portfolio, held.portfolio.returns
    inside = within(portfolio, period)
    return {
        **portfolio.measures(),
        "from": portfolio.days[0].isoformat(),
        "until": portfolio.days[-1].isoformat(),
        "missing": list(held.missing),
        "net_pnl_in_period": measures.net_pnl(inside) if len(inside) else None,
        "days_in_period": len(inside),
        "ulcer_index": risk.ulcer_index(returns),
        "longest_underwater_days": risk.longest_underwater(returns),
        "omega": risk.omega_ratio(returns),
        "tail_ratio": risk.tail_ratio(returns),
        "value_at_risk_5": risk.value_at_risk(returns),
        "expected_shortfall_5": risk.expected_shortfall(returns),
        "equity": [round(each, 6) for each in equity(returns)],
        **_alike(held),
        **_of_trades(context, list(held.models.values())),
    }


def _alike(held: Held) -> dict[str, Any]:
    """Return how much alike the coins' daily returns are, over the days of the whole portfolio."""
    days = {day: place for place, day in enumerate(held.portfolio.days)}
    columns = []
    for part in held.parts.values():
        column = np.zeros(len(days))
        column[[days[day] for day in part.days]] = part.earned
        columns.append(column)
    matrix, names = risk.correlations(columns), list(held.parts)
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


def _of_trades(context: Context, models: Sequence[LibraryModel]) -> dict[str, Any]:
    """Return measures of all trades of some models."""
    trades = context.store.library.trades
    wanted = [trades.columns.index(name) for name in ("mae_bps", "mfe_bps", "gross_bps", "net_bps")]
    which = TradeFilter(models=[each.model_id for each in models])
    rows = [[row[place] for place in wanted] for page in trades.pages(which) for row in page]
    if not rows:
        return {"trades": 0, "trade_hit_rate": None, "excursions": None}
    against, ahead, gross, net = np.array(rows, dtype=float).T
    summary = risk.excursion_summary(against, ahead, gross)
    return {
        "trades": len(rows),
        "trade_hit_rate": measures.hit_rate(net),
        "excursions": asdict(summary) if summary else None,
    }
