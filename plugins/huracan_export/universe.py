"""The export ``universe_selection``: one row per pair that was judged, with every reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from huracan.context import Context
from huracan.types import Column, ColumnKind, ExportScope, TableExport

__all__ = ["UNIVERSE_SELECTION"]

_NUMBER, _TEXT = ColumnKind.NUMBER, ColumnKind.TEXT
FACTS = ("quote_volume_24h", "spread_bps", "age_days", "active_share", "daily_volatility")
COLUMNS = (
    Column("run_date", ColumnKind.DATE, "night for which the pairs were judged"),
    Column("symbol", _TEXT, "pair"),
    Column("selected", ColumnKind.TRUTH, "whether it is in the universe"),
    Column("rank", ColumnKind.INTEGER, "place among the selected, 1 the best"),
    Column("score", _NUMBER, "what the rank goes by"),
    Column("quote_volume_24h", _NUMBER, "traded in the last 24 hours", "quote"),
    Column("spread_bps", _NUMBER, "distance of bid and ask, measured or estimated", "bps"),
    Column("age_days", _NUMBER, "how long it has been traded", "days"),
    Column("active_share", _NUMBER, "share of hours in which it was traded", "fraction"),
    Column("daily_volatility", _NUMBER, "standard deviation of daily returns", "fraction"),
    Column("rules", _TEXT, "rules that left it out, separated by blanks"),
    Column("reasons", _TEXT, "what they say, separated by semicolons"),
)


def _batches(context: Context, scope: ExportScope) -> Iterator[list[list[Any]]]:
    for run_date in scope.run_dates():
        selection = context.store.universe.load(run_date)
        rows: list[list[Any]] = []
        for each in selection.decisions if selection else ():
            facts = [each.facts.get(name) for name in FACTS]
            rules = " ".join(rule for rule, _ in each.reasons)
            why = "; ".join(sentence for _, sentence in each.reasons)
            rows.append([run_date, each.symbol, each.selected, each.rank, each.score, *facts, rules, why])
        yield rows


UNIVERSE_SELECTION = TableExport(
    "universe_selection", "every pair that was judged, selected or not, with all reasons", COLUMNS, _batches
)
