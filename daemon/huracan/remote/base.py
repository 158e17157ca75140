"""What every remote store can do. Paths are relative, with forward slashes, below the store's root."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

__all__ = ["RemoteFile", "RemoteStore"]


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A stored file: relative path, size in bytes, time of the last change."""

    path: str
    size: int
    modified: datetime


class RemoteStore(Protocol):
    """A place for copies. Every method raises TryAgainError where the place is away at the moment."""

    def make_folder(self, path: str) -> None:
        """Create a folder and those above it; fine where it exists."""
        ...

    def put(self, source: Path, path: str) -> RemoteFile:
        """Store a file's bytes; an interrupted call leaves the old content."""
        ...

    def get(self, path: str, target: Path) -> None:
        """Fetch a file, atomically. Raises FileNotFoundError where there is none."""
        ...

    def list(self, prefix: str = "") -> Iterator[RemoteFile]: ...

    def stat(self, path: str) -> RemoteFile | None: ...

    def delete(self, path: str) -> None: ...

    def verify(self, source: Path, path: str) -> bool:
        """Say whether the stored bytes are those of ``source``, by content hash on the side of the store."""
        ...

    def close(self) -> None: ...
