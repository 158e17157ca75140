"""What a message looks like on a phone: about 40 columns, the one line that matters first."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from huracan.context import Context
from huracan.types import ChatReply, Event, Message, Severity
from huracan_telegram.attachments import WITH_ROSTER, Attachment, attachments_of
from huracan_telegram.texts import Piece, aligned, one_line

__all__ = ["Attachment", "Draft", "draft_of", "marked", "reply_draft"]

LATE = timedelta(minutes=10)
"""Age from which a message says when it happened: the phone shows when it came."""
WHOLE_EVENTS, LISTED_EVENTS = 6, 30
"""Events of one message up to which each is told whole, and up to which each has a line."""
MOST_ROWS = 40
MOST_LINES = 12
ROSTER_HEAD = 5
LONGEST_DATA = 64
"""Bytes of a button's data (core.telegram.org/bots/api#inlinekeyboardbutton)."""

COINS = frozenset({"model.trained", "model.failed", "model.skipped"})
"""Kinds of events of which a night is one growing message."""
_MARKS = {Severity.ERROR: "❌", Severity.WARNING: "⚠️", Severity.INFO: "🔹", Severity.DEBUG: "▫️"}
_NUMBER = re.compile(r"[-–]?|[-+]?[\d,]+(\.\d+)? ?(%|bps|bn|m|k|s|min|h|d)?")
_KIND_MARKS = {
    "run.started": "🌙", "run.ended": "🏁", "report.ready": "📊", "backup.done": "💾", "kill.on": "🛑",
    "kill.off": "🟢", "breaker.tripped": "⛔", "breaker.released": "🟢",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be sent: text, buttons under its last part as (label, data), and files after it."""

    pieces: tuple[Piece, ...]
    buttons: tuple[tuple[str, str], ...] = ()
    attachments: tuple[Attachment, ...] = ()


def draft_of(context: Context, message: Message) -> Draft:
    """Return how a message is told."""
    pieces: list[Piece] = []
    night = [event for event in message.events if event.kind in COINS]
    others = [event for event in message.events if event not in night]
    if night:
        pieces += _night(night)
    if night and others:
        pieces.append(Piece("\n\n"))
    pieces += _others(context, others)
    found = [one for event in others for one in attachments_of(context, event)]
    known = context.plugins.chat_commands()
    buttons = [one for event in [*night, *others] for one in _buttons(event) if one[1].partition(" ")[0] in known]
    return Draft(tuple(pieces), tuple(dict.fromkeys(buttons))[:6], tuple(dict.fromkeys(found)))


def marked(draft: Draft) -> Draft:
    """Return a draft that says that it may have been sent before."""
    return replace(draft, pieces=(Piece("↻ perhaps sent before\n", "i"), *draft.pieces))


def reply_draft(reply: ChatReply) -> Draft:
    """Return how the answer to a command is told."""
    pieces = [Piece(reply.text)]
    if reply.table:
        numbers = [
            column for column in range(len(reply.table[0]))
            if all(_is_number(row[column]) for row in reply.table[1:] if column < len(row))
        ]  # fmt: skip
        pieces += [Piece("\n" if reply.text else ""), Piece(aligned(reply.table, numbers), "pre")]
    attachments = []
    if reply.picture is not None:
        attachments.append(Attachment(str(reply.picture), picture=True))
    if reply.file is not None:
        attachments.append(Attachment(str(reply.file)))
    buttons = tuple((label, data) for label, data in reply.buttons if len(data.encode()) <= LONGEST_DATA)
    return Draft(tuple(pieces), buttons, tuple(attachments))


# --------------------------------------------------------------------------------------------------- the growing night


def _night(events: Sequence[Event]) -> Iterator[Piece]:
    """Tell how far the night is: a heading, a row per coin, and the reason of each that failed."""
    coins = {event.symbol or str(event.fields.get("symbol", "?")): event for event in events}
    done = max([len(coins), *(_whole(event.fields.get("done")) for event in events)])
    total = max(_whole(event.fields.get("total")) for event in coins.values())
    yield Piece(f"{_KIND_MARKS['run.started']} Models of {events[0].time:%-d %b}", "b")
    if total or done:
        finished = "  ✓" if total and done >= total else ""
        yield Piece(f"\n{_bar(done, total)} {done}/{total or '?'}{finished}\n")
    rows = [_coin_row(symbol, event) for symbol, event in coins.items()]
    if rows:
        hidden = len(rows) - MOST_ROWS
        if hidden > 0:
            yield Piece(f"… {hidden} before these\n")
        yield Piece(aligned([("coin", "Sharpe", "win", "net", ""), *rows[-MOST_ROWS:]], right=(1, 2, 3)), "pre")
    for event in [one for one in coins.values() if one.kind != "model.trained"][-MOST_LINES:]:
        yield Piece(f"\n{_MARKS[event.severity]} {one_line(event.title, 120)}")


def _bar(done: int, total: int) -> str:
    full = 0 if not total else min(10, round(10 * done / total))
    return "▰" * full + "▱" * (10 - full)


def _coin_row(symbol: str, event: Event) -> tuple[str, str, str, str, str]:
    base = symbol.partition("-")[0]
    if event.kind != "model.trained":
        return (base, "–", "–", "–", event.kind.removeprefix("model."))
    fields = event.fields
    passed = fields.get("passed")
    mark = "" if passed is None else "✓" if passed else "✗"
    return (base, _number(fields.get("sharpe"), "{:.2f}"), _number(fields.get("hit_rate"), "{:.0%}"),
            _number(fields.get("net_pnl"), "{:+.1%}"), mark)  # fmt: skip


# --------------------------------------------------------------------------------------------------------- one event


def _others(context: Context, events: Sequence[Event]) -> Iterator[Piece]:
    if len(events) > 1 and len({(event.kind, event.symbol, event.severity) for event in events}) == 1:
        titles = Counter(event.title for event in events)
        if len(titles) == 1:
            yield from _event(context, events[-1], again=len(events))
            return
    if len(events) > WHOLE_EVENTS:
        yield from _listed(events)
        return
    for number, event in enumerate(events):
        if number:
            yield Piece("\n\n")
        yield from _event(context, event)


def _event(context: Context, event: Event, again: int = 1) -> Iterator[Piece]:
    title, *shown = event.title.splitlines() or [event.kind]
    yield Piece(f"{_KIND_MARKS.get(event.kind, _MARKS[event.severity])} {one_line(title)}", "b")
    if again > 1:
        yield Piece(f" (again, {again} times)")
    if context.clock.now() - event.time > LATE:
        yield Piece(f"\n{event.time:%-d %b %H:%M} UTC", "i")
    for name in ("lines", "messages", "problems", "packages"):
        found = event.fields.get(name)
        shown += [each for each in found if isinstance(each, str)] if isinstance(found, (list, tuple)) else []
    shown += [str(event.fields[name]) for name in ("detail", "summary") if event.fields.get(name)]
    for line in [line for line in shown if line.strip() and line not in event.title.splitlines()[:1]][:MOST_LINES]:
        yield Piece(f"\n{one_line(line)}")
    if event.fields.get("hint"):
        yield Piece(f"\n→ {one_line(str(event.fields['hint']))}")
    if event.kind == "run.ended" and event.fields.get("pipeline", "nightly") in WITH_ROSTER:
        yield from _roster_head(context)


def _listed(events: Sequence[Event]) -> Iterator[Piece]:
    """Tell many events in a line each, the gravest where there are too many, and count the others."""
    yield Piece(f"{len(events)} messages", "b")
    gravest = sorted(range(len(events)), key=lambda number: (-events[number].severity.level, -number))
    shown = sorted(gravest[:LISTED_EVENTS])
    for number in shown:
        event = events[number]
        mark = _KIND_MARKS.get(event.kind, _MARKS[event.severity])
        yield Piece(f"\n{mark} {event.time:%H:%M} {one_line(event.title, 120)}")
    left = Counter(events[number].kind for number in gravest[LISTED_EVENTS:])
    if left:
        yield Piece(f"\n… and {', '.join(f'{kind} ×{count}' for kind, count in left.most_common(10))}")


def _roster_head(context: Context) -> Iterator[Piece]:
    """Show who leads the roster that the night left."""
    try:
        rows: Any = json.loads(context.paths.roster.read_text("utf-8"))
        head = [
            (f"{row['rank']}", row["symbol"].partition("-")[0], _number(row["sharpe"], "{:.2f}"),
             _number(row["hit_rate"], "{:.0%}"), "✓" if row["trade_ok"] else "✗")
            for row in rows[:ROSTER_HEAD]
        ]  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return  # no night has left one yet, or none that can be read: doctor says so
    if head:
        yield Piece("\n")
        yield Piece(aligned([("#", "coin", "Sharpe", "win", ""), *head], right=(0, 2, 3)), "pre")


def _buttons(event: Event) -> Iterator[tuple[str, str]]:
    """Offer the log of what failed, and a look at what the night brought."""
    if event.kind == "run.ended":
        yield ("Roster", "roster")
        yield ("Report", "report")
    elif event.fields.get("log") or event.kind in ("job.failed", "model.failed"):
        words = f"logs {event.fields.get('failed_job') or event.job or ''}".strip()
        if len(words.encode()) <= LONGEST_DATA:
            yield ("Log", words)
    elif event.kind == "run.started" or event.kind in ("breaker.tripped", "kill.on"):
        yield ("Status", "status")


def _whole(value: object) -> int:
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else 0


def _number(value: object, form: str) -> str:
    return form.format(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else "–"


def _is_number(cell: str) -> bool:
    return _NUMBER.fullmatch(cell) is not None
