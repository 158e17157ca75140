"""``state/sync.json``: how the service fares, for ``huracan sync status``. What is not safe yet is not kept there."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from huracan.clock import format_instant
from huracan.errors import HuracanError
from huracan.paths import write_json
from huracan_remote.engine import Sweep

__all__ = ["REPORT", "Report"]

REPORT = "sync.json"
"""The name of the file, in the folder `state` of the workspace."""

LEAST_BETWEEN = 5.0
"""Seconds between two writes while nothing but the numbers changed."""


class Report:
    """Keeps the file up to date; it is written when the state changes, and every few seconds of work."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.remote = ""
        self._values: dict[str, Any] = {"state": "starting", "since": _now(), "files": 0, "bytes": 0, "error": None}
        self._written = 0.0

    def in_words(self) -> str:
        """Say in one line how it fares."""
        about = f", {self._values['error']}" if self._values["error"] else ""
        return f"sync {self._values['state']}, {self._values['files']} files copied{about}"

    def progress(self, tell: Callable[[str], None]) -> Callable[[str], None]:
        """Return what is told of bytes that are sent: a sign of life, and the state ``sending``."""

        def told(text: str) -> None:
            tell(text)
            self._state("sending", None)

        return told

    def done(self, sweep: Sweep, sent: int) -> None:
        """Count what a sweep copied."""
        self._values["files"] += sweep.files
        self._values["bytes"] += sweep.size
        self._values["last_contact"] = _now()
        self._values["sent_bytes"] = sent
        self._values["problems"] = sweep.problems[:20]

    def away(self, reason: str, *, refused: bool) -> None:
        self._state("refused" if refused else "offline", reason)

    def fine(self) -> None:
        self._state("idle", None)

    def _state(self, state: str, error: str | None) -> None:
        changed = (state, error) != (self._values["state"], self._values["error"])
        if changed:
            self._values |= {"state": state, "error": error, "since": _now()}
        if changed or time.monotonic() - self._written > LEAST_BETWEEN:
            self._written = time.monotonic()
            with contextlib.suppress(HuracanError, OSError):  # a full disk must not end the service
                write_json(self._path, {"schema": 1, "remote": self.remote, **self._values})


def _now() -> str:
    return format_instant(datetime.fromtimestamp(time.time(), UTC))
