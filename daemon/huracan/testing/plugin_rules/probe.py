"""A process of its own that imports a plugin, asks its hooks, and tells what that did: ``python -m``, by the kit.

It loads nothing that the command line has not loaded when it comes to plugins. What the plugin's own lines do to
files, network, processes, threads and environment is heard by an audit hook (PEP 578); what libraries do while they
are imported is theirs, and a matter of which libraries are loaded.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

__all__ = ["main"]

_TOUCHES = {
    "open": "a file", "os.listdir": "a folder", "os.scandir": "a folder", "os.mkdir": "a folder",
    "os.remove": "a file", "os.rename": "a file", "os.rmdir": "a folder", "os.chmod": "a file", "os.link": "a file",
    "os.symlink": "a file", "os.truncate": "a file", "os.utime": "a file", "sqlite3.connect": "a database",
    "socket.__new__": "the network", "socket.connect": "the network", "socket.bind": "the network",
    "socket.getaddrinfo": "the network", "socket.gethostbyname": "the network", "subprocess.Popen": "a process",
    "os.system": "a process", "os.exec": "a process", "os.fork": "a process", "os.posix_spawn": "a process",
    "os.putenv": "the environment", "os.unsetenv": "the environment",
}  # fmt: skip
"""Audit events (docs.python.org/3/library/audit_events.html) by what they touch."""
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM)


_ENVIRONMENT = ("<frozen os>", "<frozen _collections_abc>", os.__file__)


class _Watch:
    """Notes what the plugin's own lines touch; ``where`` says what is being done just now."""

    def __init__(self, folders: tuple[str, ...]) -> None:
        self.found: dict[str, None] = {}
        self.where = ""
        self._folders = folders
        sys.addaudithook(self._heard)
        self._watch_environment()

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        touched = _TOUCHES.get(event) if self.where else None
        if touched is not None and (line := self._own_line(sys._getframe(1))):
            which = f" ({arguments[0]!s:.60})" if event in ("open", "os.listdir", "os.mkdir", "os.remove") else ""
            self._note(f"touches {touched}{which}", line)

    def _note(self, what: str, line: str) -> None:
        self.found[f"{what} {self.where} ({line})"] = None

    def _own_line(self, frame: FrameType | None, *, deep: bool = True) -> str:
        """Return which line of the plugin did it; empty where it was the import of something, or somebody else.

        Not ``deep``, it must have done it itself.
        """
        while frame is not None:
            name = frame.f_code.co_filename
            if name.startswith("<frozen importlib"):
                return ""
            if name.startswith(self._folders):
                return f"{Path(name).name} line {frame.f_lineno}"
            frame = frame.f_back if deep else None
        return ""

    def _watch_environment(self) -> None:
        """Reading a variable is no audit event; every way to read one comes through these two methods."""
        kind: Any = type(os.environ)

        def noting(method: Callable[..., Any]) -> Callable[..., Any]:
            def noted(*arguments: Any) -> Any:
                # A library that the plugin calls reads its own variables (pydantic, for each model).
                if self.where and (line := self._own_line(_beyond(_ENVIRONMENT, sys._getframe(1)), deep=False)):
                    self._note("reads the environment", line)
                return method(*arguments)

            return noted

        for name in ("__getitem__", "__iter__"):
            setattr(kind, name, noting(getattr(kind, name)))


def main() -> int:
    """Read what is to be done from standard input, and write one JSON line for each step to the given descriptor."""
    given = json.load(sys.stdin)
    with os.fdopen(given["answer"], "w", buffering=1) as answer:
        # What every command has loaded by then is not the plugin's doing.
        importlib.import_module("huracan.plugin.manager")
        watch = _Watch(_folders(given["module"]))
        before, libraries = _standing(), frozenset(given["libraries"])
        module = _step(answer, "import", watch, libraries, lambda: importlib.import_module(given["module"]))
        for hook in given["hooks"]:
            function = getattr(module, hook, None)
            if callable(function):
                _step(answer, hook, watch, libraries, partial(_drained, function))
        _tell(answer, step="end", touched=[*watch.found, *_left_behind(before)])
    return 0


def _step(answer: TextIO, name: str, watch: _Watch, libraries: frozenset[str], act: Callable[[], Any]) -> Any:
    _tell(answer, step=name)
    loaded, began = _loaded(), time.perf_counter()
    watch.where = "while it is imported" if name == "import" else f"in {name}"
    value, error = None, ""
    try:
        value = act()
    except BaseException as raised:  # noqa: BLE001 - SystemExit, too, is what is looked for
        error = f"{type(raised).__name__}: {raised}"
    watch.where = ""
    seconds = time.perf_counter() - began
    _tell(answer, step=name, seconds=seconds, error=error, loaded=sorted((_loaded() - loaded) & libraries))
    return value


def _beyond(files: tuple[str, ...], frame: FrameType | None) -> FrameType | None:
    """Return the first frame outside of ``files``."""
    while frame is not None and frame.f_code.co_filename in files:
        frame = frame.f_back
    return frame


def _drained(function: Callable[[], Any]) -> list[Any]:
    return list(function())


def _tell(answer: TextIO, **fields: Any) -> None:
    answer.write(json.dumps(fields) + "\n")


def _folders(module: str) -> tuple[str, ...]:
    """Return where the plugin's own code lies: the folders of its top package, or its one file."""
    spec = importlib.util.find_spec(module.partition(".")[0])
    if spec is None:
        return ("<nowhere>",)
    return tuple(f"{each}{os.sep}" for each in spec.submodule_search_locations or ()) or (spec.origin or "<nowhere>",)


def _loaded() -> set[str]:
    return {name.partition(".")[0] for name in sys.modules}


def _standing() -> tuple[int, list[Any]]:
    return threading.active_count(), [signal.getsignal(each) for each in _SIGNALS]


def _left_behind(before: tuple[int, list[Any]]) -> Iterator[str]:
    threads, handlers = _standing()
    if threads > before[0]:
        yield f"leaves {threads - before[0]} threads running"
    changed = [each.name for each, was, now in zip(_SIGNALS, before[1], handlers, strict=True) if was is not now]
    if changed:
        yield f"takes {', '.join(changed)} for itself"


if __name__ == "__main__":
    sys.exit(main())
