"""Which files of the workspace are copied, where to, how often, and which first.

``data/`` lies at the root of the remote store, shared by all days. Everything else lies below the day it belongs to,
under its path in the workspace: ``2026-11-20/champions/BTC-USDT.json``. The day is the one that the path names (a run,
a model, an export), else that of the file's last change, UTC. So a day's folder holds what that day made, and each
path's newest copy is the one of the latest day.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from enum import StrEnum

__all__ = ["FOLDERS", "Kind", "importance", "is_appended", "is_hidden", "kind_of", "local_path", "remote_path"]


class Kind(StrEnum):
    """What is looked at together, at an interval of its own."""

    LEARNING = "learning"
    REPORTS = "reports"
    MODELS = "models"
    CANDLES = "candles"


FOLDERS = {
    "runs": Kind.LEARNING,
    "champions": Kind.LEARNING,
    "summary": Kind.LEARNING,
    "learning": Kind.LEARNING,
    "models": Kind.MODELS,
    "meta": Kind.MODELS,
    "exports": Kind.MODELS,
    "config": Kind.REPORTS,
    "reports": Kind.REPORTS,
    "monitoring": Kind.REPORTS,
    "logs": Kind.REPORTS,
    "data/candles": Kind.CANDLES,
    "data/funding": Kind.CANDLES,
}
"""The folders that are copied, the most important first: ledger and champions before logs and candles."""

_ORDER = {folder: place for place, folder in enumerate(FOLDERS)}
_DAY = re.compile(r"(?<!\d)(20\d\d)-?([01]\d)-?([0-3]\d)(?!\d)")
_DATED = re.compile(r"(20\d\d-[01]\d-[0-3]\d)/(.+)")
_SHARED = "data/"


def kind_of(path: str) -> Kind | None:
    """Return the kind of a path in the workspace, None where it is not copied."""
    return next((kind for folder, kind in FOLDERS.items() if path.startswith(f"{folder}/")), None)


def importance(path: str) -> int:
    """Return the place of a path in the queue, least first."""
    return next(place for folder, place in _ORDER.items() if path.startswith(f"{folder}/"))


def is_hidden(path: str) -> bool:
    """Say whether a part of a path begins with a dot: temporary files, and names that are nobody's business."""
    return any(part.startswith(".") for part in path.split("/"))


def is_appended(path: str) -> bool:
    """Say whether a file grows line by line while it is copied: its last, half-written line is left for next time."""
    return path.startswith("logs/") and path.endswith((".jsonl", ".log"))


def remote_path(path: str, modified_ns: int, now: float) -> str:
    """Return where a file of the workspace lies in the remote store. ``now`` is in seconds since 1970.

    A file from the future was written while the clock was wrong: it belongs to today, or it would count as the newest
    copy for years.
    """
    if path.startswith(_SHARED):
        return path
    changed = datetime.fromtimestamp(min(max(modified_ns / 1e9, 0.0), now), UTC).date()
    return f"{_day_of(path) or changed:%Y-%m-%d}/{path}"


def local_path(remote: str) -> tuple[str, str]:
    """Return the path in the workspace that a remote path is a copy of, and its day; two empty texts for others."""
    if remote.startswith(_SHARED):
        return (remote, "") if kind_of(remote) else ("", "")
    found = _DATED.fullmatch(remote)
    if found is None or kind_of(found[2]) is None:
        return "", ""
    return found[2], found[1]


def _day_of(path: str) -> date | None:
    for found in _DAY.finditer(path):
        try:
            return date(int(found[1]), int(found[2]), int(found[3]))
        except ValueError:
            continue
    return None
