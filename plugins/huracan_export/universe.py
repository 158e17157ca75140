"""The export ``universe_selection``: one row per pair that was judged, with every reason."""

from __future__ import annotations

from pathlib import Path

from huracan.context import Context
from huracan.table_files import write_csv

__all__ = ["write_universe_selection"]

COLUMNS = (
    "run_date", "symbol", "selected", "rank", "score", "quote_volume_24h", "spread_bps", "age_days", "active_share",
    "daily_volatility", "rules", "reasons",
)  # fmt: skip


def write_universe_selection(context: Context, path: Path) -> int:
    """Write the selection of this run date; an empty table with its header where there is none."""
    selection = context.store.universe.load(context.current_run.run_date)
    rows = []
    for each in selection.decisions if selection else ():
        facts = [each.facts.get(name) for name in COLUMNS[5:10]]
        rules = " ".join(rule for rule, _ in each.reasons)
        why = "; ".join(sentence for _, sentence in each.reasons)
        rows.append(
            [context.current_run.run_date, each.symbol, each.selected, each.rank, each.score, *facts, rules, why]
        )
    return write_csv(path, COLUMNS, rows)
