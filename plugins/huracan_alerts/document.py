"""A message as JSON, the same for the webhook and the command."""

from __future__ import annotations

from typing import Any

from huracan.alerts.wording import word
from huracan.clock import format_instant
from huracan.context import Context
from huracan.paths import canonical_json
from huracan.types import Event, Message

__all__ = ["as_bytes"]

MOST_EVENTS = 200


def as_bytes(context: Context, message: Message) -> bytes:
    """Return a message as JSON: its words for people, and its events, the newest ones of many."""
    worded = word(context.paths.workspace, message)
    files = [path for path in (worded.picture, *worded.files) if path is not None]
    workspace = context.paths.workspace.resolve()
    return canonical_json(
        {
            "schema": 1,
            "key": message.key,
            "repeated": message.repeated,
            "severity": worded.severity.value,
            "title": worded.title,
            "lines": list(worded.lines),
            "run": worded.run_id,
            "files": [path.relative_to(workspace).as_posix() for path in files],
            "count": len(message.events),
            "events": [_event(event) for event in message.events[-MOST_EVENTS:]],
        }
    )


def _event(event: Event) -> dict[str, Any]:
    return {
        "kind": event.kind,
        "severity": event.severity.value,
        "title": event.title,
        "time": format_instant(event.time),
        "fields": dict(event.fields),
        "run": event.run_id,
        "job": event.job,
        "symbol": event.symbol,
    }
