"""Times what plugins do. Every process of a run appends JSON lines to one file: one as a call begins, one as it ends.

A call is one of a hook, of the function of a job or service, or of a function that a value brings (the ``judge`` of a
gate, the ``compute`` of a feature set). Methods of what such a function returns (an open exchange, a fitted model) are
not timed by themselves: they are part of the call around them. A trace changes nothing of what is called, and what goes
wrong with its file costs the trace and nothing else.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import update_wrapper
from itertools import count
from pathlib import Path
from typing import Any

from huracan.errors import SettingsError

__all__ = ["Call", "Share", "Tracer", "read_trace", "shares"]


class Tracer:
    """Puts a clock around functions of plugins. Made once per process, with the file that all of them share."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._descriptor: int | None = None
        self._owners: dict[tuple[str, str], str] = {}
        self._mark = os.urandom(4).hex()  # a process may have two: one for its commands, one for its work
        self._numbers = count()
        self._here = threading.local()
        try:
            # Lines are short and written in one piece: with O_APPEND those of several processes do not mix.
            self._descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        except OSError as error:
            raise SettingsError(
                f"environment HURACAN_TRACE: {file} cannot be written: {error.strerror}; name a file that can be"
            ) from None

    def __reduce__(self) -> tuple[type[Tracer], tuple[Path]]:
        return Tracer, (self._file,)  # values travel to worker processes, and their clocks with them

    def hook(self, plugin: str, hook: str, function: Callable[[], Any]) -> Callable[[], list[Any]]:
        """Return a hook's implementation with a clock around it; what it yields one by one is asked for inside."""

        def asked() -> list[Any]:
            with self.call(plugin, "hook", hook) as noted:
                answer = list(function() or ())
                noted["values"] = len(answer)
            return answer

        return asked

    def provided(self, kind: str, values: MutableMapping[str, Any], owners: Mapping[str, str]) -> None:
        """Put clocks around the functions that values bring, in place."""
        for name, value in values.items():
            self._owners[kind, name] = owners[name]
            functions = {
                each.name: _Clocked(self, owners[name], kind, f"{name}.{each.name}", function)
                for each in fields(value)
                if str(each.type).startswith("Callable") and callable(function := getattr(value, each.name))
            }
            if functions:
                values[name] = replace(value, **functions)

    def referred(self, kind: str, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function that a job or service names, with a clock around it."""
        return _Clocked(self, self._owners.get((kind, name), "unknown"), kind, name, function)

    @contextmanager
    def call(self, plugin: str, kind: str, name: str) -> Iterator[dict[str, Any]]:
        """Note a call for as long as the block lasts; what is put into the mapping is noted with its end."""
        number, inner = f"{os.getpid()}-{self._mark}-{next(self._numbers)}", self._inner()
        # The machine's clock: a trace tells when things happened, also where the run's own clock stands still.
        self._write({"begin": number, "at": time.time(), "plugin": plugin, "kind": kind, "name": name})
        noted: dict[str, Any] = {}
        inner.append(0.0)
        began = time.perf_counter()
        try:
            yield noted
        except BaseException as error:
            noted["error"] = type(error).__name__
            raise
        finally:
            seconds = time.perf_counter() - began
            own = seconds - inner.pop()
            if inner:
                inner[-1] += seconds
            self._write({"end": number, "seconds": round(seconds, 6), "own": round(max(own, 0.0), 6), **noted})

    def _inner(self) -> list[float]:
        """Return, per call that is under way in this thread, the seconds of the calls inside it."""
        if not hasattr(self._here, "inner"):
            self._here.inner = []
        found: list[float] = self._here.inner
        return found

    def _write(self, line: Mapping[str, Any]) -> None:
        if self._descriptor is None:
            return
        try:
            os.write(self._descriptor, json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
        except OSError:
            self._descriptor = None  # a full disk is the run's own trouble; it need not hear of it from here


class _Clocked:
    """A function with a clock around it; all else about it (its name, its signature) is as it was."""

    def __init__(self, tracer: Tracer, plugin: str, kind: str, name: str, function: Callable[..., Any]) -> None:
        update_wrapper(self, function, updated=())
        self._tracer, self._plugin, self._kind, self._name, self._function = tracer, plugin, kind, name, function

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        with self._tracer.call(self._plugin, self._kind, self._name):
            answer = self._function(*arguments, **named)
        return self._portions(answer) if isinstance(answer, Iterator) else answer

    def _portions(self, portions: Iterator[Any]) -> Iterator[Any]:
        """Time each portion of what is handed out bit by bit: the call has only begun the work."""
        while True:
            with self._tracer.call(self._plugin, self._kind, self._name):
                portion = next(portions, self)
            if portion is self:
                return
            yield portion


# ------------------------------------------------------------------------------------------------------------- reading


@dataclass(frozen=True, slots=True)
class Call:
    """One call, as it stands in a trace.

    ``at`` are seconds since 1970, ``own`` those of ``seconds`` that no other traced call inside it took. ``seconds`` is
    None for a call that never ended: its process was killed, or the trace was read meanwhile.
    """

    at: float
    process: int
    plugin: str
    kind: str
    name: str
    seconds: float | None = None
    own: float = 0.0
    values: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """What a plugin took of the time that all of them took, over all processes; ``share`` is a fraction."""

    plugin: str
    calls: int
    hooks: float
    work: float
    share: float
    unended: int
    failed: int


def read_trace(file: Path) -> list[Call]:
    """Return the calls of a trace in the order in which they began; a line that was cut off is passed over."""
    calls: dict[str, Call] = {}
    for line in file.read_text("utf-8", "replace").splitlines():
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if "begin" in told:
            process = int(told["begin"].partition("-")[0])
            calls[told["begin"]] = Call(told["at"], process, told["plugin"], told["kind"], told["name"])
        elif told.get("end") in calls:
            ended = {key: told.get(key) for key in ("seconds", "own", "values", "error")}
            calls[told["end"]] = replace(calls[told["end"]], **ended)
    return sorted(calls.values(), key=lambda each: each.at)


def shares(calls: Sequence[Call]) -> list[Share]:
    """Return each plugin's part, the largest first."""
    whole = sum(each.own for each in calls)
    found = []
    for plugin in {each.plugin for each in calls}:
        of = [each for each in calls if each.plugin == plugin]
        hooks = sum(each.own for each in of if each.kind == "hook")
        work = sum(each.own for each in of if each.kind != "hook")
        share = (hooks + work) / whole if whole else 0.0
        unended = sum(each.seconds is None for each in of)
        found.append(Share(plugin, len(of), hooks, work, share, unended, sum(bool(each.error) for each in of)))
    return sorted(found, key=lambda each: (-each.share, each.plugin))
