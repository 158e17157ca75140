"""The table of a portfolio's measures, one row each, as pages of nights and of periods show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from huracan_reports.page import FORMATS, NOTHING

__all__ = ["measure_rows"]

_MEASURES = (
    ("net_pnl_in_period", "Result on the tested days of this period", "gain"),
    ("net_pnl", "Result over all tested days", "gain"),
    ("days", "Tested days", "count"),
    ("sharpe", "Sharpe ratio, a year", "ratio"),
    ("sortino", "Sortino ratio, a year", "ratio"),
    ("calmar", "Calmar ratio", "ratio"),
    ("omega", "Omega ratio of daily returns", "ratio"),
    ("max_drawdown", "Largest drawdown", "percent"),
    ("ulcer_index", "Ulcer index", "percent"),
    ("longest_underwater_days", "Longest time under water, days", "count"),
    ("hit_rate", "Days won, of those with a result", "share"),
    ("best_day", "Best day", "gain"),
    ("worst_day", "Worst day", "gain"),
    ("value_at_risk_5", "Loss that one day in twenty reaches", "percent"),
    ("expected_shortfall_5", "Mean loss of the worst twentieth of days", "percent"),
    ("tail_ratio", "Best days against worst days (tail ratio)", "ratio"),
    ("mean_correlation", "Mean correlation of two coins", "ratio"),
    ("trades", "Trades", "count"),
    ("trade_hit_rate", "Trades won", "share"),
)
_OF_TRADES = (
    ("mean_mae_bps", "Mean adverse excursion, bps", "bps"),
    ("mean_mfe_bps", "Mean favourable excursion, bps", "bps"),
    ("edge_ratio", "Favourable over adverse excursion", "ratio"),
    ("captured", "Captured of the favourable, before costs", "share"),
)


def measure_rows(portfolios: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    """Return the name of each measure that any of the portfolios has, with its value of each as people write it."""
    found = []
    for key, name, form in _MEASURES:
        if any(each.get(key) is not None for each in portfolios):
            found.append((name, [FORMATS[form](each.get(key)) for each in portfolios]))
    if any(each.get("closest_pair") for each in portfolios):
        found.append(("Two coins most alike", [_pair(each.get("closest_pair")) for each in portfolios]))
    excursions = [each.get("excursions") or {} for each in portfolios]
    for key, name, form in _OF_TRADES if any(excursions) else ():
        found.append((name, [FORMATS[form](each.get(key)) for each in excursions]))
    return found


def _pair(found: Sequence[Any] | None) -> str:
    if not found:
        return NOTHING
    value, first, second = found
    # The quote is the same for most, and a cell as wide as two whole pairs pushes the next column off the page.
    bases = (symbol.partition("-")[0] for symbol in (first, second))
    return f"{', '.join(bases)}: {FORMATS['ratio'](value)}"
