"""What the last backups came to, in ``state/backup.json``: read by the health check, the chat and `huracan backup`."""

from __future__ import annotations

from typing import Any

from huracan.context import Context
from huracan.masking import json_safe
from huracan.paths import read_json, write_json

__all__ = ["read_report", "size_text", "write_report"]

_FILE = "backup.json"


def size_text(count: float) -> str:
    """Return bytes as people read them: ``4.3 kB``, ``64.3 MB``, ``1,204.0 MB``."""
    return f"{count / 1e6:,.1f} MB" if count >= 1e5 else f"{count / 1e3:,.1f} kB"


def read_report(context: Context) -> dict[str, Any]:
    """Return the report, an empty one where there is none."""
    value = read_json(context.paths.state / _FILE) or {}
    return {"last": value.get("last"), "failed": value.get("failed"), "places": value.get("places") or {}}


def write_report(context: Context, value: dict[str, Any]) -> None:
    """Write the report, without the secrets that an error may hold."""
    write_json(context.paths.state / _FILE, json_safe({"schema": 1, **value}))
