"""The notifier ``alerts-file``: every warning and error as one JSON line in ``monitoring/alerts.jsonl``."""

from __future__ import annotations

import json
import os

from huracan.context import Context
from huracan.types import Event

__all__ = ["append_alert"]


def append_alert(context: Context, event: Event) -> None:
    """Append one line in one write, flushed to disk: it survives the crash that it may be about."""
    line = {
        "time": f"{event.time:%Y-%m-%dT%H:%M:%SZ}",
        "kind": event.kind,
        "severity": event.severity.value,
        "title": event.title,
        "fields": dict(event.fields),
        "run": event.run_id,
        "job": event.job,
        "symbol": event.symbol,
    }
    folder = context.paths.monitoring
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / "alerts.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, (json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n").encode())
        os.fsync(handle)
    finally:
        os.close(handle)
