"""The command ``huracan champions``: who may trade, who was champion when, and putting an earlier one back."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from huracan.cli.common import console, json_option, open_context, show_json
from huracan.errors import UsageError

if TYPE_CHECKING:
    from huracan.context import Context

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    kinds = parser.add_subparsers(dest="what", metavar="WHAT")
    shown = kinds.add_parser("list", help="every champion (the default)")
    told = kinds.add_parser("history", help="who was champion of a coin, and when")
    back = kinds.add_parser("rollback", help="put the champion before the present one back")
    for each in (parser, shown, told, back):
        json_option(each)
    for each in (told, back):
        each.add_argument("symbol", metavar="SYMBOL", help="a pair, as BTC-USDT")
    back.add_argument("--to", metavar="MODEL", help="this earlier champion, by its id as `history` shows it")


def run(arguments: argparse.Namespace) -> int:
    """List, tell or roll back. Raises UsageError where there is nothing to roll back to."""
    context = open_context(arguments, create=False)
    with context.store:
        if arguments.what == "history":
            _history(context, arguments)
        elif arguments.what == "rollback":
            _rollback(context, arguments)
        else:
            _list(context, arguments)
    return 0


def _list(context: Context, arguments: argparse.Namespace) -> None:
    from huracan.cli.tables import make_table
    from huracan_training.champions import standing

    found = {file.stem: standing(context, file.stem) for file in sorted(context.paths.champions.glob("*-*.json"))}
    if arguments.json:
        rows = [
            {"symbol": symbol, "whole": each is not None, "since": each.since if each else None,
             "model_path": each.path if each else None, "metrics": dict(each.metadata["metrics"]) if each else None}
            for symbol, each in found.items()
        ]  # fmt: skip
        show_json({"champions": rows})
        return
    screen = console(arguments)
    if not found:
        screen.print("No coin has a champion. `huracan results` says why.")
        return
    table = make_table(
        ("coin", "since", "Sharpe", "not luck", "PnL", "DD", "trades", "model"),
        right=("Sharpe", "not luck", "PnL", "DD", "trades"), wide="model",
    )  # fmt: skip
    for symbol, each in found.items():
        if each is None:
            table.add_row(
                symbol, "", "", "", "", "", "", "its folder is gone or was changed; the next night dismisses it"
            )
            continue
        m = each.metadata["metrics"]
        table.add_row(
            symbol, each.since, f"{m['sharpe']:.2f}", _percent(m.get("deflated_sharpe")), f"{m['net_pnl']:+.1%}",
            f"{m['max_drawdown']:.1%}", str(m["samples"]), each.path,
        )  # fmt: skip
    screen.print(table)


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _history(context: Context, arguments: argparse.Namespace) -> None:
    from huracan.cli.tables import make_table
    from huracan_training.champions import history

    symbol = _symbol(arguments)
    reigns: list[dict[str, Any]] = history(context, symbol)
    if arguments.json:
        show_json({"symbol": symbol, "reigns": reigns})
        return
    screen = console(arguments)
    if not reigns:
        screen.print(f"{symbol} has never had a champion.")
        return
    table = make_table(("model", "from", "until", "came", "went"), wide="came")
    for each in reversed(reigns):
        table.add_row(each["model_id"], each["since"], each["until"] or "today", each["came"], each["went"] or "")
    screen.print(table)


def _rollback(context: Context, arguments: argparse.Namespace) -> None:
    from huracan.run.lock import run_lock
    from huracan_training.champions import roll_back

    symbol = _symbol(arguments)
    now = context.clock.now()
    with run_lock(context.paths.state, f"champions rollback {symbol}", now):
        leaving, crowned = roll_back(context, symbol, now.date(), arguments.to)
    if arguments.json:
        show_json({"symbol": symbol, "left": leaving, "champion": crowned["model_id"]})
        return
    screen = console(arguments)
    screen.print(f"{symbol}: {crowned['model_id']} is champion again, in place of {leaving or 'none'}.")
    screen.print("The next night asks the gates again, and dismisses it where it is older than training.champion says.")


def _symbol(arguments: argparse.Namespace) -> str:
    from huracan.errors import DataError
    from huracan.paths import safe_symbol

    try:
        return safe_symbol(arguments.symbol.upper())
    except DataError as error:
        raise UsageError(str(error)) from None
