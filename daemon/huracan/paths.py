"""Where every artefact lives, and the only way to write one: under a temporary name, flushed, then renamed."""

from __future__ import annotations

import errno
import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from huracan.errors import DataError, TryAgainError

__all__ = [
    "CHECKSUM_FILE",
    "Paths",
    "canonical_json",
    "read_document",
    "read_json",
    "safe_symbol",
    "sha256_of",
    "sweep_temporary",
    "sync_folder",
    "verify_checksums",
    "write_atomically",
    "write_bytes",
    "write_checksums",
    "write_json",
]

CHECKSUM_FILE = "sha256.txt"
_AT_WORK = 60.0
"""Seconds within which a temporary file that no run made is taken to be somebody's who still writes."""
_SIGN = 1.0

_SAFE_SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9.]*-[A-Z0-9][A-Z0-9.]*(:[A-Z0-9]+)?")


class Paths(NamedTuple):
    """The workspace, by name. Nothing is created by asking for a path."""

    workspace: Path

    @property
    def candles(self) -> Path:
        return self.workspace / "data" / "candles"

    @property
    def funding(self) -> Path:
        return self.workspace / "data" / "funding"

    @property
    def quarantine(self) -> Path:
        return self.workspace / "data" / "quarantine"

    @property
    def champions(self) -> Path:
        return self.workspace / "champions"

    @property
    def roster(self) -> Path:
        return self.champions / "roster.json"

    @property
    def exports(self) -> Path:
        return self.workspace / "exports"

    @property
    def logs(self) -> Path:
        return self.workspace / "logs"

    @property
    def monitoring(self) -> Path:
        return self.workspace / "monitoring"

    @property
    def meta(self) -> Path:
        return self.workspace / "meta"

    @property
    def state(self) -> Path:
        """Locks and sockets: never synced, never backed up."""
        return self.workspace / "state"

    def candle_file(self, symbol: str) -> Path:
        return self.candles / f"{safe_symbol(symbol)}.parquet"

    def funding_file(self, symbol: str) -> Path:
        return self.funding / f"{safe_symbol(symbol)}.parquet"

    def model_folder(self, symbol: str, stamp: datetime) -> Path:
        return self.workspace / "models" / safe_symbol(symbol) / f"{stamp:%Y%m%d_%H%M%S}Z"

    def champion(self, symbol: str) -> Path:
        return self.champions / f"{safe_symbol(symbol)}.json"

    def run_folder(self, run_date: date) -> Path:
        return self.workspace / "runs" / f"{run_date:%Y%m%d}Z"

    def summary_folder(self, run_date: date) -> Path:
        return self.workspace / "summary" / f"{run_date:%Y%m%d}Z"

    def universe_file(self, run_date: date) -> Path:
        return self.run_folder(run_date) / "universe.json"

    def candle_report(self, run_date: date) -> Path:
        return self.run_folder(run_date) / "candles.json"

    def status_file(self, run_date: date) -> Path:
        return self.run_folder(run_date) / "status.json"

    def relative(self, path: Path) -> str:
        """Return ``path`` as it is written into artefacts: relative to the workspace, with forward slashes."""
        return path.relative_to(self.workspace).as_posix()


def safe_symbol(symbol: str) -> str:
    """Return ``symbol`` if it may become a file name. Raises DataError otherwise: names come from outside."""
    if len(symbol) > 64 or not _SAFE_SYMBOL.fullmatch(symbol):
        raise DataError(repr(symbol), "is not a symbol of the form BASE-QUOTE (capital letters, digits, dots)")
    return symbol


def write_atomically(path: Path, write: Callable[[Path], None], mode: int = 0o644, *, lasting: bool = True) -> None:
    """Let ``write`` fill a temporary file beside ``path``, flush and rename it: readers see all or nothing.

    Until then nobody but its owner may read it; then ``mode`` holds. What is not ``lasting`` means nothing after a
    boot and is not flushed: a power cut may leave it empty. Raises TryAgainError where the disk is full or read-only.
    """
    with _full_disk_in_one_line(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            write(temporary)
            if lasting:
                with temporary.open("rb+") as file:
                    os.fsync(file.fileno())
            temporary.chmod(mode)
            temporary.replace(path)
            if lasting:
                sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def _full_disk_in_one_line(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            raise
        raise TryAgainError(
            f"{path}: cannot be written: {os.strerror(error.errno)}; free some space, then start the same command again"
        ) from None


def write_bytes(path: Path, content: bytes, mode: int = 0o644, *, lasting: bool = True) -> None:
    """Write ``content`` atomically; ``mode`` and ``lasting`` as in :func:`write_atomically`."""

    def fill(temporary: Path) -> None:
        temporary.write_bytes(content)

    write_atomically(path, fill, mode, lasting=lasting)


def sweep_temporary(workspace: Path, alive: Callable[[], None] = lambda: None) -> int:
    """Delete what killed writers left behind and return how many files; call it only while holding the run lock.

    ``alive`` is called as it gets on, at most once a second: a large workspace takes longer than a watchdog waits.
    """
    swept, told = 0, time.monotonic()
    for folder, _, names in os.walk(workspace):
        for name in names:
            if time.monotonic() - told >= _SIGN:
                told = time.monotonic()
                alive()
            if not fnmatchcase(name, ".*.tmp"):
                continue
            path = Path(folder, name)
            if path.is_file() and not _may_be_at_work(path, workspace):
                path.unlink(missing_ok=True)
                swept += 1
    return swept


def _may_be_at_work(path: Path, workspace: Path) -> bool:
    """Say whether a service or a command may be writing this just now: they hold no run lock."""
    state = workspace / "state"
    # Folders below state belong to services, and to channels.
    of_others = (
        path.parent == workspace / "monitoring"
        or path.parent.parent == state
        or (path.parent == state and path.name.startswith((".trading.", ".kill.", ".schedule.")))
    )
    try:
        return of_others and time.time() - path.stat().st_mtime < _AT_WORK
    except FileNotFoundError:
        return True


def canonical_json(value: Any) -> bytes:
    """Return ``value`` as JSON with sorted keys, two spaces and a final newline: equal values give equal bytes.

    Raises ValueError for NaN and infinity, which JSON does not have.
    """
    return (json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def write_json(path: Path, value: Any, *, lasting: bool = True) -> None:
    """Write ``value`` atomically as canonical JSON; ``lasting`` as in :func:`write_atomically`."""
    write_bytes(path, canonical_json(value), lasting=lasting)


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the JSON object in a file, None where there is none."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def read_document(path: Path, job: str) -> Any:
    """Read the JSON that ``job`` left for this run date. Raises DataError naming the job to run where it cannot be."""
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise DataError(str(path), f"is not there; run `huracan run {job}` for this run date first") from None
    except (OSError, ValueError) as error:
        raise DataError(str(path), f"cannot be read ({error}); run `huracan run {job} --force`") from None


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as lower-case hex."""
    import hashlib  # loads OpenSSL, for which a kill has no time

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_checksums(folder: Path, names: Iterable[str]) -> None:
    """Write ``sha256.txt`` in the format of ``sha256sum``; it is written last, so its presence says: complete."""
    lines = [f"{sha256_of(folder / name)}  {name}\n" for name in sorted(names)]
    write_bytes(folder / CHECKSUM_FILE, "".join(lines).encode())


def verify_checksums(folder: Path) -> None:
    """Check every file that ``sha256.txt`` names.

    Raises DataError for a missing or changed file, or a name that leaves the folder.
    """
    listing = folder / CHECKSUM_FILE
    if not listing.is_file():
        raise DataError(str(folder), f"has no {CHECKSUM_FILE}: it was never completed")
    try:
        lines = listing.read_text("utf-8").splitlines()
    except UnicodeDecodeError:
        raise DataError(str(listing), "is not text: it was damaged; train again") from None
    for line in lines:
        digest, _, name = line.partition("  ")
        target = folder / name
        if not name or Path(name).name != name or not target.is_file():
            raise DataError(str(listing), f"names {name!r}, which is not a file of this folder")
        if sha256_of(target) != digest:
            raise DataError(str(target), "differs from its checksum: it was changed or damaged; train again")


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
