"""Messages on their way to their channels: what waits, what failed, who did what; tries a channel out."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from huracan.cli.common import console, json_option, open_context, show_json
from huracan.clock import format_instant
from huracan.errors import ExitCode, HuracanError, UsageError

if TYPE_CHECKING:
    from huracan.context import Context
    from huracan.store import OutboxRow
    from huracan.types import Event

__all__ = ["configure", "run"]

RETRY_DAYS = 7.0
PATIENCE = 30.0
"""Seconds to wait for a test message to arrive."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands and their options."""
    commands = parser.add_subparsers(dest="alerts_command", required=True, metavar="COMMAND")
    texts = {
        "list": "messages that wait, and those that were given up",
        "channels": "every channel, how it is and what waits for it",
        "test": "send a test message by a channel and wait until it arrived",
        "retry": "send again what was given up: a number of `list`, or all",
        "audit": "who did what: every action that a person ordered",
    }
    for name, text in texts.items():
        one = commands.add_parser(name, help=text)
        json_option(one)
        if name == "test":
            one.add_argument("channel", help="a name of `huracan alerts channels`")
        if name == "retry":
            one.add_argument("which", metavar="ID|all", help="number of a message, or all")
            one.add_argument(
                "--days", type=float, default=RETRY_DAYS, metavar="N",
                help=f"all: of the last N days (default: {RETRY_DAYS:g}); what is older is no news",
            )  # fmt: skip
        if name == "audit":
            one.add_argument("--limit", type=int, default=50, help="how many actions, the newest (default: 50)")


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked. Raises UsageError for a channel or number that is not known."""
    commands: dict[str, Callable[[Context, argparse.Namespace], int]] = {
        "list": _list, "channels": _channels, "test": _test, "retry": _retry, "audit": _audit,
    }  # fmt: skip
    looks = arguments.alerts_command not in ("test", "retry")
    context = open_context(arguments, create=not looks)
    with context.store:
        return commands[arguments.alerts_command](context, arguments)


def _list(context: Context, arguments: argparse.Namespace) -> int:
    from huracan.cli.tables import make_table, moment
    from huracan.store import OPEN, OutboxState

    rows = context.store.outbox.listing([*OPEN, OutboxState.FAILED, OutboxState.EXPIRED])
    if arguments.json:
        show_json({"messages": [_as_json(row, event) for row, event in rows]})
        return int(ExitCode.DONE)
    screen = console(arguments)
    if not rows:
        screen.print("nothing waits, and nothing was given up")
        return int(ExitCode.DONE)
    table = make_table(("id", "channel", "state", "since", "tries", "message"), right=("id", "tries"), wide="message")
    for row, event in rows:
        table.add_row(
            str(row.id), row.channel, _state(row.state), moment(row.created_at), str(row.attempts), _about(row, event)
        )
    screen.print(table)
    return int(ExitCode.DONE)


def _channels(context: Context, arguments: argparse.Namespace) -> int:
    from huracan.cli.tables import make_table, moment

    found = list(_each_channel(context))
    if arguments.json:
        show_json({"channels": found})
        return int(ExitCode.DONE)
    table = make_table(("channel", "state", "waiting", "failed", "last sent", "about"), right=("waiting", "failed"),
                       wide="about")  # fmt: skip
    for each in found:
        sent = each["sent_at"]
        table.add_row(
            each["name"], _state(each["state"]), str(each["waiting"]), str(each["given_up"]),
            moment(datetime.fromisoformat(sent)) if sent else "", each["about"],
        )  # fmt: skip
    console(arguments).print(table)
    return int(ExitCode.DONE)


def _each_channel(context: Context) -> list[dict[str, Any]]:
    from huracan.alerts.routing import channel_settings, channels
    from huracan.store import OPEN, ChannelState, OutboxState

    active, outbox = channels(context), context.store.outbox
    states, counts = outbox.channels(), outbox.counts()
    found = []
    for name, notifier in context.plugins.notifiers().items():
        state, count = states.get(name, ChannelState(name)), counts.get(name, {})
        word, about = "ok", "gets every event at once" if notifier.immediate else ""
        if not notifier.immediate and name not in active:
            off = not channel_settings(context.settings.core.alerts, name).enabled
            word, about = "off", "switched off by alerts.channels" if off else "not set"
        elif state.error:
            since = (
                f"since {state.failing_since:%d %b %H:%M}Z: " if state.failing_since else "refused the last message: "
            )
            word, about = "failing", since + state.error
        found.append({
            "name": name, "plugin": context.plugins.notifiers().owners[name], "state": word, "about": about,
            "waiting": sum(count.get(each, 0) for each in OPEN),
            "given_up": count.get(OutboxState.FAILED, 0) + count.get(OutboxState.EXPIRED, 0),
            "sent_at": _iso(state.sent_at),
        })  # fmt: skip
    return found


def _test(context: Context, arguments: argparse.Namespace) -> int:
    """Send a message the way of all others: by the outbox, by whoever delivers, or from here."""
    from huracan.alerts.courier import delivering
    from huracan.alerts.routing import channels
    from huracan.store import OPEN, Address
    from huracan.types import Event, Severity

    known, name = channels(context), arguments.channel
    if name not in known:
        listed = ", ".join(known) or "none; docs/how-to/alerts.md says how to set one"
        raise UsageError(f"alerts test: there is no channel {name!r} that is set; set are: {listed}")
    now = context.clock.now()
    event = Event("alerts.test", Severity.INFO, "a test message: this channel works", now)
    before = context.store.outbox.newest()
    context.store.events.add(event, [Address(name, now + timedelta(minutes=15), f"test {now.isoformat()}")])
    deadline = time.monotonic() + PATIENCE
    with delivering(context, patience=0.0):
        while (row := _row_after(context, before, name)) is None or (row.state in OPEN and not row.error):
            if time.monotonic() > deadline:
                break
            time.sleep(0.2)
    return _tell_test(arguments, name, row)


def _row_after(context: Context, before: int, channel: str) -> OutboxRow | None:
    from huracan.store import OutboxState

    rows = context.store.outbox.listing(list(OutboxState), limit=1000)
    return next((row for row, event in rows if row.id > before and row.channel == channel and _is_test(event)), None)


def _is_test(event: Event | None) -> bool:
    return event is not None and event.kind == "alerts.test"


def _tell_test(arguments: argparse.Namespace, name: str, row: OutboxRow | None) -> int:
    from huracan.store import OutboxState

    arrived = row is not None and row.state in (OutboxState.SENT, OutboxState.DIGESTED)
    error = "" if row is None else row.error
    if arguments.json:
        show_json({"channel": name, "arrived": arrived, "state": row.state if row else None, "error": error})
    elif arrived:
        print(f"{name} took the test message")
    elif error:
        print(f"{name} did not take it: {error}")
    else:
        print(f"{name}: it still waits after {PATIENCE:.0f} s, for quiet hours, for messages before it, or for a pause")
    return int(ExitCode.DONE if arrived else ExitCode.TRY_AGAIN)


def _retry(context: Context, arguments: argparse.Namespace) -> int:
    which, now = arguments.which, context.clock.now()
    if which != "all" and not (which.isascii() and which.isdigit()):
        raise UsageError(f"alerts retry: {which!r} is no number of a message; `huracan alerts list` has them")
    hours = context.settings.core.alerts.expire_hours
    if not 0 < arguments.days <= 3650:
        raise UsageError("alerts retry: --days wants a number of days, as 7")
    ids, since = (None, now - timedelta(days=arguments.days)) if which == "all" else ([int(which)], None)
    number = context.store.outbox.retry(ids, now, now + timedelta(hours=hours), since=since)
    if ids is not None and not number:
        raise UsageError(f"alerts retry: no message {which} was given up; `huracan alerts list` has them")
    if arguments.json:
        show_json({"waiting_again": number})
    else:
        print(f"{number} {'message waits' if number == 1 else 'messages wait'} again")
    return int(ExitCode.DONE)


def _audit(context: Context, arguments: argparse.Namespace) -> int:
    from huracan.audit_spool import take_in_actions
    from huracan.cli.tables import make_table, moment

    with suppress(HuracanError, OSError):  # what cannot be stored now waits, and what is stored is shown
        take_in_actions(context)
    found = context.store.audit.recent(max(1, arguments.limit))
    if arguments.json:
        show_json({"actions": [{
            "time": _iso(each.time), "actor": each.actor, "via": each.via, "action": each.action,
            "arguments": dict(each.arguments), "outcome": each.outcome,
        } for each in found]})  # fmt: skip
        return int(ExitCode.DONE)
    if not found:
        console(arguments).print("nobody ordered anything yet")
        return int(ExitCode.DONE)
    table = make_table(("time", "who", "via", "action", "outcome"), wide="outcome")
    for each in found:
        words = " ".join(str(value) for value in each.arguments.values())
        table.add_row(moment(each.time), each.actor, each.via, f"{each.action} {words}".strip(), each.outcome)
    console(arguments).print(table)
    return int(ExitCode.DONE)


def _about(row: OutboxRow, event: Event | None) -> Any:
    from rich.text import Text

    title = "(the event is gone)" if event is None else event.title.partition("\n")[0]
    return Text(f"{title} — {row.error}" if row.error else title)


_COLOURS: Mapping[str, str] = {
    "ok": "green",
    "failing": "red",
    "failed": "red",
    "expired": "yellow",
    "off": "bright_black",
}


def _state(word: str) -> Any:
    from rich.text import Text

    return Text(str(word), _COLOURS.get(word, ""))


def _as_json(row: OutboxRow, event: Event | None) -> dict[str, Any]:
    return {
        "id": row.id, "channel": row.channel, "state": row.state.value, "created_at": _iso(row.created_at),
        "expires_at": _iso(row.expires_at), "attempts": row.attempts, "error": row.error,
        "kind": event.kind if event else None, "severity": row.severity.value, "title": event.title if event else None,
    }  # fmt: skip


def _iso(instant: datetime | None) -> str | None:
    return None if instant is None else format_instant(instant)
