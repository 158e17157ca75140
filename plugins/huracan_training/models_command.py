"""The command ``huracan models``: every model of the library with its measures, champions marked."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from huracan.cli.common import console, json_option, open_context, positive, show_json
from huracan.clock import format_instant
from huracan.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console
    from rich.table import Table

    from huracan.context import Context
    from huracan.store import Driver, LibraryModel, ModelPerformance

__all__ = ["configure", "run"]

SURE = 0.05

COLUMNS = {
    "model": 0, "night": 108, "Sharpe": 0, "skill": 0, "won": 0, "net": 0, "drawdown": 92, "trades": 0, "gates": 80,
    "trainer": 116,
}  # fmt: skip
"""Columns of the list, and how wide a terminal has to be for each."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    json_option(parser)
    parser.add_argument("--symbol", type=str.upper, metavar="SYMBOL", help="of one coin, as BTC-USDT")
    parser.add_argument("--limit", type=positive, default=50, metavar="N", help="the newest N are listed (default: 50)")
    parser.add_argument("model", nargs="?", metavar="MODEL", help="tell all about this one, by its id")


def run(arguments: argparse.Namespace) -> int:
    """List models, or tell of one. Raises UsageError for one that the library does not hold."""
    context = open_context(arguments, create=False)
    with context.store:
        if arguments.model:
            _tell(context, arguments)
        else:
            _list(context, arguments)
    return 0


def _list(context: Context, arguments: argparse.Namespace) -> None:
    library = context.store.library
    models = library.models(arguments.symbol)
    models.sort(key=lambda each: (-each.as_of.timestamp(), each.symbol))
    shown = models[: max(arguments.limit, 0)]
    measures = {each.model_id: each for each in library.performance(arguments.symbol)}
    champions = _champions(context, {each.symbol for each in models})
    if arguments.json:
        show_json({"models": [_row(each, measures[each.model_id], champions) for each in shown], "count": len(models)})
        return
    screen = console(arguments)
    if not models:
        of = f" of {arguments.symbol}" if arguments.symbol else ""
        screen.print(f"The library holds no model{of} yet; `huracan run nightly` trains one per coin.")
        return
    screen.print(_table(shown, measures, champions, screen.width))
    left = len(models) - len(shown)
    rest = f"; {left} older ones are not shown (--limit)" if left else ""
    screen.print()
    screen.print(f"{len(models)} models of {len({each.symbol for each in models})} coins{rest}. * is champion.")


def _champions(context: Context, symbols: set[str]) -> set[str]:
    from huracan.paths import read_json

    pointers = [read_json(context.paths.champion(symbol)) for symbol in symbols]
    return {str(each["model_id"]) for each in pointers if each and "model_id" in each}


def _table(
    models: Sequence[LibraryModel], measures: Mapping[str, ModelPerformance], champions: set[str], width: int
) -> Table:
    from rich.text import Text

    from huracan.cli.tables import make_table

    columns = [each for each, room in COLUMNS.items() if width >= room]
    right = [each for each in columns if each not in ("model", "night", "gates", "trainer")]
    table = make_table(columns, right=right, title="Models, newest first: out of sample, after costs")
    for each in models:
        m = measures[each.model_id]
        champion = each.model_id in champions
        failed = [gate["gate"] for gate in each.gates if not gate["passed"]]
        gates = Text("passed", style="green") if each.passed else Text(f"{len(failed)} failed", style="yellow")
        cells: dict[str, Text | str] = {
            "model": Text(f"{each.model_id}{' *' if champion else ''}", style="bold green" if champion else ""),
            "night": each.run_date.isoformat(), "Sharpe": _number(m.sharpe, "{:.2f}"),
            "skill": _number(m.deflated_sharpe, "{:.0%}"), "won": _number(m.hit_rate, "{:.1%}"),
            "net": _number(m.net_pnl, "{:+.1%}"), "drawdown": _number(m.max_drawdown, "{:.1%}"),
            "trades": str(m.samples), "gates": gates, "trainer": each.trainer,
        }  # fmt: skip
        table.add_row(*(cells[name] for name in columns))
    return table


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)


def _row(model: LibraryModel, measures: ModelPerformance, champions: set[str]) -> dict[str, Any]:
    from dataclasses import asdict

    told = asdict(model) | {
        "run_date": model.run_date.isoformat(), "champion": model.model_id in champions,
        **{name: format_instant(getattr(model, name)) for name in ("as_of", "tested_from", "tested_until")},
    }  # fmt: skip
    named = asdict(measures)
    return told | {"measures": {n: v for n, v in named.items() if n not in ("model_id", "symbol", "run_date")}}


def _tell(context: Context, arguments: argparse.Namespace) -> None:
    from dataclasses import asdict

    library = context.store.library
    model = library.model(arguments.model)
    if model is None:
        raise UsageError(f"there is no model {arguments.model!r} in the library; `huracan models` lists their ids")
    measures = next(each for each in library.performance(model.symbol) if each.model_id == model.model_id)
    champions = _champions(context, {model.symbol})
    if arguments.json:
        plain = {
            "wins": [asdict(each) for each in library.wins(model.model_id)],
            "losses": [asdict(each) for each in library.losses(model.model_id)],
            "patterns": [
                {"found": asdict(found), "tested": asdict(tested) if tested else None}
                for found, tested in library.patterns(model.model_id)
            ],
            "deltas": [asdict(each) for each in library.deltas(model.model_id)],
        }
        show_json(_row(model, measures, champions) | _without_dates(plain))
        return
    screen = console(arguments)
    screen.print(_table([model], {model.model_id: measures}, champions, screen.width))
    _drivers(screen, "What winners had that losers had not", library.wins(model.model_id))
    _drivers(screen, "What large losses had that small ones had not", library.losses(model.model_id))
    _patterns(screen, context, model)
    _deltas(screen, context, model)


def _without_dates(value: Any) -> Any:
    from datetime import date

    if isinstance(value, dict):
        return {name: _without_dates(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_without_dates(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value


def _drivers(screen: Console, title: str, drivers: Sequence[Driver]) -> None:
    from huracan.cli.tables import make_table

    sure = [each for each in drivers if each.p_adjusted <= SURE]
    screen.print()
    if not sure:
        why = "too few trades to say" if not drivers else "nothing beyond chance"
        screen.print(f"{title}: {why}.")
        return
    columns = ("", "with", "without", "effect", "p adjusted")
    table = make_table(columns, right=columns[1:], title=title)
    for each in sure[:10]:
        row = (f"{each.mean_in:.4g}", f"{each.mean_out:.4g}", f"{each.effect:+.2f} sd", f"{each.p_adjusted:.4f}")
        table.add_row(each.driver, *row)
    screen.print(table)


def _patterns(screen: Console, context: Context, model: LibraryModel) -> None:
    from rich.text import Text

    from huracan.cli.tables import make_table

    found = context.store.library.patterns(model.model_id)
    screen.print()
    if not found:
        screen.print("Rules: none were found.")
        return
    columns = ("fold", "rule", "found bps", "tested bps", "all rows", "rows", "p adjusted")
    title = "Rules found before each fold, and what they were worth on it"
    table = make_table(columns, right=(columns[0], *columns[2:]), wide="rule", title=title)
    for rule, tested in found:
        if tested is None:
            continue
        sure = Text(_number(tested.p_adjusted, "{:.3f}"), style="bold green" if tested.significant else "dim")
        table.add_row(
            str(rule.fold), rule.rule, f"{rule.mean_net_bps:+.0f}", _number(tested.mean_net_bps, "{:+.0f}"),
            _number(tested.base_net_bps, "{:+.0f}"), str(tested.rows), sure,
        )  # fmt: skip
    screen.print(table)
    held = sum(tested is not None and tested.significant for _, tested in found)
    screen.print(f"{held} of {len(found)} rules held out of sample beyond chance.")


def _deltas(screen: Console, context: Context, model: LibraryModel) -> None:
    from huracan.cli.tables import make_table

    deltas = context.store.library.deltas(model.model_id)
    screen.print()
    if not deltas:
        screen.print("It is the first model of its coin in the library, or the journal has not run yet.")
        return
    shown = ("sharpe", "hit_rate", "net_pnl", "max_drawdown", "samples", "threshold")
    kept = [each for each in deltas if each.kind != "measure" or each.name in shown]
    moved = [each for each in kept if each.kind != "importance" or abs((each.after or 0) - (each.before or 0)) >= 0.02]
    table = make_table(("what", "name", "before", "after"), right=("before", "after"),
                       title=f"What differs from {deltas[0].before_id}")  # fmt: skip
    for each in moved:
        before = each.before_text or _number(each.before, "{:.4g}")
        table.add_row(each.kind, each.name, before, each.after_text or _number(each.after, "{:.4g}"))
    screen.print(table)
