"""What writers of the switches in ``state/`` share: names, the lock, folders that others can use, lines of text."""

from __future__ import annotations

import os
import time as clock
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from huracan.errors import TryAgainError

__all__ = [
    "KILL_FILE",
    "LOCK_FILE",
    "SCHEDULE_FILE",
    "TRADING_FILE",
    "NotWrittenError",
    "in_one_line",
    "locked",
    "make_folder",
    "one_line",
    "sync",
]

TRADING_FILE, KILL_FILE, SCHEDULE_FILE = "trading.json", "kill.json", "schedule.json"
LOCK_FILE = "trading.lock"
_LONGEST_TEXT = 500


class NotWrittenError(TryAgainError):
    """This process may not, or cannot, write a switch; the daemon perhaps can."""


@contextmanager
def in_one_line(state: Path) -> Iterator[None]:
    """Turn what the system says to writing in ``state`` into a NotWrittenError."""
    try:
        yield
    except OSError as error:
        why = f"cannot be written: {error.strerror}; ask the daemon's user to do it, or join the group of its socket"
        raise NotWrittenError(f"{state}: {why}") from None


@contextmanager
def locked(state: Path, patience: float) -> Iterator[bool]:
    """Hold the lock of all writers, and say whether it could be had within ``patience`` seconds.

    The same lock as filelock's, whose import alone takes a third of the time that a kill has.
    """
    import fcntl

    handle = -1
    held = False
    try:
        with suppress(OSError):
            # Reading is enough to lock, and a file that root made may be all that others can do with it.
            handle = os.open(state / LOCK_FILE, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
            _let_others_lock(state, handle)
        end = clock.monotonic() + patience
        while handle >= 0 and not held:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                held = True
            except OSError:
                if clock.monotonic() >= end:
                    break
                clock.sleep(0.002)
        yield held
    finally:
        if handle >= 0:
            os.close(handle)


def _let_others_lock(state: Path, handle: int) -> None:
    """Undo what a narrow umask or root made of the lock's file: the service has to open it as well."""
    about, user = os.fstat(handle), os.geteuid()
    if about.st_uid != user:
        return
    if about.st_mode & 0o444 != 0o444:
        os.fchmod(handle, 0o644)
    owner = state.stat()
    if user == 0 and owner.st_uid != 0:
        os.fchown(handle, owner.st_uid, owner.st_gid)


def make_folder(state: Path) -> None:
    """Make the folder; what root makes belongs to the owner of the folder above, else the service could not write."""
    made = []
    folder = state
    try:
        while not folder.exists():
            made.append(folder)
            folder = folder.parent
        state.mkdir(parents=True, exist_ok=True)
        if made and os.geteuid() == 0:
            owner = folder.stat()
            for each in made:
                os.chown(each, owner.st_uid, owner.st_gid)
    except OSError as error:
        raise NotWrittenError(f"{state}: cannot be made: {error.strerror}; is this the right workspace?") from None


def sync(folder: Path) -> None:
    """Flush a folder's names to the disk."""
    with suppress(FileNotFoundError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def one_line(text: str) -> str:
    """Return a text of any kind as one line that a file can hold."""
    # Letters that no file can hold (halves of surrogate pairs, from a terminal of another kind) must stop no kill.
    safe = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return " ".join(safe.split())[:_LONGEST_TEXT]
