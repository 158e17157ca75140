"""Show the history of the health checks, as the service monitor keeps it. Exit code 3 where something is failed now."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huracan.cli.common import console, json_option, open_context, show_json
from huracan.cli.health_history import DAY, WEEK, History, latency, share
from huracan.clock import format_instant
from huracan.errors import ExitCode, UsageError
from huracan.types import CheckState

if TYPE_CHECKING:
    from huracan.context import Context
    from huracan.store import HealthSpan

__all__ = ["configure", "run"]

ROOMY = 104
"""Columns of a terminal from which on the table shows everything."""

UNSEEN = timedelta(minutes=15)
"""Age of the newest look from which on the table says that nobody looks any more."""

_MARKS = {CheckState.OK: "▁", CheckState.WARNING: "▄", CheckState.FAILED: "█", None: "·"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("name", nargs="?", help="one check: its history")
    parser.add_argument("--report", action="store_true", help="print a report in Markdown: history and outages")
    parser.add_argument("--days", type=_days, metavar="N", help="how many days a history goes back (default: 7)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the report to a file")
    json_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Read what the monitor has stored and print it; nothing is asked anew."""
    if arguments.report and arguments.json:
        raise UsageError("health: choose one of --report and --json")
    if arguments.out and not arguments.report:
        raise UsageError("health: --out goes with --report")
    span = timedelta(days=arguments.days) if arguments.days else WEEK
    context = open_context(arguments, require_good_settings=False, create=False)
    with context.store:
        histories = _gather(context, span)
    chosen = [each for each in histories if arguments.name in (None, each.name)]
    if not chosen and arguments.name:
        known = ", ".join(each.name for each in histories) or "none"
        raise UsageError(f"health: there is no check {arguments.name!r}; known are: {known}")
    if arguments.report:
        _report(arguments, context, chosen)
    elif arguments.json:
        show_json(_as_json(chosen, span if arguments.name else None))
    elif arguments.name:
        _print_one(arguments, chosen[0], span)
    else:
        _print_all(arguments, chosen)
    return ExitCode.PARTLY_FAILED if any(each.state == CheckState.FAILED for each in chosen) else ExitCode.DONE


def _gather(context: Context, span: timedelta) -> list[History]:
    """Read the history of every check that there is now; what a plugin that is gone once said counts no more."""
    now, checks = context.clock.now(), context.plugins.checks()
    latest = context.store.health.latest()
    results = context.store.health.histories(now - max(span, WEEK))
    return [History(name, checks.owners[name], latest.get(name), results.get(name, ()), now) for name in checks]


def _print_all(arguments: argparse.Namespace, histories: list[History]) -> None:
    from rich.text import Text

    from huracan.cli.tables import make_table, moment, state

    screen = console(arguments)
    wide = screen.width >= ROOMY
    numbers = ("looked", "median", "p95", "errors 24 h", "errors 7 d") if wide else ("median", "errors 24 h", "7 d")
    table = make_table(("check", "state", "since", *numbers, "last 24 h"), right=numbers)
    for each in histories:
        day, week = each.summary(DAY), each.summary(WEEK)
        facts = [latency(week.median_seconds), share(day.error_rate), share(week.error_rate)]
        if wide:
            facts = [_ago(each), facts[0], latency(week.p95_seconds), *facts[1:]]
        since = moment(each.standing.since if each.standing else None)
        table.add_row(each.name, state(each.state), since, *facts, _sparkline(each.hours(), 1 if wide else 2))
    screen.print(table)
    for each in histories:
        if each.standing and each.standing.latest.state is not CheckState.OK:
            style = "red" if each.state == CheckState.FAILED else "yellow"
            screen.print(Text(f"! {each.name}: {each.standing.latest.detail}", style=style))
    if unseen := _unseen(histories):
        screen.print(Text(unseen, style="yellow"))


def _unseen(histories: list[History]) -> str | None:
    """Say so where nobody looks: yesterday's good answers are not today's."""
    from huracan.cli.tables import duration

    looks = [each.standing.latest.time for each in histories if each.standing]
    if not looks:
        return "Nobody has looked yet: the service monitor does, which `huracan daemon` keeps running."
    age = histories[0].now - max(looks)
    if age <= UNSEEN:
        return None
    ago = duration(age.total_seconds())
    return f"Nobody has looked for {ago}: is `huracan daemon` running? `huracan doctor` looks now."


def _ago(history: History) -> str:
    from huracan.cli.tables import duration

    if history.standing is None:
        return "-"
    return f"{duration(max(0.0, (history.now - history.standing.latest.time).total_seconds()))} ago"


def _sparkline(hours: Sequence[CheckState | None], each: int = 1) -> Any:
    """Return a mark for ``each`` hours: low is ok, half a warning, full a failure, a dot where nobody looked."""
    from rich.text import Text

    from huracan.cli.tables import state

    text = Text()
    for start in range(0, len(hours), each):
        seen = [hour for hour in hours[start : start + each] if hour]
        worst = max(seen, key=list(CheckState).index, default=None)
        text.append(_MARKS[worst], style=state(worst.value).style if worst else "bright_black")
    return text


def _print_one(arguments: argparse.Namespace, history: History, span: timedelta) -> None:
    from rich.text import Text

    from huracan.cli.tables import duration, make_table, moment, state
    from huracan.store import spans

    screen = console(arguments)
    for words, period in (("24 h", DAY), ("7 d", WEEK)):
        one = history.summary(period)
        screen.print(
            f"last {words}: {one.runs} looks, {one.failures} failed ({share(one.error_rate)}), "
            f"{one.warnings} warnings, median {latency(one.median_seconds)}, p95 {latency(one.p95_seconds)}, "
            f"longest outage {duration(one.longest_outage)}"
        )
    screen.print(Text("last 24 h: ").append_text(_sparkline(history.hours())))
    screen.print()
    table = make_table(("since", "state", "for", "looks", "found"), right=("for", "looks"), wide="found")
    for each in reversed(spans(history.within(span))):
        table.add_row(moment(each.since), state(each.state), duration(each.seconds), str(each.looks), Text(each.detail))
    screen.print(table if table.row_count else f"Nobody has looked at {history.name} in that time.")


def _report(arguments: argparse.Namespace, context: Context, histories: list[History]) -> None:
    from huracan.cli.health_report import report

    text = report(histories, arguments.days or 7, str(context.paths.workspace))
    if arguments.out is None:
        sys.stdout.write(text)
        return
    from huracan.paths import write_bytes

    try:
        write_bytes(arguments.out, text.encode())
    except OSError as error:
        raise UsageError(f"health: {arguments.out} cannot be written: {error.strerror}; name another file") from None
    print(f"written to {arguments.out}")


def _as_json(histories: list[History], span: timedelta | None) -> dict[str, Any]:
    looks = [each.standing.latest.time for each in histories if each.standing]
    return {
        "ok": all(each.state != CheckState.FAILED for each in histories),
        "newest": _time(max(looks, default=None)),
        "checks": [_one_as_json(each, span) for each in histories],
    }


def _one_as_json(history: History, span: timedelta | None) -> dict[str, Any]:
    from huracan.store import spans

    day, week, standing = history.summary(DAY), history.summary(WEEK), history.standing
    value: dict[str, Any] = {
        "name": history.name,
        "plugin": history.plugin,
        "state": history.state,
        "since": _time(standing.since if standing else None),
        "looked": _time(standing.latest.time if standing else None),
        "detail": standing.latest.detail if standing else None,
        "error_rate_24h": day.error_rate,
        "error_rate_7d": week.error_rate,
        "looks_7d": week.runs,
        "median_seconds": week.median_seconds,
        "p95_seconds": week.p95_seconds,
        "longest_outage_seconds": week.longest_outage,
        "last_change": _time(week.last_change),
        "hours": [hour.value if hour else None for hour in history.hours()],
    }
    if span is not None:
        value["history"] = [_span_as_json(each) for each in spans(history.within(span))]
    return value


def _span_as_json(span: HealthSpan) -> dict[str, Any]:
    return {
        "state": span.state.value,
        "since": _time(span.since),
        "until": _time(span.until),
        "looks": span.looks,
        "detail": span.detail,
    }


def _time(instant: datetime | None) -> str | None:
    return format_instant(instant) if instant else None


def _days(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if not 1 <= number <= 3660:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of days from 1 to 3660")
    return number
