"""List past runs, newest first."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from huracan.cli.common import console, json_option, open_context, positive, show_json

if TYPE_CHECKING:
    from huracan.store import RunRow

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("--limit", type=positive, default=20, metavar="N", help="how many runs (default: 20)")
    json_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the last runs of the ledger."""
    from huracan.run.status import run_as_json

    context = open_context(arguments, require_good_settings=False, create=False)
    with context.store as store:
        rows = store.ledger.runs(limit=arguments.limit)
    if arguments.json:
        show_json({"runs": [run_as_json(row) for row in rows]})
    else:
        _print_table(arguments, rows)
    return 0


def _print_table(arguments: argparse.Namespace, rows: Sequence[RunRow]) -> None:
    from huracan.cli.tables import duration, make_table, moment, state

    screen = console(arguments)
    if not rows:
        screen.print("No run yet. Start one with `huracan run nightly`.")
        return
    table = make_table(("started", "pipeline", "run date", "state", "took", "summary"), right=("took",), wide="summary")
    for row in rows:
        again = f" #{row.generation}" if row.generation > 1 else ""
        took = (row.ended_at - row.started_at).total_seconds() if row.ended_at else None
        table.add_row(
            moment(row.started_at),
            row.pipeline,
            f"{row.run_date}{again}",
            state(row.state),
            duration(took),
            row.summary,
        )
    screen.print(table)
