"""Show whether trading may go on, as the trading process reads it: kill switch, breakers, and what happened before."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from huracan.cli.common import console, json_option, open_context, show_json
from huracan.trading import Mode, TradingState, instant, read_published, read_trading, schedule_pause
from huracan.types import CheckResult, CheckState
from huracan_safety.settings import VOLATILITY

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from huracan.context import Context
    from huracan.store import BreakerEvent

__all__ = ["check_trading", "configure", "run"]

_COLOURS = {Mode.NORMAL: "green", Mode.REDUCED: "yellow", Mode.DEFENSIVE: "yellow", Mode.STOPPED: "red"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("--limit", type=int, default=10, metavar="N", help="lines of history (default: 10)")
    json_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show what holds now, and the history that the store keeps."""
    context = open_context(arguments, require_good_settings=False, create=False)
    with context.store as store:
        history = store.breakers.recent(max(1, min(arguments.limit, 1_000_000)))
    state = read_trading(context.paths.state, context.clock.now())
    pause = schedule_pause(context.paths.state)
    if arguments.json:
        paused = None if pause is None else pause.as_json()
        show_json({**state.as_json(), "history": [_as_json(each) for each in history], "schedule_pause": paused})
        return 0
    screen = console(arguments)
    _print_state(screen, state)
    if pause is not None:
        screen.print(f"the schedule is paused by {pause.by}: {pause.reason}", style="yellow", markup=False)
    _print_history(screen, history)
    return 0


def _as_json(row: BreakerEvent) -> dict[str, Any]:
    return {
        "time": instant(row.time), "breaker": row.breaker, "tripped": row.tripped, "mode": row.mode,
        "value": row.value, "limit": row.limit, "sentence": row.sentence, "by": row.by,
    }  # fmt: skip


def _print_state(screen: Console, state: TradingState) -> None:
    from rich.text import Text

    from huracan.cli.tables import make_table

    may = "new positions allowed" if state.new_positions else "no new positions, open orders to be cancelled"
    colour = _COLOURS[state.mode]
    screen.print(
        Text.assemble("trading is ", (state.mode.value, f"bold {colour}"), f", size {state.size_factor:g}, {may}")
    )
    for reason in state.reasons:
        if reason.source == "state":
            screen.print(Text(f"  {reason.sentence}", colour))
    screen.print()
    table = make_table(("switch", "state", "since", "until", "why"), wide="why")
    kill = state.kill
    why = Text(f"{kill.reason} (by {kill.by}); `huracan resume trading` lifts it" if kill.on else "")
    table.add_row("kill", Text("on", "red") if kill.on else Text("off", "green"), _moment(kill.since), "-", why)
    for each in state.breakers:
        shown = Text(each.mode.value, _COLOURS[each.mode]) if each.tripped else Text("ok", "green")
        table.add_row(each.name, shown, _moment(each.since), _moment(each.until), Text(each.sentence))
    screen.print(table)


def _moment(when: Any) -> str:
    from huracan.cli.tables import moment

    return moment(when)


def _print_history(screen: Console, history: Sequence[BreakerEvent]) -> None:
    from rich.text import Text

    from huracan.cli.tables import make_table, moment

    if not history:
        return
    table = make_table(("time", "switch", "what", "why"), wide="why")
    for row in history:
        what: Text = Text("tripped" if row.tripped else "released", "red" if row.tripped else "green")
        by = f" (by {row.by})" if row.by else ""
        table.add_row(moment(row.time), row.breaker, what, Text(f"{row.sentence}{by}"))
    screen.print()
    screen.print(table)


def check_trading(context: Context | None) -> CheckResult:
    """Does the trading process read something that holds, and may it trade?"""
    if context is None:
        return CheckResult(CheckState.OK, "asked without settings")
    state = read_trading(context.paths.state, context.clock.now())
    why = "; ".join(reason.sentence for reason in state.reasons)
    if read_published(context.paths.state) is None and not state.kill.on:
        detail = "state/trading.json is not written yet: a trading process that asks is told to stop"
        return CheckResult(CheckState.OK, detail)
    blind = [reason for reason in state.reasons if reason.source == "state"]
    if state.kill.on:
        hint = "`huracan resume trading` lifts the kill switch, once what made you stop is over"
        return CheckResult(CheckState.WARNING, f"stopped: {why}", hint)
    if blind:
        hint = "start `huracan daemon`, which keeps the service safety running, or see what it logs"
        return CheckResult(CheckState.FAILED, f"stopped: {why}", hint)
    if state.mode is not Mode.NORMAL:
        wild = all(reason.kind == VOLATILITY for reason in state.reasons)
        hint = "`huracan trading` shows the breakers; " + (
            "fresh candles come with `huracan run candles`" if wild else "`huracan resume trading` counts losses anew"
        )
        return CheckResult(CheckState.WARNING, f"{state.mode}: {why}", hint)
    return CheckResult(CheckState.OK, f"normal, until {state.valid_until:%Y-%m-%d %H:%M:%S}Z and on")
