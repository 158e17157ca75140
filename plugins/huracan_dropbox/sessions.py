"""Unfinished uploads, written down so that the next process goes on with them."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from huracan.paths import write_json

__all__ = ["Session", "Sessions"]


@dataclass(frozen=True, slots=True)
class Session:
    """An upload session of Dropbox: its id, the bytes that it has, and the hash of the whole file."""

    session_id: str
    offset: int
    content_hash: str


class Sessions:
    """Sessions by remote path, in one small file. Dropbox forgets a session after a week; then it begins again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def find(self, path: str, content_hash: str) -> Session | None:
        """Return the unfinished upload of these bytes to this path."""
        session = self._read().get(path)
        return session if session is not None and session.content_hash == content_hash else None

    def remember(self, path: str, session: Session) -> None:
        with self._lock:
            self._write({**self._read(), path: session})

    def forget(self, path: str) -> bool:
        """Delete what is known of an upload; False where nothing is."""
        with self._lock:
            known = self._read()
            if known.pop(path, None) is None:
                return False
            self._write(known)
            return True

    def _read(self) -> dict[str, Session]:
        try:
            value: Any = json.loads(self._path.read_text("utf-8"))
            return {path: Session(**entry) for path, entry in value.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def _write(self, known: dict[str, Session]) -> None:
        write_json(self._path, {path: asdict(session) for path, session in known.items()})
