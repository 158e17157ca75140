"""The command ``huracan results``: the table that says which models of a night may trade, and why others may not."""

from __future__ import annotations

import argparse
from datetime import date
from typing import TYPE_CHECKING, Any

from huracan.cli.common import console, json_option, open_context, show_json
from huracan.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from huracan.context import Context
    from huracan_training.night import CoinReport, NightReport

__all__ = ["configure", "run", "show"]

WORDS = {
    "sharpe": ("Sharpe", "{:.2f}", "above"),
    "hit_rate": ("hits", "{:.0%}", "above"),
    "net_pnl": ("PnL", "{:.1%}", "above"),
    "max_drawdown": ("DD", "{:.0%}", "below"),
    "samples": ("trades", "{:.0f}", "above"),
    "deflated_sharpe": ("skill", "{:.0%}", "above"),
}
"""How the gates of this plugin are called in a word, how their limits are written, and on which side is good; in the
order of the table's columns."""

CHAMPION_FROM, MODEL_FROM = 88, 116
"""Columns of the terminal from which the standing, and the folder, of each model have room."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    json_option(parser)
    parser.add_argument("--date", type=_date, metavar="DATE", help="run date, as 2023-12-30 (default: last)")


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; write it as 2023-12-30") from None


def run(arguments: argparse.Namespace) -> int:
    """Show the last night, or that of ``--date``. Raises UsageError where there is none."""
    from huracan_training.night import latest_night, read_report

    context = open_context(arguments, create=False)
    with context.store:
        run_date = arguments.date or latest_night(context)
        report = read_report(context, run_date) if run_date else None
        if report is None:
            when = f"on {run_date}" if run_date else "yet"
            raise UsageError(
                f"nothing was trained {when}; `huracan run nightly` does, `huracan history` lists the nights"
            )
        if arguments.json:
            show_json(report.to_json())
        else:
            _print(console(arguments), context, report)
    return 0


def show(context: Context, run_date: date, target: Console | None = None) -> None:
    """Print the table of a night; nothing where no coin was trained on it."""
    from rich.console import Console

    from huracan_training.night import read_report

    report = read_report(context, run_date)
    if report is not None:
        _print(target or Console(highlight=False), context, report)


def _print(target: Console, context: Context, report: NightReport) -> None:
    """Print table and notes; notes are not cut, so that paths can be copied."""
    if any(coin.metadata for coin in report.coins):
        target.print(_table(report, target.width))
    for note in _notes(report, str(context.paths.workspace), target.width):
        target.print(note, soft_wrap=True)


def _notes(report: NightReport, workspace: str, width: int) -> Iterator[Text]:
    from rich.text import Text

    limits = _limits(report)
    if limits:
        yield Text(f"Gates: {limits}", style="dim")
    for coin in report.coins:
        if coin.reason:
            yield Text.assemble((f"{coin.symbol} {coin.state}: ", "yellow"), coin.reason)
    if report.encoder:
        yield Text(_encoder(report.encoder), style="dim")
    yield Text(_totals(report, width), style="bold")
    folders = {coin.path.rsplit("/", 1)[-1] for coin in report.coins if coin.path}
    model = folders.pop() if len(folders) == 1 else "MODEL"
    yield Text(f"Artefacts: {workspace}/models/COIN/{model}", style="dim")
    yield Text(f"Roster:    {workspace}/champions/roster.json", style="dim")


def _table(report: NightReport, width: int) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(
        title=f"Night of {report.run_date} · out of sample, after costs", box=box.SIMPLE_HEAD, title_justify="left",
        title_style="bold", pad_edge=False, collapse_padding=True,
    )  # fmt: skip
    table.add_column("#", justify="right", style="dim", no_wrap=True)
    table.add_column("Coin", no_wrap=True)
    for heading in ("Sharpe", "Skill", "Hits", "Net PnL", "Max DD", "Trades"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Gates", min_width=20)
    if width >= CHAMPION_FROM:
        table.add_column("Champion", no_wrap=True)
    if width >= MODEL_FROM:
        table.add_column("Model", no_wrap=True, style="dim")
    for coin in report.coins:
        if coin.metadata:
            cells = _cells(coin, report.run_date)
            if width < CHAMPION_FROM and coin.champion is not None:
                cells[1].append(" *")
            table.add_row(*cells[: len(table.columns)])
    return table


def _cells(coin: CoinReport, run_date: date) -> list[Text]:
    from rich.text import Text

    metrics, gates = coin.metadata["metrics"], {gate["gate"]: gate for gate in coin.metadata["gates"]}

    def number(name: str, form: str) -> Text:
        value = metrics.get(name)
        good = gates.get(name, {}).get("passed", True)
        return Text("–" if value is None else form.format(value), style="" if good else "red")

    return [
        Text(str(coin.rank or "")), Text(coin.symbol, style="bold green" if coin.metadata["passed"] else ""),
        number("sharpe", "{:.2f}"), number("deflated_sharpe", "{:.0%}"), number("hit_rate", "{:.1%}"),
        number("net_pnl", "{:+.1%}"),
        number("max_drawdown", "{:.1%}"), number("samples", "{:.0f}"), _why(coin.metadata), _champion(coin, run_date),
        Text((coin.path or "").rsplit("/", 1)[-1]),
    ]  # fmt: skip


def _why(metadata: Mapping[str, Any]) -> Text:
    """Say which gates failed and on which side of their limit the model lies."""
    from rich.text import Text

    gates = metadata["gates"]
    failed = sorted((gate for gate in gates if not gate["passed"]), key=lambda gate: _place(gate["gate"]))
    if not gates:
        return Text("no gates, so not passed", style="red")
    if not failed:
        return Text(f"all {len(gates)} passed", style="green")
    if any(gate["gate"] == "threshold" for gate in failed) and metadata["metrics"]["samples"] == 0:
        return Text("no trades", style="dim")
    reasons: dict[str, list[str]] = {}
    for gate in failed:
        if gate["gate"] == "threshold":
            reasons.setdefault("", []).append("no threshold")
            continue
        name, _, side = WORDS.get(gate["gate"], (gate["sentence"], "", ""))
        word = {"above": "low", "below": "high"}.get(side, "")
        if side and gate["value"] is None:
            word = "unknown"
        reasons.setdefault(word, []).append(name)
    text = "; ".join(f"{', '.join(names)} {word}".strip() for word, names in reasons.items())
    return Text(text)


def _place(gate: str) -> int:
    return list(WORDS).index(gate) if gate in WORDS else len(WORDS)


def _champion(coin: CoinReport, run_date: date) -> Text:
    from rich.text import Text

    if coin.champion is None:
        return Text("no", style="dim")
    since = coin.champion["since"]
    if coin.is_champion:
        return Text("new" if since == run_date.isoformat() else f"since {since}", style="bold green")
    return Text(f"older, {since}", style="green")


def _limits(report: NightReport) -> str:
    """Write the limits of the gates, as they were that night."""
    gates: list[Mapping[str, Any]] = next((coin.metadata["gates"] for coin in report.coins if coin.metadata), [])
    parts = []
    for gate in sorted(gates, key=lambda gate: _place(gate["gate"])):
        if gate["gate"] == "threshold":
            continue
        name, form, side = WORDS.get(gate["gate"], (gate["gate"], "{:g}", ""))
        limit = "" if gate["limit"] is None else f" {side} {form.format(gate['limit'])}".replace("  ", " ")
        parts.append(f"{name}{limit}")
    return " · ".join(parts)


def _encoder(worth: Mapping[str, Any]) -> str:
    """Say what the shared encoder was worth, with and without."""
    gain, error = worth["loss_gain"], worth["standard_error"]
    both = worth["information_coefficient"]
    noise = "" if error is None else f" ± {error:.4f}"
    return (
        f"Shared encoder: loss lower by {gain:+.4f}{noise}, information coefficient {both['with']:+.3f} with and "
        f"{both['without']:+.3f} without; used by {worth['used']} of {worth['coins']} coins"
    )


def _totals(report: NightReport, width: int) -> str:
    states = [coin.state for coin in report.coins]
    passed = sum(bool(coin.metadata.get("passed")) for coin in report.coins)
    champions = sum(coin.champion is not None for coin in report.coins)
    line = (
        f"{len(states)} coins: {states.count('completed')} trained, {states.count('failed')} failed, "
        f"{states.count('skipped')} skipped · {passed} passed all gates · {champions} with a champion"
    )
    if any(coin.champion for coin in report.coins) and width < CHAMPION_FROM:
        line += " (*)"
    return f"{line} · trained in {report.minutes:.1f} min" if report.minutes is not None else line
