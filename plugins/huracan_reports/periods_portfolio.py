"""What equal parts of all champions would have earned on days that they had not seen, beside all coins of a night."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np

from huracan.context import Context
from huracan.market import measures
from huracan.paths import read_json
from huracan_reports.periods import Period
from huracan_reports.portfolio import CAUTION, Portfolio, hold, measures_of
from huracan_reports.trades import Tested, equity, tested_trades

__all__ = ["CAVEATS", "champions_at", "hold_models", "measures_in", "reigns", "within"]

CAVEATS = (
    CAUTION,
    "Champions were chosen by these very results, on days that models of other nights were tested on as well: two "
    "nights are not two proofs, and less than this is to be expected.",
)
"""What a reader must know before believing the curve."""


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


def hold_models(context: Context, name: str, models: Mapping[str, str]) -> Portfolio | None:
    """Return equal parts of models, whose ids are given by coin; None where the library has none of them.

    One whose trades were cleaned away is missing.
    """
    parts: dict[str, Tested] = {}
    for symbol, model_id in sorted(models.items()):
        model = context.store.library.model(model_id)
        part = tested_trades(context.store, model) if model is not None else None
        if part is not None:
            parts[symbol] = part
        context.progress.step(f"report: trades of {symbol}", item=symbol)
    return hold(name, parts, sorted(set(models) - set(parts))) if parts else None


def within(portfolio: Portfolio, period: Period) -> np.ndarray:
    """Return the returns of those days of a portfolio that lie in a period."""
    inside: np.ndarray = portfolio.returns[[day in period for day in portfolio.days]]
    return inside


def measures_in(portfolio: Portfolio, period: Period) -> dict[str, Any]:
    """Return the measures of a portfolio as JSON values, and what it earned on the days of a period; fractions."""
    inside = within(portfolio, period)
    return {
        **measures_of(portfolio),
        "from": portfolio.days[0].isoformat(),
        "until": portfolio.days[-1].isoformat(),
        "missing": list(portfolio.missing),
        "net_pnl_in_period": measures.net_pnl(inside) if len(inside) else None,
        "days_in_period": len(inside),
        "equity": [round(each, 6) for each in equity(portfolio.returns)],
    }
