"""The command ``huracan compare A B``: which of two earned more on the same days, and is that more than luck."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from huracan.cli.common import console, json_option, open_context, show_json

if TYPE_CHECKING:
    from rich.console import Console

    from huracan_training.comparing import Comparison

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    json_option(parser)
    meant = "a model's id, a coin (its newest model) or a night's date (all its models)"
    parser.add_argument("a", metavar="A", help=meant)
    parser.add_argument("b", metavar="B", help="what it is compared with, likewise")


def run(arguments: argparse.Namespace) -> int:
    """Compare. Raises UsageError for what the library does not hold, and where no day is common to both."""
    from huracan_training.comparing import compare, resolve

    context = open_context(arguments, create=False)
    with context.store:
        found = compare(context.store, resolve(context.store, arguments.a), resolve(context.store, arguments.b))
    if arguments.json:
        show_json(asdict(found) | {"first": found.first.isoformat(), "last": found.last.isoformat()})
    else:
        _print(console(arguments), found)
    return 0


def _print(screen: Console, found: Comparison) -> None:
    from huracan.cli.tables import make_table

    columns = ("", "models", "trades", "net", "Sharpe", "drawdown")
    table = make_table(columns, right=columns[1:])
    for each in (found.a, found.b):
        ratio = "–" if each.sharpe is None else f"{each.sharpe:.2f}"
        table.add_row(
            each.name, str(each.models), str(each.trades), f"{each.net_pnl:+.1%}", ratio, f"{each.max_drawdown:.1%}"
        )
    screen.print(f"{found.days} common days, {found.first} to {found.last}: out of sample, after costs", style="bold")
    screen.print(table)
    screen.print()
    if found.low is not None and found.high is not None:
        screen.print(
            f"A minus B: {found.difference * 1e4:+.2f} bps a day; 95 % interval from {found.low * 1e4:+.2f} to "
            f"{found.high * 1e4:+.2f}."
        )
        screen.print(
            f"p-value {found.p_newey_west:.3f} (paired, Newey-West) and {found.p_bootstrap:.3f} (stationary bootstrap)."
        )
    screen.print(found.sentence, style="bold green" if found.more_than_luck else "bold")
