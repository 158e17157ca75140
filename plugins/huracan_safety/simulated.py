"""``huracan trades``: what the models would have traded on rows they had not seen, as the library has it."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from huracan.cli.common import console, open_context, show_json
from huracan.clock import format_instant
from huracan.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from rich.table import Table

    from huracan.context import Context
    from huracan.store import SimulatedTrade, TradeFilter, TradeGroup

__all__ = ["configure", "instants", "run"]


COLUMNS = {
    "coin": 0, "entered": 0, "bars": 0, "entry": 0, "exit": 0, "net bps": 0, "cost": 96, "worst": 80, "best": 80,
    "score": 104, "left by": 70, "market": 124,
}  # fmt: skip
"""Columns of the list, and how wide a terminal has to be for each."""


SIMULATED_BY = {
    "symbol": "by_symbol", "model": "by_model", "night": "by_run_date", "day": "by_day", "month": "by_month",
    "weekday": "by_weekday", "hour": "by_hour", "regime": "by_regime", "trend": "by_trend", "exit": "by_exit_reason",
    "fold": "by_fold", "score": "by_score_bucket",
}  # fmt: skip
"""What simulated trades are summed up by, and the question to the library."""
TITLES = {
    "symbol": "by coin", "regime": "by regime at entry", "trend": "by trend at entry", "day": "by day of exit, UTC",
    "month": "by month of exit, UTC", "weekday": "by weekday of entry, UTC, 1 is Monday", "exit": "by reason of exit",
    "score": "by score, from",
}  # fmt: skip


def configure(parser: argparse.ArgumentParser, reported_by: Sequence[str]) -> None:
    """Add the options of ``huracan trades`` without a sub-command, but for those that ``list`` has as well.

    ``reported_by`` is what ``--by`` may be besides, with ``--source``.
    """
    ways = tuple(dict.fromkeys([*SIMULATED_BY, *reported_by]))
    parser.add_argument(
        "--by", choices=ways, metavar="WHAT",
        help=f"sum up by {', '.join(SIMULATED_BY)} in place of coin, regime and hour; with --source by "
        f"{', '.join(reported_by)}",
    )  # fmt: skip
    parser.add_argument(
        "--order", choices=("newest", "best", "worst"), default="newest", help="which are listed (default: newest)"
    )
    parser.add_argument("--model", metavar="MODEL", help="of one model, by its id (default: the newest of each coin)")
    parser.add_argument("--all", action="store_true", help="of all models that are kept, not the newest of each coin")
    parser.add_argument("--from", dest="since", type=_day, metavar="DATE", help="entered on this day or later")
    parser.add_argument("--to", dest="until", type=_day, metavar="DATE", help="entered on this day or earlier")
    outcome = parser.add_mutually_exclusive_group()
    outcome.add_argument("--won", dest="won", action="store_true", default=None, help="that earned more than they cost")
    outcome.add_argument("--lost", dest="won", action="store_false", default=None, help="that did not")


def _day(text: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; write it as 2023-12-30") from None


def instants(arguments: argparse.Namespace) -> tuple[datetime | None, datetime | None]:
    """Return from when on and before when trades are asked for."""
    until, last = arguments.until, datetime.max.replace(tzinfo=UTC)
    return arguments.since, min(until, last - timedelta(days=1)) + timedelta(days=1) if until else None


def run(arguments: argparse.Namespace) -> None:
    """List trades and sum them up. Raises UsageError for a model or coin that the library does not hold."""
    if arguments.by and arguments.by not in SIMULATED_BY:
        raise UsageError(f"simulated trades are not summed up by {arguments.by}; say {', '.join(SIMULATED_BY)}")
    context = open_context(arguments, require_good_settings=False, create=False)
    with context.store:
        _show(context, arguments)


def _show(context: Context, arguments: argparse.Namespace) -> None:
    which, of = _which(context, arguments)
    trades = context.store.library.trades
    total = trades.total(which)
    listed = (
        trades.newest(arguments.limit, which)
        if arguments.order == "newest"
        else trades.extremes(arguments.limit, which, worst=arguments.order == "worst")
    )
    names = [arguments.by] if arguments.by else ["symbol", "regime", "hour"]
    groups: dict[str, list[TradeGroup]] = {name: getattr(trades, SIMULATED_BY[name])(which) for name in names}
    if arguments.json:
        show_json(
            {
                "total": _group(total) if total else None,
                **{f"by_{name}": [_group(each) for each in found] for name, found in groups.items()},
                "trades": [_trade(each) for each in listed],
            }
        )
        return
    screen = console(arguments)
    if total is None:
        screen.print(f"No trades {of}.")
        if _are_forgotten(context, arguments):
            screen.print(
                "Its trades are no longer kept (training.library.keep_models); `huracan models` has its measures."
            )
            return
        screen.print(
            "A model whose scores earn nothing after costs stays out of the market; `huracan models` shows all."
        )
        return
    screen.print(_list(listed, total.trades, of, screen.width, arguments.order))
    screen.print()
    for name, found in groups.items():
        screen.print(_hours(found) if name == "hour" else _summary(TITLES.get(name, f"by {name}"), found))
        screen.print()
    _say_total(screen, total)


def _are_forgotten(context: Context, arguments: argparse.Namespace) -> bool:
    """Say whether a model traded and nothing of it is left: it did not stay out of the market."""
    from huracan.store import TradeFilter

    model = context.store.library.model(arguments.model) if arguments.model else None
    kept = context.store.library.trades.count(TradeFilter(model_id=arguments.model))
    return model is not None and model.trades > 0 and not kept


def _which(context: Context, arguments: argparse.Namespace) -> tuple[TradeFilter, str]:
    """Return the filter, and in words what is asked for."""
    from huracan.store import TradeFilter

    library = context.store.library
    if arguments.model and library.model(arguments.model) is None:
        raise UsageError(f"there is no model {arguments.model!r} in the library; `huracan models` lists their ids")
    symbol = arguments.symbol.upper() if arguments.symbol else None
    if symbol and not library.models(symbol):
        raise UsageError(f"there is no model of {symbol} in the library; `huracan models` lists what there is")
    models, of = None, "of all models"
    if arguments.model:
        of = f"of {arguments.model}"
    elif not arguments.all:
        models, of = [each.model_id for each in library.latest_models()], "of the newest model of each coin"
    if symbol:
        of += f", {symbol}"
    if arguments.won is not None:
        of += ", won" if arguments.won else ", lost"
    since, until = instants(arguments)
    if since:
        of += f", from {since:%Y-%m-%d}"
    if until:
        of += f", to {arguments.until:%Y-%m-%d}"
    return TradeFilter(symbol, arguments.model, models, None, since, until, arguments.won), of


def _list(trades: Sequence[SimulatedTrade], count: int, of: str, width: int, order: str) -> Table:
    from huracan.cli.tables import make_table

    shown = f"the {order} {len(trades)} of {count:,} trades" if len(trades) < count else f"{count:,} trades"
    columns = [each for each, room in COLUMNS.items() if width >= room]
    right = [each for each in columns if each not in ("coin", "entered", "left by", "market")]
    table = make_table(columns, right=right, title=f"Simulated, out of sample: {shown} {of}")
    for each in trades:
        cells = _cells(each)
        table.add_row(*(cells[name] for name in columns))
    return table


def _cells(trade: SimulatedTrade) -> dict[str, Any]:
    from rich.text import Text

    from huracan.cli.tables import moment

    return {
        "coin": trade.symbol, "entered": moment(trade.entered_at), "bars": str(trade.bars_held),
        "entry": f"{trade.entry:.6g}", "exit": f"{trade.exit:.6g}",
        "net bps": Text(f"{trade.net_bps:+.0f}", style="green" if trade.won else "red"),
        "cost": f"{trade.cost_bps:.0f}", "worst": f"{trade.mae_bps:.0f}", "best": f"{trade.mfe_bps:+.0f}",
        "score": f"{trade.score:.3f}", "left by": trade.exit_reason,
        "market": f"{trade.market_regime}, {trade.volatility_regime}, {trade.trend}",
    }  # fmt: skip


def _summary(title: str, groups: Sequence[TradeGroup]) -> Table:
    from huracan.cli.tables import make_table

    columns = ("", "trades", "won", "gross bps", "net bps", "worst", "best", "equity bps")
    table = make_table(columns, right=columns[1:], title=title)
    for each in groups:
        table.add_row(
            each.key, f"{each.trades:,}", f"{each.hit_rate:.0%}", f"{each.gross_bps:+.1f}",
            f"{each.net_bps:+.1f}", f"{each.mae_bps:.0f}", f"{each.mfe_bps:+.0f}", f"{each.equity_bps:+,.0f}",
        )  # fmt: skip
    return table


def _hours(groups: Sequence[TradeGroup]) -> Table:
    """Return the hours in three columns, so that they fit beside what is above them."""
    from huracan.cli.tables import make_table

    names = ("hour", "trades", "won", "net bps")
    table = make_table((*names, *names, *names), right=(*names, *names, *names), title="by hour of entry, UTC")
    rows = [(each.key, f"{each.trades:,}", f"{each.hit_rate:.0%}", f"{each.net_bps:+.1f}") for each in groups]
    height = -(-len(rows) // 3)
    for i in range(height):
        table.add_row(*(cell for row in rows[i::height] for cell in row))
    return table


def _say_total(screen: Console, total: TradeGroup) -> None:
    screen.print(
        f"{total.trades:,} trades, {total.hit_rate:.1%} won; a trade earned {total.net_bps:+.1f} bps after costs of "
        f"{total.cost_bps:.1f}, held {total.bars_held:.1f} bars.",
        style="bold",
    )


def _group(group: TradeGroup) -> dict[str, Any]:
    return asdict(group) | {"hit_rate": group.hit_rate}


def _trade(trade: SimulatedTrade) -> dict[str, Any]:
    values = asdict(trade) | {"id": trade.id, "run_date": trade.run_date.isoformat()}
    return values | {"entered_at": format_instant(trade.entered_at), "exited_at": format_instant(trade.exited_at)}
