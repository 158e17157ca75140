"""The command ``huracan check-leaks``: changes the future and says what moved in the past. Exit code 3 where it did."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from huracan.cli.common import console, json_option, open_context, show_json
from huracan.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from huracan.context import Context
    from huracan_training.leaks import Finding, History

__all__ = ["configure", "run"]

COLUMNS = {
    "what": 0, "owner": 0, "column": 0, "first moved at": 0, "sees": 0, "was": 120, "became": 120, "when": 150,
}  # fmt: skip
"""Columns of what was found, and how wide a terminal has to be for each."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    json_option(parser)
    parser.add_argument(
        "symbols", nargs="*", metavar="SYMBOL", help="coins of the cache to look at (default: a made-up market)"
    )
    parser.add_argument("--rows", type=int, default=3000, metavar="N", help="newest rows to look at (default: 3000)")
    parser.add_argument("--cuts", type=int, default=24, metavar="N", help="rows to cut at, at random (default: 24)")
    parser.add_argument("--seed", type=int, default=7, metavar="N", help="seed of what is drawn at random")


def run(arguments: argparse.Namespace) -> int:
    """Look at every feature set, the labels, the encoder and the trainer of the settings."""
    from huracan_training.leaks import find_leaks

    if arguments.rows < 1200 or arguments.cuts < 1:
        raise UsageError("check-leaks: --rows must be 1200 or more, --cuts 1 or more")
    context = open_context(arguments, create=False)
    with context.store:
        from huracan_training.fitting import Fitter
        from huracan_training.machine import settled

        settings = settled(context)
        sets = context.plugins.features()
        fitter = Fitter(context.plugins.trainers()[settings.trainer], settings.seed)
        results = {
            history.name: find_leaks(
                history, sets, settings, fitter, cuts=arguments.cuts, seed=arguments.seed, tell=context.log.debug
            )
            for history in _histories(context, arguments)
        }
        looked_at = {name: len(each.columns) for name, each in sorted(sets.items())}
    leaks = [(name, finding) for name, findings in results.items() for finding in findings]
    if arguments.json:
        show_json(
            {
                "ok": not leaks,
                "features": looked_at,
                "trainer": settings.trainer,
                "histories": list(results),
                "leaks": [{"history": name, **finding.to_json()} for name, finding in leaks],
            }
        )
    else:
        _print(arguments, leaks, looked_at, settings.trainer, list(results))
    return ExitCode.PARTLY_FAILED if leaks else ExitCode.DONE


def _histories(context: Context, arguments: argparse.Namespace) -> list[History]:
    """Return the coins that were asked for, as the cache holds them, or a made-up market."""
    from huracan.market.alignment import align_reference
    from huracan.market.files import read_candles
    from huracan_training.leaks import History, made_up_history

    made_up = made_up_history(arguments.rows, arguments.seed)
    if not arguments.symbols:
        return [made_up]
    references = {
        symbol.split("-")[0]: read_candles(context.paths.candle_file(symbol))[0]
        for symbol in ("BTC-USDT", "ETH-USDT")
        if context.paths.candle_file(symbol).is_file()
    }
    histories = []
    for symbol in arguments.symbols:
        candles, words = read_candles(context.paths.candle_file(symbol.upper()))
        candles = candles.take(slice(-arguments.rows, None))
        aligned = {base: align_reference(candles, each) for base, each in references.items()}
        timeframe = words.get("huracan.timeframe", "1h")
        histories.append(History(symbol.upper(), candles, timeframe, aligned, made_up.costs))
    return histories


def _print(
    arguments: argparse.Namespace,
    leaks: list[tuple[str, Finding]],
    sets: dict[str, int],
    trainer: str,
    names: list[str],
) -> None:
    from rich.text import Text

    from huracan.cli.tables import make_table

    screen = console(arguments)
    looked = ", ".join(f"{name} ({count} columns)" for name, count in sets.items())
    screen.print(f"Looked at {looked}; labels, encoder and trainer {trainer}; on {', '.join(names)}.")
    if not leaks:
        screen.print(Text("Nothing looks ahead: no value moved when the rows after it did.", style="green"))
        return
    is_broken = any(each.broken for _, each in leaks)
    columns = [name for name, room in COLUMNS.items() if is_broken or screen.width >= room]
    table = make_table(columns, wide="column")
    for name, each in leaks:
        cells = _cells(name, each)
        red = {"when": "red"} if each.broken else {}
        table.add_row(*(Text(cells[column], style=red.get(column, "")) for column in columns))
    screen.print(table)
    owners = ", ".join(sorted({each.owner for _, each in leaks}))
    screen.print(Text(f"{len(leaks)} columns look ahead or cannot be looked at: {owners}.", style="red"))


def _cells(history: str, each: Finding) -> dict[str, str]:
    """Return what stands in a row of the table; of what broke it says where and how."""
    cells = {**dict.fromkeys(COLUMNS, ""), "what": each.kind, "owner": each.owner, "column": each.column}
    if each.broken:
        return cells | {"first moved at": history, "when": each.broken}
    return cells | {
        "first moved at": _instant(each.time, each.row),
        "sees": "not the same twice" if each.how == "computed twice" else f"{each.reads_ahead} rows ahead",
        "was": _shown(each.before), "became": _shown(each.after), "when": f"{each.how} from row {each.cut}",
    }  # fmt: skip


def _instant(time: int, row: int) -> str:
    from huracan_training.artefacts import iso

    return f"row {row}, {iso(time)}"


def _shown(value: Any) -> str:
    return "unknown" if value is None else f"{value:.6g}"
