"""The notifier ``alerts-file``: every warning and error as one JSON line in ``monitoring/alerts.jsonl``."""

from __future__ import annotations

import json
import os

from huracan.clock import format_instant
from huracan.context import Context
from huracan.types import Event, Message, Severity

__all__ = ["ALERTS_FILE", "append_alerts"]

ALERTS_FILE = "alerts.jsonl"


def append_alerts(context: Context, message: Message) -> None:
    """Append a line for each warning and error, in one write, flushed to disk: it survives what it may be about."""
    lines = [_line(event) for event in message.events if event.severity in (Severity.WARNING, Severity.ERROR)]
    if not lines:
        return
    folder = context.paths.monitoring
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / ALERTS_FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, "".join(lines).encode())
        os.fsync(handle)
    finally:
        os.close(handle)


def _line(event: Event) -> str:
    line = {
        "time": format_instant(event.time),
        "kind": event.kind,
        "severity": event.severity.value,
        "title": event.title,
        "fields": dict(event.fields),
        "run": event.run_id,
        "job": event.job,
        "symbol": event.symbol,
    }
    return json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n"
