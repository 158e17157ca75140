"""Refuses what Python code of a stranger may not do in a process that is its own: write elsewhere, end its parent.

An audit hook (PEP 578) sees each file that Python opens to write, moves or deletes, and each signal that it sends. It
does not see what a library in C or another program does: the sandbox of systemd refuses that too, this does not.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Guard", "guarding"]

_PATHS = {
    "os.chmod": ((0, 2),), "os.chown": ((0, 3),), "os.link": ((0, 2), (1, 3)), "os.mkdir": ((0, 2),),
    "os.remove": ((0, 1),), "os.rename": ((0, 2), (1, 3)), "os.rmdir": ((0, 1),), "os.symlink": ((1, 2),),
    "os.truncate": ((0, None),), "os.utime": ((0, 3),),
}  # fmt: skip
"""Events that change a file: where among their arguments the path stands, and the folder that it may start at."""
_FOLLOWED = frozenset({"os.chmod", "os.chown", "os.truncate", "os.utime"})
"""Those of them that change what a link points to, in place of the link."""
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_COMPILED = "__pycache__"
_ALWAYS = ("/dev/", "/proc/self/")


@dataclass(frozen=True, slots=True)
class Guard:
    """What may be written: below ``allowed`` and not below ``refused``. ``tell`` gets a sentence for each attempt."""

    allowed: tuple[str, ...]
    refused: tuple[str, ...] = ()
    tell: Callable[[str], None] = field(default=lambda _: None)

    def look(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Raise PermissionError for what may not be done."""
        if event == "open":
            path, mode, flags = arguments
            if _is_to_write(mode, flags):
                self._require(path, None, follow=True)
        elif event in ("os.kill", "os.killpg"):
            self._require_own(event, int(arguments[0]))
        else:
            for at, folder in _PATHS.get(event, ()):
                begins_at = None if folder is None else arguments[folder]
                self._require(arguments[at], begins_at, follow=event in _FOLLOWED)

    def _require(self, given: Any, folder: int | None, *, follow: bool) -> None:
        if not isinstance(given, (str, bytes, os.PathLike)):
            return  # a file that is open already
        path = _real(_whole(os.fsdecode(given), folder), follow)
        if path.startswith(_ALWAYS) or (_is_below(path, self.allowed) and not _is_below(path, self.refused)):
            return
        if _COMPILED not in path:  # Python itself goes on where it cannot keep what it compiled
            self.tell(f"it tried to change {path}")
        raise PermissionError(errno.EACCES, "a plugin may not change this", path)

    def _require_own(self, event: str, number: int) -> None:
        parent = os.getppid()
        group = os.getpgid(parent)
        others = (-1, parent, -group) if event == "os.kill" else (group,)
        if number in others:
            self.tell("it tried to end the process that started it")
            raise PermissionError(errno.EPERM, "a plugin may not end the process that started it")


class _Hook:
    """The audit hook of this process, which cannot be taken out again: it does nothing while there is no guard."""

    def __init__(self) -> None:
        self.guard: Guard | None = None
        self._is_in = False

    def put_in(self) -> None:
        if not self._is_in:
            self._is_in = True
            sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.guard is not None and (event == "open" or event.startswith("os.")):
            self.guard.look(event, arguments)


_hook = _Hook()


@contextmanager
def guarding(guard: Guard) -> Iterator[None]:
    """Hold all threads of this process to ``guard`` inside the block."""
    _hook.put_in()
    before, _hook.guard = _hook.guard, guard
    try:
        yield
    finally:
        _hook.guard = before


def _is_to_write(mode: Any, flags: Any) -> bool:
    if isinstance(flags, int) and flags & _WRITES:
        return True
    return isinstance(mode, str) and any(letter in mode for letter in "wax+")


def _whole(path: str, folder: int | None) -> str:
    """Return the path, which may be relative to an open folder."""
    if folder is None or folder < 0 or path.startswith(os.sep):
        return path
    return os.path.join(os.readlink(f"/proc/self/fd/{folder}"), path)  # noqa: PTH115, PTH118 - at work in each open


def _real(path: str, follow: bool) -> str:
    if follow:
        return os.path.realpath(path)
    folder, name = os.path.split(path.rstrip(os.sep))
    return f"{os.path.realpath(folder)}{os.sep}{name}"


def _is_below(path: str, folders: tuple[str, ...]) -> bool:
    return any(path == folder or path.startswith(f"{folder}{os.sep}") for folder in folders)
