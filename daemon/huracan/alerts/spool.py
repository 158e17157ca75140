"""Events that the database did not take, as files in ``state/alerts``, until it does: that it is away is an alert."""

from __future__ import annotations

import uuid
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huracan.clock import parse_instant
from huracan.paths import read_json, write_json
from huracan.types import Event, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["laid_down", "lay_down"]

MOST = 500
"""Files; a service that fails every second must not fill the disk while the database is away. As many again may be
errors: what tells that trading was stopped finds room behind any chatter."""


def lay_down(state: Path, event: Event) -> bool:
    """Keep an event as a file; return whether there was room. Raises OSError."""
    folder = state / "alerts"
    folder.mkdir(parents=True, exist_ok=True)
    most = 2 * MOST if event.severity is Severity.ERROR else MOST
    if sum(1 for _ in folder.iterdir()) >= most:
        return False
    write_json(folder / f"{event.time:%Y%m%dT%H%M%S.%f}-{uuid.uuid4().hex}.json", _as_json(event))
    return True


def laid_down(state: Path) -> Iterator[tuple[Path, Event | None]]:
    """Yield the files in the order in which they were written, each with its event, None where it holds none."""
    folder = state / "alerts"
    if folder.is_dir():
        for path in sorted(folder.glob("[0-9]*.json")):
            yield path, _event_from(read_json(path))


def _as_json(event: Event) -> dict[str, Any]:
    return {
        "schema": 1, "kind": event.kind, "severity": event.severity.value, "title": event.title,
        "time": event.time.isoformat(), "fields": dict(event.fields), "run": event.run_id, "job": event.job,
        "symbol": event.symbol,
    }  # fmt: skip


def _event_from(value: dict[str, Any] | None) -> Event | None:
    try:
        if value is None:
            return None
        time: datetime = parse_instant(value["time"])
        return Event(
            str(value["kind"]), Severity(value["severity"]), str(value["title"]), time, dict(value["fields"]),
            value["run"], value["job"], value["symbol"],
        )  # fmt: skip
    except (KeyError, TypeError, ValueError):
        return None
