"""What every remote store can do. Paths are relative, with forward slashes, below the store's root."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from huracan.errors import DataError, HuracanError, TryAgainError

__all__ = [
    "BLOCK_BYTES",
    "RemoteFile",
    "RemoteStore",
    "Sent",
    "Stored",
    "blocks",
    "checked_path",
    "holds",
    "nobody",
    "put_each",
    "put_one",
]

BLOCK_BYTES = 1024 * 1024

Sent = Callable[[int], None]
"""Told the size of each block of bytes before it is sent: it may wait (a bandwidth cap) or raise, which gives up."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A stored file: relative path, size in bytes, time of the last change.

    ``content_hash`` is what the store itself says about the bytes, by its own algorithm, None where it says nothing
    unasked; ``revision`` changes with every write, None where the store does not count.
    """

    path: str
    size: int
    modified: datetime
    content_hash: str | None = None
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """How one file of :meth:`RemoteStore.put_many` fared: ``file`` where it was stored, else ``error``."""

    path: str
    file: RemoteFile | None = None
    error: HuracanError | None = None


def nobody(_: int) -> None:
    """Be told of bytes, and do nothing."""


class RemoteStore(Protocol):
    """A place for copies.

    Every method raises TryAgainError where the place is away, full or too busy at the moment, UsageError where it
    refuses us, and DataError for a path that is none.
    """

    @property
    def identity(self) -> str:
        """Name the place without secrets, so that copies of one place are not taken for those of another."""
        ...

    def make_folder(self, path: str) -> None:
        """Create a folder and those above it; fine where it exists."""
        ...

    def put(self, source: Path, path: str, sent: Sent = nobody) -> RemoteFile:
        """Store a file's bytes; an interrupted call leaves the old content."""
        ...

    def put_many(self, files: Sequence[tuple[Path, str]], sent: Sent = nobody) -> Iterator[Stored]:
        """Store several files with as few requests as the store allows, and say of each how it fared.

        What concerns all of them (the place is away) is raised.
        """
        ...

    def get(self, path: str, target: Path) -> None:
        """Fetch a file, atomically. Raises FileNotFoundError where there is none."""
        ...

    def list(self, prefix: str = "") -> Iterator[RemoteFile]:
        """Yield files whose path begins with ``prefix``, in any order."""
        ...

    def stat(self, path: str) -> RemoteFile | None: ...

    def delete(self, path: str) -> None:
        """Delete a file; fine where there is none."""
        ...

    def content_hash(self, source: Path, stored: RemoteFile) -> str | None:
        """Return what ``stored.content_hash`` has to be where the bytes are those of ``source``; None: ask verify."""
        ...

    def verify(self, source: Path, path: str) -> bool:
        """Say whether the stored bytes are those of ``source``, by content hash on the side of the store."""
        ...

    def close(self) -> None: ...


def holds(store: RemoteStore, source: Path, stored: RemoteFile) -> bool:
    """Say whether stored bytes are those of ``source``, without a request where what is known of them says it."""
    expected = store.content_hash(source, stored)
    return store.verify(source, stored.path) if expected is None else expected == stored.content_hash


def put_each(store: RemoteStore, files: Sequence[tuple[Path, str]], sent: Sent) -> Iterator[Stored]:
    """Store files one by one: :meth:`RemoteStore.put_many` of a store that knows nothing better."""
    for source, path in files:
        yield put_one(store, source, path, sent)


def put_one(store: RemoteStore, source: Path, path: str, sent: Sent) -> Stored:
    """Store a file, and say how it fared; what concerns others as well (the place is away) is raised."""
    try:
        return Stored(path, store.put(source, path, sent))
    except DataError as error:
        return Stored(path, error=error)
    except FileNotFoundError:
        if source.is_file():
            raise TryAgainError(f"{store.identity}: {path} cannot be stored there at the moment") from None
        return Stored(path, error=DataError(path, "is no file any more"))


def blocks(file: BinaryIO, sent: Sent, size: int = BLOCK_BYTES) -> Iterator[bytes]:
    """Yield a file's content block by block, telling of each before it is handed out."""
    while block := file.read(size):
        sent(len(block))
        yield block


def checked_path(path: str) -> str:
    """Return a path that stays below the store's root. Raises DataError for any other."""
    parts = path.split("/")
    if not path or any(part in ("", ".", "..") for part in parts) or "\0" in path or "\\" in path:
        raise DataError(repr(path), "is no path below the remote folder")
    return path
