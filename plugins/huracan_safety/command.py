"""Trades: those that models would have made, and closed ones that the trading process reports.

``huracan trades`` shows the library's, with ``--source`` what was reported; ``record`` stores what the trading process
reports, ``list`` shows what is stored.

``record`` reads JSON lines, or CSV whose first line names the columns: id, symbol, side, opened_at, closed_at,
quantity, entry, exit, fees, net_pnl, equity_after, source; strategy (who decided) may be left out. A file is stored
whole or not at all; what is stored already changes nothing. Files that appear in trading/inbox are taken in by the
service safety in the same way.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huracan.cli.common import console, json_option, open_context, positive, show_json
from huracan.errors import ExitCode, UsageError
from huracan.trading import instant

if TYPE_CHECKING:
    from huracan.store import ReportedFilter, Store, Trade, TradeSum

__all__ = ["configure", "run"]

REPORTED_BY = ("symbol", "source", "strategy", "side", "day", "month", "weekday", "hour")
"""What reported trades are summed up by, each the method ``by_*`` of the store."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands and their options."""
    from huracan_safety import simulated

    commands = parser.add_subparsers(dest="trades_command", metavar="COMMAND")
    record = commands.add_parser("record", help="store closed trades from files")
    record.add_argument("files", nargs="+", metavar="FILE", help="JSON lines or CSV; - reads standard input")
    listing = commands.add_parser("list", help="show closed trades that were reported, newest first")
    reported = "reported by the trading process as this"
    for one, source in ((parser, f"{reported}, in place of the models' own"), (listing, f"{reported}, alone")):
        one.add_argument("--limit", type=positive, default=20, metavar="N", help="how many trades (default: 20)")
        one.add_argument("--symbol", metavar="SYMBOL", help="of this pair alone, as BTC-USDT")
        one.add_argument("--source", choices=["live", "paper", "simulated"], help=source)
    reported_by = f"sum up by {', '.join(REPORTED_BY)}; days and months are those of the closing, UTC"
    listing.add_argument("--by", choices=REPORTED_BY, metavar="WHAT", help=reported_by)
    listing.add_argument("--strategy", metavar="NAME", help="of this strategy alone")
    simulated.configure(parser, REPORTED_BY)
    for one in (parser, record, listing):
        json_option(one)


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked. Raises BadRowsError, naming each row, for a file that cannot be taken."""
    if arguments.trades_command == "record":
        return _record(arguments)
    if arguments.trades_command == "list" or arguments.source:
        return _list(arguments)
    from huracan_safety import simulated

    simulated.run(arguments)
    return int(ExitCode.DONE)


def _record(arguments: argparse.Namespace) -> int:
    from huracan.errors import DataError
    from huracan.store import TradeConflictError
    from huracan_safety.reading import read_trades

    done = []
    context = open_context(arguments, require_good_settings=False)
    with context.store as store:
        for name in arguments.files:
            trades = read_trades(_content(name), name, context.clock.now())
            try:
                new = store.trades.record(trades, context.clock.now())
            except TradeConflictError as error:
                raise DataError(name, f"{error}; nothing of this file was stored") from None
            done.append({"file": name, "trades": len(trades), "new": new})
            if not arguments.json:
                # File by file: a mistake in the next one must not hide what is stored.
                print(f"{name}: {len(trades)} {'trade' if len(trades) == 1 else 'trades'}, {new} new")
    if arguments.json:
        show_json({"files": done})
    return int(ExitCode.DONE)


def _content(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise UsageError(f"{name}: cannot be read: {error.strerror}") from None


def _list(arguments: argparse.Namespace) -> int:
    if arguments.model or arguments.all:
        raise UsageError("what was reported names no model: leave out --model and --all, or --source")
    if arguments.by and arguments.by not in REPORTED_BY:
        raise UsageError(f"what was reported is not summed up by {arguments.by}; say {', '.join(REPORTED_BY)}")
    if arguments.order != "newest":
        raise UsageError("what was reported is listed newest first: leave out --order, or --source")
    context = open_context(arguments, require_good_settings=False, create=False)
    which = _which(arguments)
    with context.store as store:
        if arguments.by:
            _sum_up(store, arguments, which)
            return int(ExitCode.DONE)
        trades = store.trades.newest_of(arguments.limit, which)
    if arguments.json:
        show_json({"trades": [_as_json(trade) for trade in trades]})
    else:
        _print(arguments, trades)
    return int(ExitCode.DONE)


def _which(arguments: argparse.Namespace) -> ReportedFilter:
    from huracan.store import ReportedFilter
    from huracan_safety.simulated import instants

    since, until = instants(arguments)
    return ReportedFilter(
        source=arguments.source, symbol=arguments.symbol.upper() if arguments.symbol else None,
        strategy=getattr(arguments, "strategy", None), opened_since=since, opened_before=until, won=arguments.won,
    )  # fmt: skip


def _sum_up(store: Store, arguments: argparse.Namespace, which: ReportedFilter) -> None:
    """Show the sums of trades that have something in common."""
    ask: Callable[[ReportedFilter], list[TradeSum]] = getattr(store.trades, f"by_{arguments.by}")
    groups = ask(which)
    if arguments.json:
        show_json({"by": arguments.by, "groups": [asdict(each) | {"hit_rate": each.hit_rate} for each in groups]})
        return
    from rich.text import Text

    from huracan.cli.tables import make_table

    numbers = ("trades", "won", "result", "fees", "volume")
    table = make_table((arguments.by, *numbers), right=numbers, title="Closed trades, as they were reported")
    for each in groups:
        colour = "red" if each.net_pnl < 0 else "green" if each.net_pnl > 0 else ""
        table.add_row(
            Text(each.key or "not told"), f"{each.trades:,}", f"{each.hit_rate:.0%}",
            Text(f"{each.net_pnl:+,.2f}", colour), f"{each.fees:,.2f}", f"{each.volume:,.0f}",
        )  # fmt: skip
    console(arguments).print(table if groups else "No trade is stored that was asked for.")


def _as_json(trade: Trade) -> dict[str, Any]:
    moments = {name: instant(getattr(trade, name)) for name in ("opened_at", "closed_at", "recorded_at")}
    return {**asdict(trade), **moments}


def _print(arguments: argparse.Namespace, trades: Sequence[Trade]) -> None:
    from rich.text import Text

    from huracan.cli.tables import make_table, moment

    screen = console(arguments)
    if not trades:
        screen.print("No trade is stored. The trading process reports them: `huracan trades record --help`.")
        return
    numbers = ("quantity", "entry", "exit", "result", "equity")
    table = make_table(("closed", "pair", "side", *numbers, "source", "id"), right=numbers, wide="id")
    for each in trades:
        colour = "red" if each.net_pnl < 0 else "green" if each.net_pnl > 0 else ""
        table.add_row(
            moment(each.closed_at),
            each.symbol,
            each.side,
            *(f"{number:,.6g}" for number in (each.quantity, each.entry, each.exit)),
            Text(f"{each.net_pnl:+,.2f}", colour),
            f"{each.equity_after:,.2f}",
            each.source,
            Text(each.id),
        )
    screen.print(table)
