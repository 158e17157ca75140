"""The command ``huracan bench``: measurements of Huracan itself. Exit code 3 where a promise is not kept."""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huracan.cli.common import console, json_option, show_json
from huracan.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from huracan_training.honesty import Rate, World

__all__ = ["configure", "run"]

MOST_LUCKY, LEAST_SKILLED = 0.01, 0.80
"""The promise: of coins without any edge at most this share becomes champion, of those with one at least that."""

WORLDS = {"none": "no coin can be foretold", "memory": "every coin carries an edge"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    kinds = parser.add_subparsers(dest="bench", required=True, metavar="WHAT")
    honesty = kinds.add_parser("honesty", help="how often luck and skill become champions, on markets of known truth")
    json_option(honesty)
    honesty.add_argument("--coins", type=int, default=300, metavar="N", help="coins of each world (default: 300)")
    honesty.add_argument("--years", type=int, default=8, metavar="N", help="years of hourly candles (default: 8)")
    honesty.add_argument("--sharpe", type=float, default=3.0, metavar="X", help="Sharpe ratio planted (default: 3)")
    honesty.add_argument("--world", choices=sorted(WORLDS), help="only this world (default: both)")
    honesty.add_argument("--seed", type=int, default=1000, metavar="N", help="seed of the first night")
    honesty.add_argument("--workers", type=int, default=0, metavar="N", help="worker processes (default: the cores)")
    honesty.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="keep the nights' results here, and go on from them"
    )


def run(arguments: argparse.Namespace) -> int:
    """Play both worlds and compare the rates with the promise."""
    if arguments.coins < 1 or arguments.years < 2 or not 1 <= arguments.sharpe <= 5:
        raise UsageError("bench honesty: --coins from 1, --years from 2, --sharpe from 1 to 5")
    if arguments.keep:
        return _honesty(arguments, arguments.keep.resolve())
    with tempfile.TemporaryDirectory(prefix="huracan-honesty-") as folder:
        return _honesty(arguments, Path(folder))


def _honesty(arguments: argparse.Namespace, folder: Path) -> int:
    from huracan_training.honesty import Plan, play

    screen = console(arguments, stderr=True)
    plan = Plan(arguments.coins, arguments.years, arguments.sharpe, arguments.seed, arguments.workers, folder)

    def tell(world: World, night: int, nights: int) -> None:
        screen.print(f"{world.name}: night {night}/{nights}, {world.champions} champions of {world.coins} coins")

    names = [arguments.world] if arguments.world else list(WORLDS)
    worlds = [play(plan, name, tell) for name in names]
    kept = all(_kept(world) for world in worlds)
    if arguments.json:
        show_json({"kept": kept, "years": plan.years, "planted": plan.sharpe, "worlds": [_as_json(w) for w in worlds]})
    else:
        _print(arguments, worlds, plan.sharpe, plan.years)
    return ExitCode.DONE if kept else ExitCode.PARTLY_FAILED


def _kept(world: World) -> bool:
    return world.rate.share <= MOST_LUCKY if world.name == "none" else world.rate.share >= LEAST_SKILLED


def _as_json(world: World) -> dict[str, Any]:
    rate: Rate = world.rate
    return {
        "world": world.name,
        "coins": world.coins,
        "champions": world.champions,
        "skipped": world.skipped,
        "share": rate.share,
        "interval": list(rate.interval),
        "kept": _kept(world),
        "failed_gates": dict(world.failed_gates),
        "median_sharpe": statistics.median(world.sharpes) if world.sharpes else None,
    }


def _print(arguments: argparse.Namespace, worlds: list[World], sharpe: float, years: int) -> None:
    from rich.text import Text

    from huracan.cli.tables import make_table

    table = make_table(
        ("world", "coins", "champions", "share", "95 % interval", "promised", "kept", "gates that said no"),
        right=("coins", "champions", "share"), wide="gates that said no",
    )  # fmt: skip
    for world in worlds:
        low, high = world.rate.interval
        promise = f"at most {MOST_LUCKY:.0%}" if world.name == "none" else f"at least {LEAST_SKILLED:.0%}"
        gates = ", ".join(f"{name} {count}" for name, count in world.failed_gates.most_common())
        told = WORLDS[world.name] + (f" worth a Sharpe of {sharpe:g}" if world.name == "memory" else "")
        kept = Text("yes", style="green") if _kept(world) else Text("no", style="red")
        counts = (str(world.coins), str(world.champions), f"{world.rate.share:.1%}", f"{low:.1%} to {high:.1%}")
        table.add_row(told, *counts, promise, kept, gates)
    screen = console(arguments)
    screen.print(table)
    screen.print(f"{years} years of hourly candles, nights of 20 coins, every gate as by default.")
