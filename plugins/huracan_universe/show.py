"""Explain a selection: ``huracan universe show`` lists the selected pairs, then the dropped ones with every reason."""

from __future__ import annotations

import argparse
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

from huracan.cli.common import console, json_option, open_context, show_json
from huracan.clock import format_instant, parse_instant
from huracan.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from huracan.store import UniverseDecision, UniverseSelection

__all__ = ["configure", "run", "turnover"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("action", choices=["show"], help="show the selection")
    parser.add_argument(
        "--as-of", type=_instant, metavar="DATE", help="the selection in force then, as 2023-12-30 (default: the last)"
    )
    json_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show the last selection, or the one in force as of a date. Raises UsageError where there is none."""
    context = open_context(arguments, require_good_settings=False, create=False)
    with context.store as store:
        selection = store.universe.at(arguments.as_of) if arguments.as_of else store.universe.latest()
    if selection is None:
        when = f"as of {arguments.as_of:%Y-%m-%d}" if arguments.as_of else "yet"
        raise UsageError(f"no pairs were selected {when}; `huracan run universe` selects them")
    if arguments.json:
        show_json(_as_json(selection))
    else:
        _print(console(arguments), selection)
    return 0


def _instant(text: str) -> datetime:
    try:
        return parse_instant(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; write it as 2023-12-30") from None


def _as_json(selection: UniverseSelection) -> dict[str, Any]:
    return {
        "run_date": selection.run_date.isoformat(),
        "as_of": format_instant(selection.as_of),
        "exchange": selection.exchange,
        "criteria": dict(selection.criteria),
        "decisions": [
            {
                "symbol": each.symbol,
                "selected": each.selected,
                "rank": each.rank,
                "score": each.score,
                "reasons": [{"rule": rule, "reason": why} for rule, why in each.reasons],
                "facts": dict(each.facts),
            }
            for each in selection.decisions
        ],
    }


def _print(screen: Console, selection: UniverseSelection) -> None:
    selected = [each for each in selection.decisions if each.selected]
    dropped = [each for each in selection.decisions if not each.selected]
    screen.print(
        f"[bold]{len(selected)} of {len(selection.decisions)} pairs[/] of {selection.exchange}, "
        f"as of {selection.as_of:%Y-%m-%d %H:%M}Z\n"
    )
    _print_selected(screen, selected)
    if dropped:
        screen.print(f"\n[bold]{len(dropped)} dropped[/]\n")
        _print_dropped(screen, dropped)
        counts = Counter(rule for each in dropped for rule, _ in each.reasons)
        totals = " · ".join(f"{rule} {count}" for rule, count in counts.most_common())
        screen.print(f"\n[bright_black]by rule: {totals}[/]")


def _print_selected(screen: Console, selected: list[UniverseDecision]) -> None:
    from huracan.cli.tables import make_table

    columns = ("rank", "pair", "24 h turnover", "spread", "age", "active", "a day", "score")
    table = make_table(columns, right=tuple(column for column in columns if column != "pair"))
    for each in selected:
        facts = each.facts
        table.add_row(
            str(each.rank),
            each.symbol,
            turnover(facts["quote_volume_24h"]),
            _shown(facts["spread_bps"], "{:.1f} bps"),
            _shown(facts["age_days"], "{:,.0f} d"),
            _shown(facts["active_share"], "{:.0%}"),
            _shown(facts["daily_volatility"], "{:.1%}"),
            f"{each.score or 0:.3f}",
        )
    screen.print(table)


def _print_dropped(screen: Console, dropped: list[UniverseDecision]) -> None:
    from rich.text import Text

    from huracan.cli.tables import make_table

    table = make_table(("pair", "24 h turnover", "why"), right=("24 h turnover",), wide="why")
    for each in dropped:
        # Sentences come from plugins and names from an exchange: shown as they are, never as markup.
        parts = [Text.assemble(reason, (f" ({rule})", "bright_black")) for rule, reason in each.reasons]
        table.add_row(Text(each.symbol), turnover(each.facts.get("quote_volume_24h")), Text("; ").join(parts))
    screen.print(table)


def _shown(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def turnover(value: float | None) -> str:
    if value is None:
        return "-"
    for size, unit in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if value >= size:
            return f"{value / size:,.1f} {unit}"
    return f"{value:,.0f}"
