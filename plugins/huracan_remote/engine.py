"""Brings the remote store up to date: what changed is copied, verified there, and written into the store.

There is no queue that could be lost: what has to be copied is what differs from the rows of ``store.copies``. A file is
copied into a spool first, so that it is never sent half-written, whoever writes it and however.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from huracan.context import Context
from huracan.errors import TryAgainError
from huracan.remote.base import RemoteFile, RemoteStore, Sent, Stored, holds
from huracan.store import RemoteCopy
from huracan.turns import its_turn
from huracan_remote.layout import Kind, importance, is_appended, remote_path
from huracan_remote.tree import Local, look, scan

__all__ = ["Sweep", "alone", "copy_of", "pending", "sweep", "sweep_paths"]

BATCH_FILES = 100
BATCH_BYTES = 32 * 1024 * 1024
LOCK_WAIT = 7200.0
RESERVE_BYTES = 64 * 1024 * 1024
QUIET_SECONDS = 60.0
"""A log that nobody wrote to for so long is whole, also without a last line break."""


@dataclass
class Sweep:
    """What one sweep did: files and bytes copied, paths left for later since somebody still writes, files that the disk
    has no room to copy, lines about what could not be copied, and paths whose bytes were compared with their copy's."""

    files: int = 0
    size: int = 0
    unsettled: set[str] = field(default_factory=set)
    no_room: int = 0
    problems: list[str] = field(default_factory=list)
    compared: set[str] = field(default_factory=set)

    @property
    def later(self) -> int:
        """Return how many files are left for another time."""
        return len(self.unsettled) + self.no_room


def pending(files: Iterable[Local], known: Mapping[str, RemoteCopy]) -> list[Local]:
    """Return the files whose copy is missing or older, the most important first, then the oldest change."""
    open_ones = [
        each
        for each in files
        if (copy := known.get(each.path)) is None or (copy.size, copy.modified_ns) != (each.size, each.modified_ns)
    ]
    return sorted(open_ones, key=lambda each: (importance(each.path), each.modified_ns, each.path))


def sweep(
    context: Context, remote: RemoteStore, kinds: Sequence[Kind], sent: Sent, *, settle: float, only_new: bool = False
) -> Sweep:
    """Copy what changed among some kinds of files; ``only_new`` passes over files that have an older copy.

    Files that changed less than ``settle`` seconds ago are left for later. Raises TryAgainError where the remote store
    is away: what was copied until then is written down.
    """
    with alone(context):
        known = context.store.copies.known(remote.identity)
        troubles: list[str] = []
        files = [
            each for each in scan(context.paths.workspace, kinds, troubles) if not only_new or each.path not in known
        ]
        done = _copy_all(context, remote, pending(files, known), known, sent, settle)
        done.problems += troubles
        return done


def sweep_paths(context: Context, remote: RemoteStore, paths: Iterable[str], sent: Sent, *, settle: float) -> Sweep:
    """Copy some files, where they changed."""
    with alone(context):
        files = [found for path in paths if (found := look(context.paths.workspace, path)) is not None]
        known = context.store.copies.known(remote.identity, [each.path for each in files])
        return _copy_all(context, remote, pending(files, known), known, sent, settle)


def alone(context: Context) -> AbstractContextManager[None]:
    """Keep service, job and command from copying the same files at the same time."""
    return its_turn(context, "sync", "copies files", LOCK_WAIT)


def _copy_all(
    context: Context,
    remote: RemoteStore,
    files: Sequence[Local],
    known: Mapping[str, RemoteCopy],
    sent: Sent,
    settle: float,
) -> Sweep:
    result = Sweep()
    now = time.time()
    # What comes from the future was written while the clock was wrong, and is as quiet as anything.
    ready = [
        each
        for each in files
        if settle <= 0 or not now - settle < each.modified_ns / 1e9 <= now or is_appended(each.path)
    ]
    result.unsettled = {each.path for each in files} - {each.path for each in ready}
    with _Spool(context.paths.state / "spool") as spool:
        for number, batch in enumerate(_batches(ready)):
            _copy_batch(context, remote, spool, batch, known, sent, result)
            done = min(len(ready), (number + 1) * BATCH_FILES)
            context.progress.step(f"sync {result.files} of {len(ready)} files", done=done, total=len(ready))
    if result.no_room:
        words = f"less than {RESERVE_BYTES / 1e6:.0f} MB would be left on the disk"
        result.problems.append(f"{result.no_room} files are not copied: {words}")
    return result


def _batches(files: Sequence[Local]) -> Iterator[list[Local]]:
    batch: list[Local] = []
    room = BATCH_BYTES
    for each in files:
        if batch and (len(batch) == BATCH_FILES or each.size > room):
            yield batch
            batch, room = [], BATCH_BYTES
        batch.append(each)
        room -= each.size
    if batch:
        yield batch


def _copy_batch(
    context: Context,
    remote: RemoteStore,
    spool: _Spool,
    batch: Sequence[Local],
    known: Mapping[str, RemoteCopy],
    sent: Sent,
    result: Sweep,
) -> None:
    held: dict[str, tuple[Local, Path]] = {}
    same: list[RemoteCopy] = []
    for each in batch:
        source = _spooled(context, spool, each, result)
        if source is None:
            continue
        if is_appended(each.path):
            # Of a log that was cut at its last line the rest is still to come: what is told is what was sent.
            each = replace(each, size=source.stat().st_size)
        target = remote_path(each.path, each.modified_ns, time.time())
        copy = known.get(each.path)
        if copy is not None and copy.remote_path == target and _is_same(remote, source, copy):
            same.append(copy_of(each, _stored(copy)))
            result.compared.add(each.path)
        else:
            held[target] = each, source
    copies: list[RemoteCopy] = []
    try:
        for answer in remote.put_many([(source, target) for target, (_, source) in held.items()], sent):
            _take_note(remote, held, answer, copies, result)
    finally:
        # Also where the rest could not be sent: what is there need not be sent again.
        if copies or same:
            context.store.copies.record(remote.identity, [*copies, *same])
    spool.clear()


def _spooled(context: Context, spool: _Spool, each: Local, result: Sweep) -> Path | None:
    """Copy a file into the spool; None, with the reason noted, where that cannot be done now."""
    try:
        return spool.take(context.paths.workspace, each)
    except _NoRoomError:
        result.no_room += 1
    except _ChangedError:
        result.unsettled.add(each.path)
    except FileNotFoundError:
        pass  # deleted meanwhile
    except OSError as error:
        result.problems.append(f"{each.path}: cannot be read: {error.strerror}")
    return None


def _take_note(
    remote: RemoteStore,
    held: Mapping[str, tuple[Local, Path]],
    answer: Stored,
    copies: list[RemoteCopy],
    result: Sweep,
) -> None:
    """Believe what was sent where the remote store's own hash says so."""
    each, source = held[answer.path]
    if answer.file is None:
        result.problems.append(f"{each.path}: {answer.error}")
    elif not holds(remote, source, answer.file):
        result.problems.append(f"{each.path}: the remote store holds other bytes than were sent; it is sent again")
    else:
        copies.append(copy_of(each, answer.file))
        result.compared.add(each.path)
        result.files, result.size = result.files + 1, result.size + each.size


def copy_of(local: Local, stored: RemoteFile) -> RemoteCopy:
    """Return the row that says: this file, as it is here, lies there."""
    # The clock of a run stands still; when a copy was made is a fact of this machine.
    now = datetime.fromtimestamp(time.time(), UTC)
    return RemoteCopy(
        local.path, stored.path, local.size, local.modified_ns, stored.content_hash, stored.revision, now
    )  # fmt: skip


def _stored(copy: RemoteCopy) -> RemoteFile:
    return RemoteFile(copy.remote_path, copy.size, copy.copied_at, copy.content_hash, copy.revision)


def _is_same(remote: RemoteStore, source: Path, copy: RemoteCopy) -> bool:
    """Say whether a file that was only touched has the bytes of its copy still."""
    if copy.content_hash is None or source.stat().st_size != copy.size:
        return False
    return remote.content_hash(source, _stored(copy)) == copy.content_hash


class _NoRoomError(Exception):
    """The disk has no room for a second copy of a file."""


class _ChangedError(Exception):
    """Somebody wrote to a file while it was copied."""


class _Spool:
    """Steady copies of files, in a folder that is emptied at both ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def __enter__(self) -> _Spool:
        shutil.rmtree(self._folder, ignore_errors=True)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TryAgainError(f"sync: {self._folder} cannot be made: {error.strerror}") from None
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def clear(self) -> None:
        for path in self._folder.iterdir():
            path.unlink(missing_ok=True)

    def take(self, workspace: Path, local: Local) -> Path:
        """Return a copy of a file as it was seen.

        Raises _ChangedError where it changed meanwhile, _NoRoomError where the disk would be too full (the file itself
        is never sent: somebody may write it), OSError where it cannot be read.
        """
        if shutil.disk_usage(self._folder).free < local.size + RESERVE_BYTES:
            raise _NoRoomError
        self._count += 1
        target = self._folder / f"{self._count}"
        try:
            about = _copy_regular(workspace / local.path, target)
        except OSError as error:
            target.unlink(missing_ok=True)
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise _NoRoomError from None
            raise
        if is_appended(local.path):
            if 0 <= time.time() - about.st_mtime < QUIET_SECONDS:
                _end_at_a_line(target)
        elif (about.st_size, about.st_mtime_ns) != (local.size, local.modified_ns):
            raise _ChangedError
        return target


def _copy_regular(source: Path, target: Path) -> os.stat_result:
    """Copy a regular file, and say what it is like afterwards. Raises OSError for anything else, as a link is."""
    handle = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(handle, "rb") as content, target.open("wb") as copy:  # noqa: PTH123 - of an open handle
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "is no regular file")
        shutil.copyfileobj(content, copy, 1024 * 1024)
    # By name: a file that was replaced meanwhile is another one.
    return source.lstat()


def _end_at_a_line(path: Path) -> None:
    with path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - 65536)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                file.truncate(start + found + 1)
                return
            end = start
        file.truncate(0)
