"""A remote store that is a folder: another disk, a network mount, a stick."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from huracan.errors import DataError, TryAgainError
from huracan.paths import sha256_of, write_atomically
from huracan.remote.base import RemoteFile

__all__ = ["LocalFolderStore"]


class LocalFolderStore:
    """Stores files below ``root``, which must exist: an unmounted disk must not become a folder on the wrong one.

    Every method raises TryAgainError where the folder is away, DataError for a path that would leave it.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def make_folder(self, path: str) -> None:
        target = self._target(path)
        try:
            target.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TryAgainError(f"remote folder {target} cannot be made: {error.strerror}") from None

    def put(self, source: Path, path: str) -> RemoteFile:
        target = self._target(path)
        try:
            write_atomically(target, lambda temporary: _copy(source, temporary))
        except OSError as error:
            raise TryAgainError(f"{path} cannot be stored in {self._root}: {error.strerror}") from None
        return self._describe(target)

    def get(self, path: str, target: Path) -> None:
        source = self._target(path)
        if not source.is_file():
            raise FileNotFoundError(path)
        write_atomically(target, lambda temporary: _copy(source, temporary))

    def list(self, prefix: str = "") -> Iterator[RemoteFile]:
        """Yield files whose path begins with ``prefix``, by name; temporary ones of killed writers are left out."""
        self._require_root()
        for file in sorted(self._root.rglob("*")):
            described = file.relative_to(self._root).as_posix()
            if described.startswith(prefix) and file.is_file() and not _is_temporary(file):
                yield self._describe(file)

    def stat(self, path: str) -> RemoteFile | None:
        target = self._target(path)
        return self._describe(target) if target.is_file() else None

    def delete(self, path: str) -> None:
        self._target(path).unlink(missing_ok=True)

    def verify(self, source: Path, path: str) -> bool:
        target = self._target(path)
        return target.is_file() and sha256_of(target) == sha256_of(source)

    def close(self) -> None:
        """Nothing is held open."""

    def _require_root(self) -> None:
        if not self._root.is_dir():
            raise TryAgainError(f"remote folder {self._root} is not there: mount the disk or make the folder")

    def _target(self, path: str) -> Path:
        self._require_root()
        parts = PurePosixPath(path).parts
        if not parts or path.startswith("/") or ".." in parts or "\0" in path:
            raise DataError(repr(path), "is no path below the remote folder")
        target = self._root.joinpath(*parts)
        if not target.resolve().is_relative_to(self._root.resolve()):
            raise DataError(repr(path), "leaves the remote folder through a symbolic link")
        return target

    def _describe(self, file: Path) -> RemoteFile:
        about = file.stat()
        path = file.relative_to(self._root).as_posix()
        return RemoteFile(path, about.st_size, datetime.fromtimestamp(about.st_mtime, UTC))


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)


def _is_temporary(file: Path) -> bool:
    return file.name.startswith(".") and file.name.endswith(".tmp")
