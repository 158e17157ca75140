"""The remote store `stranger`: two folders, on two disks, that hold the same files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Literal

from huracan.config import Section, SettingsPath
from huracan.context import Context
from huracan.errors import TryAgainError
from huracan.remote.base import RemoteFile, RemoteStore, Sent, Stored, nobody, put_each
from huracan.remote.local import LocalFolderStore
from pydantic import Field

__all__ = ["Mirror", "RemoteSettings", "open_mirror"]


class RemoteSettings(Section):
    """Two folders that hold the same files; both must exist."""

    written_paths: ClassVar[tuple[str, ...]] = ("first", "second")
    name: Literal["stranger"] = Field("stranger", description="Chooses it.")
    first: SettingsPath = Field(Path("mirror-1"), description="The folder that is read.")
    second: SettingsPath = Field(Path("mirror-2"), description="The folder that is read where the first one is away.")


def open_mirror(context: Context, settings: RemoteSettings) -> RemoteStore:
    """Open the two folders."""
    del context
    return Mirror(settings.first, settings.second)


class Mirror:
    """A file counts as stored once both folders hold it. Every method raises as those of ``RemoteStore`` do."""

    def __init__(self, first: Path, second: Path) -> None:
        self._first, self._second = LocalFolderStore(first), LocalFolderStore(second)
        self._identity = f"mirror:{first}:{second}"

    @property
    def identity(self) -> str:
        """Name the folders."""
        return self._identity

    def make_folder(self, path: str) -> None:
        self._first.make_folder(path)
        self._second.make_folder(path)

    def put(self, source: Path, path: str, sent: Sent = nobody) -> RemoteFile:
        """Store a file in both; what interrupts the first copy leaves both as they were."""
        stored = self._first.put(source, path, sent)
        self._second.put(source, path)
        return stored

    def put_many(self, files: Sequence[tuple[Path, str]], sent: Sent = nobody) -> Iterator[Stored]:
        yield from put_each(self, files, sent)

    def get(self, path: str, target: Path) -> None:
        """Fetch a file from the first folder, from the second where it is not there or the disk is away."""
        try:
            self._first.get(path, target)
        except (FileNotFoundError, TryAgainError):
            self._second.get(path, target)

    def list(self, prefix: str = "") -> Iterator[RemoteFile]:
        """Yield the files that both have: the others are uploaded again."""
        for file in self._first.list(prefix):
            if self._second.stat(file.path) is not None:
                yield file

    def stat(self, path: str) -> RemoteFile | None:
        return self._first.stat(path) if self._second.stat(path) is not None else None

    def delete(self, path: str) -> None:
        self._first.delete(path)
        self._second.delete(path)

    def content_hash(self, source: Path, stored: RemoteFile) -> str | None:
        """Say nothing: a folder has no hashes until a file is read."""
        del source, stored
        return None

    def verify(self, source: Path, path: str) -> bool:
        """Say whether both hold the bytes of ``source``."""
        return self._first.verify(source, path) and self._second.verify(source, path)

    def close(self) -> None:
        """Nothing is held open."""
