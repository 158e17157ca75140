"""A remote store that is a folder: another disk, a network mount, a stick."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from huracan.errors import DataError, TryAgainError
from huracan.paths import sha256_of, write_atomically
from huracan.remote.base import RemoteFile, Sent, Stored, blocks, checked_path, nobody, put_each

__all__ = ["LocalFolderStore"]


_OF_ONE_FILE = {
    errno.ENAMETOOLONG, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.EINVAL, errno.EFBIG,
    errno.EILSEQ, errno.ENOTEMPTY,
}  # fmt: skip
"""What is wrong with one name or file, whatever the others are like."""


class LocalFolderStore:
    """Stores files below ``root``, which must exist: an unmounted disk must not become a folder on the wrong one.

    Every method raises TryAgainError where the folder is away, full or read-only, DataError for a path that would
    leave it.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def make_folder(self, path: str) -> None:
        target = self._target(path)
        with self._reporting(f"folder {path} cannot be made"):
            target.mkdir(parents=True, exist_ok=True)

    @property
    def identity(self) -> str:
        """Name the folder."""
        return f"local:{self._root}"

    def put(self, source: Path, path: str, sent: Sent = nobody) -> RemoteFile:
        """Store a file's bytes, atomically. Raises FileNotFoundError where ``source`` is no file."""
        if not source.is_file():
            raise FileNotFoundError(str(source))
        target = self._target(path)
        with self._reporting(f"{path} cannot be stored"):
            write_atomically(target, lambda temporary: _copy(source, temporary, sent))
            return self._describe(target)

    def put_many(self, files: Sequence[tuple[Path, str]], sent: Sent = nobody) -> Iterator[Stored]:
        """Store files one by one."""
        yield from put_each(self, files, sent)

    def get(self, path: str, target: Path) -> None:
        source = self._target(path)
        with self._reporting(f"{path} cannot be fetched"):
            found = source.is_file()
            if found:
                write_atomically(target, lambda temporary: _copy(source, temporary, nobody))
        if not found:
            raise FileNotFoundError(path)

    def list(self, prefix: str = "") -> Iterator[RemoteFile]:
        """Yield files whose path begins with ``prefix``, by name.

        Left out are temporary files of killed writers, and symbolic links, which may lead anywhere.
        """
        self._require_root()
        with self._reporting("files cannot be listed"):
            files = sorted(self._root.rglob("*"))
        for file in files:
            described = file.relative_to(self._root).as_posix()
            if described.startswith(prefix) and not _is_temporary(file) and not file.is_symlink():
                with self._reporting(f"{described} cannot be read"):
                    found = self._describe(file) if file.is_file() else None
                if found:
                    yield found

    def stat(self, path: str) -> RemoteFile | None:
        target = self._target(path)
        with self._reporting(f"{path} cannot be read"):
            return self._describe(target) if target.is_file() else None

    def delete(self, path: str) -> None:
        """Delete a file; fine where there is none."""
        target = self._target(path)
        with self._reporting(f"{path} cannot be deleted"):
            target.unlink(missing_ok=True)

    def content_hash(self, source: Path, stored: RemoteFile) -> str | None:
        """Say nothing: a folder has no hashes until a file is read."""

    def verify(self, source: Path, path: str) -> bool:
        target = self._target(path)
        with self._reporting(f"{path} cannot be read"):
            return target.is_file() and sha256_of(target) == sha256_of(source)

    def close(self) -> None:
        """Nothing is held open."""

    @contextmanager
    def _reporting(self, what: str) -> Iterator[None]:
        """Turn errors of the file system into the one that says: later, perhaps."""
        try:
            yield
        except OSError as error:
            if error.errno in _OF_ONE_FILE:
                raise DataError(f"remote folder {self._root}", f"{what}: {error.strerror}") from None
            raise TryAgainError(f"remote folder {self._root}: {what}: {error.strerror}") from None

    def _require_root(self) -> None:
        with self._reporting("cannot be looked at"):
            there = self._root.is_dir()
        if not there:
            raise TryAgainError(f"remote folder {self._root} is not there: mount the disk or make the folder")

    def _target(self, path: str) -> Path:
        self._require_root()
        target = self._root.joinpath(*PurePosixPath(checked_path(path)).parts)
        with self._reporting(f"{path} cannot be looked at"):
            inside = target.resolve().is_relative_to(self._root.resolve())
        if not inside:
            raise DataError(repr(path), "leaves the remote folder through a symbolic link")
        return target

    def _describe(self, file: Path) -> RemoteFile:
        about = file.stat()
        path = file.relative_to(self._root).as_posix()
        modified = datetime.fromtimestamp(about.st_mtime, UTC)
        return RemoteFile(path, about.st_size, modified, None, f"{about.st_mtime_ns}-{about.st_size}")


def _copy(source: Path, target: Path, sent: Sent) -> None:
    with source.open("rb") as content, target.open("wb") as copy:
        for block in blocks(content, sent):
            copy.write(block)


def _is_temporary(file: Path) -> bool:
    return file.name.startswith(".") and file.name.endswith(".tmp")
