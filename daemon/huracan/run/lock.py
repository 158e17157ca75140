"""One run at a time in a workspace."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from huracan.errors import LockedError, SettingsError
from huracan.paths import read_json, write_json

__all__ = ["daemon_is_there", "daemon_lock", "is_held", "is_led", "job_is_at_work", "job_lock", "run_lock"]

LOCKS = Path("/proc/locks")
_RUN_WAIT = 2.0
_ORPHAN_WAIT = 15.0
"""Seconds for the job of a killed run to die: the kernel has told it to, but it may sit in a write."""


@contextmanager
def run_lock(state: Path, what: str, now: datetime, *, orphans: bool = True) -> Iterator[None]:
    """Hold the workspace for a run named ``what``. Raises LockedError, naming the process that holds it.

    With ``orphans`` the job that a killed run left behind has to end first.
    """
    holder = state / "run.json"
    with _held(state / "run.lock", _RUN_WAIT, lambda: _say(holder)):
        note = {"pid": os.getpid(), "what": what, "since": now.isoformat(timespec="seconds")}
        write_json(holder, note, lasting=False)  # a boot takes the lock away, and the note means nothing without it
        if orphans:
            with _held(state / "job.lock", _ORPHAN_WAIT, lambda: "a job of a run that was killed has not ended yet"):
                pass
        yield


@contextmanager
def job_lock(state: Path) -> Iterator[None]:
    """Hold what a later run waits for, should this job outlive the run that started it."""
    with _held(state / "job.lock", _RUN_WAIT, lambda: "another job works in this workspace"):
        yield


@contextmanager
def daemon_lock(state: Path) -> Iterator[None]:
    """Be the one daemon of a workspace. Raises LockedError where there is one."""
    with _held(state / "daemon.lock", _RUN_WAIT, lambda: "another huracan daemon looks after this workspace"):
        yield


def is_held(path: Path) -> bool:
    """Ask the kernel whether a process holds a lock on the file, without ever taking it."""
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        device, inode = _device(handle), str(os.fstat(handle).st_ino)
    finally:
        os.close(handle)
    for line in LOCKS.read_text("ascii").splitlines():
        if "->" not in line:
            where, _, number = line.split()[5].rpartition(":")
            if number == inode and device in (None, where):
                return True
    return False


def _device(handle: int) -> str | None:
    """Return the device of an open file as /proc/locks writes it, None where it cannot be found.

    That is the device of the mount: what stat(2) says is another for a subvolume of btrfs and for overlays.
    """
    about = Path(f"/proc/self/fdinfo/{handle}").read_text("ascii")
    mount = next((line.split()[1] for line in about.splitlines() if line.startswith("mnt_id:")), None)
    for line in Path("/proc/self/mountinfo").read_text("utf-8", errors="replace").splitlines():
        number, _, device, *_ = line.split(" ")
        if number == mount:
            major, _, minor = device.partition(":")
            return f"{int(major):02x}:{int(minor):02x}"
    return None


def daemon_is_there(state: Path) -> bool:
    """Say whether a daemon looks after this workspace."""
    return is_held(state / "daemon.lock")


def is_led(state: Path) -> bool:
    """Say whether a run is being led just now, by the daemon or by `huracan run`: it tells of its jobs itself."""
    holder = read_json(state / "run.json") or {}
    return is_held(state / "run.lock") and str(holder.get("what", "")).startswith("huracan run")


def job_is_at_work(state: Path) -> bool:
    """Say whether a job works in this workspace, by taking its lock for a moment.

    For a start that is due: /proc/locks, which :func:`is_held` reads, has the kernel wait until each processor has come
    round, 10 to 40 ms. A job that wants the lock in that moment tries again.
    """
    try:
        with _held(state / "job.lock", 0.0, lambda: "a job is at work"):
            return False
    except LockedError:
        return True


@contextmanager
def _held(path: Path, wait: float, say: Callable[[], str]) -> Iterator[None]:
    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=wait)
    except Timeout:
        raise LockedError(f"{path.parent.parent}: {say()}; wait for it to end, or stop it") from None
    except OSError as error:
        raise SettingsError(f"workspace: {path} cannot be locked: {error.strerror or error}") from None
    try:
        yield
    finally:
        lock.release()


def _say(holder: Path) -> str:
    try:
        value = json.loads(holder.read_text("utf-8"))
        return f"process {int(value['pid'])} holds it (`{value['what']}`, since {value['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process holds it"
