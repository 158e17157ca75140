"""Packs: some files in one tar, compressed with zstd, encrypted with age, named by the SHA-256 of what is stored.

So a pack is never changed, equal names are equal bytes, and anybody can see without a key whether one is whole.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import zstandard

from huracan.errors import DataError
from huracan.paths import sha256_of, sync_folder
from huracan.remote.base import BLOCK_BYTES, checked_path
from huracan_backup.keys import Keys

__all__ = ["Changed", "Member", "Source", "Written", "check_stored", "read_blob", "unpack", "write_blob", "write_pack"]

LEVEL = 3
"""Of zstd: 6 takes three times as long for 3 % less (measured on models and a store)."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file to be packed: its path in the backup, and where it lies with the size it had."""

    path: str
    file: Path
    size: int
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Member:
    """A file in a pack: its path in the backup, size in bytes, permission bits, time of change in ns, SHA-256."""

    path: str
    size: int
    mode: int
    modified_ns: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Written:
    """A pack or blob that was written: its name, its size in bytes as stored, and what is in it."""

    name: str
    size: int
    members: tuple[Member, ...] = ()


class Changed(Exception):  # noqa: N818 - a fact, not a fault
    """A file went, became shorter, or could not be read, while it was packed."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path


# ------------------------------------------------------------------------------------------------------------ writing


def write_pack(folder: Path, work: Path, sources: Sequence[Source], keys: Keys, tick: Callable[[], None]) -> Written:
    """Pack files into ``folder``; ``work`` holds what is half-written. Raises Changed, OSError for a full disk."""
    plain = work / "pack.tar.zst"
    members = []
    with plain.open("wb") as file:
        compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
        with (
            compressor.stream_writer(file, closefd=False) as stream,
            tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as tar,
        ):
            for source in sources:
                members.append(_add(tar, source))
                tick()
    stored = _store(folder, work, plain, keys)
    return Written(stored.name, stored.size, tuple(members))


def write_blob(folder: Path, work: Path, content: bytes, keys: Keys) -> Written:
    """Store bytes as a pack is stored."""
    plain = work / "blob.zst"
    plain.write_bytes(zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compress(content))
    return _store(folder, work, plain, keys)


def _add(tar: tarfile.TarFile, source: Source) -> Member:
    try:
        handle = os.open(source.file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise Changed(source.path, error.strerror or "cannot be read") from None
    with open(handle, "rb") as file:  # noqa: PTH123 - of an open handle
        about = os.fstat(handle)
        entry = tarfile.TarInfo(source.path)
        # A log grows meanwhile: what it held when it was opened is what is kept.
        entry.size, entry.mode, entry.mtime = about.st_size, about.st_mode & 0o755, int(about.st_mtime)
        reader = _Hashed(file, about.st_size)
        try:
            tar.addfile(entry, reader)
        except _ShortError as error:
            raise Changed(source.path, str(error)) from None
    return Member(source.path, about.st_size, entry.mode, about.st_mtime_ns, reader.digest.hexdigest())


class _ShortError(Exception):
    """A file ended before its size, or lies on a bad sector."""


class _Hashed(io.RawIOBase):
    """Reads so many bytes of a file and hashes what it hands out."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._left = file, size
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        block = self._fill(self._left if size < 0 else min(size, self._left))
        if not block and self._left and size:
            raise _ShortError("became shorter")
        self._left -= len(block)
        self.digest.update(block)
        return block

    def _fill(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except OSError as error:  # of this file, and not of the disk that the pack is written to
            raise _ShortError(error.strerror or "cannot be read") from None


def _store(folder: Path, work: Path, plain: Path, keys: Keys) -> Written:
    """Encrypt where wanted, flush, then give the file the name of its content: a kill leaves nothing like it."""
    final = plain
    if keys.encrypts:
        final = work / "pack.age"
        keys.encrypt(plain, final)
        plain.unlink()
    with final.open("rb") as file:
        name = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    size = final.stat().st_size
    folder.mkdir(parents=True, exist_ok=True)
    final.replace(folder / name)
    sync_folder(folder)  # the manifest that names it must not outlive it in a power cut
    return Written(name, size)


# ------------------------------------------------------------------------------------------------------------ reading


def check_stored(file: Path, name: str, size: int, what: str) -> None:
    """Compare a stored pack with its name. Raises DataError for one that is truncated or was changed."""
    found = file.stat().st_size
    if found != size:
        raise DataError(what, f"is truncated or was changed: {found:,} bytes instead of {size:,}")
    try:
        same = sha256_of(file) == name
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        raise DataError(what, "cannot be read from its disk (input/output error)") from None
    if not same:
        raise DataError(what, "was changed: its bytes are not those of its name")


def read_blob(file: Path, work: Path, keys: Keys, encrypted: bool, what: str) -> bytes:
    """Return the bytes of a blob. Raises DataError, UsageError as :meth:`Keys.decrypt` does."""
    with _plain(file, work, keys, encrypted, what) as plain, plain.open("rb") as content:
        try:
            return zstandard.ZstdDecompressor().stream_reader(content).read()
        except zstandard.ZstdError as error:
            raise DataError(what, f"cannot be decompressed ({error}): it was changed") from None


def unpack(
    file: Path,
    work: Path,
    members: Iterable[Member],
    keys: Keys,
    encrypted: bool,
    what: str,
    place: Callable[[str], Path | None],
) -> None:
    """Compare every file of a pack with its member, and write those for which ``place`` returns a path.

    Raises DataError for an unsafe member (an absolute path, one with .., a link, a device), for one that the index does
    not name, and for one that is missing or holds other bytes: then nothing of it may be used.
    """
    expected = {member.path: member for member in members}
    try:
        with (
            _plain(file, work, keys, encrypted, what) as plain,
            plain.open("rb") as content,
            zstandard.ZstdDecompressor().stream_reader(content) as stream,
            tarfile.open(fileobj=stream, mode="r|") as tar,
        ):
            for entry in tar:
                member = _expected(entry, expected, what)
                source = tar.extractfile(entry)
                assert source is not None  # a regular file has content
                _write(source, member, place(member.path), what)
    except (tarfile.TarError, zstandard.ZstdError, EOFError) as error:
        raise DataError(what, f"cannot be unpacked ({error}): it was changed") from None
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        raise DataError(what, "cannot be read from its disk (input/output error)") from None
    if expected:
        raise DataError(what, f"does not hold {next(iter(expected))}, which its index names")


def _expected(entry: tarfile.TarInfo, expected: dict[str, Member], what: str) -> Member:
    try:
        path = checked_path(entry.name)
    except DataError:
        raise DataError(what, f"holds the unsafe path {entry.name!r}; nothing of it was restored") from None
    if not entry.isreg():
        raise DataError(what, f"holds {entry.name!r}, which is a link or device; nothing of it was restored")
    member = expected.pop(path, None)
    if member is None:
        raise DataError(what, f"holds {path!r}, which its index does not name; nothing of it was restored")
    if entry.size != member.size:
        raise DataError(what, f"holds {path!r} with {entry.size:,} bytes instead of {member.size:,}")
    return member


def _write(source: IO[bytes], member: Member, target: Path | None, what: str) -> None:
    digest = hashlib.sha256()
    if target is None:
        while block := source.read(BLOCK_BYTES):
            digest.update(block)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Nobody else reads a secret before its own permissions hold.
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(handle, "wb") as file:  # noqa: PTH123 - of an open handle
            while block := source.read(BLOCK_BYTES):
                digest.update(block)
                file.write(block)
        target.chmod(member.mode | 0o600)
        os.utime(target, ns=(member.modified_ns, member.modified_ns))
    if digest.hexdigest() != member.sha256:
        raise DataError(what, f"holds other bytes of {member.path!r} than its index says")


@contextmanager
def _plain(file: Path, work: Path, keys: Keys, encrypted: bool, what: str) -> Iterator[Path]:
    if not encrypted:
        yield file
        return
    plain = work / f"{file.name}.plain"
    try:
        keys.decrypt(file, plain, what)
        yield plain
    finally:
        plain.unlink(missing_ok=True)
