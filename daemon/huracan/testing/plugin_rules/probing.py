"""Has a plugin imported and its hooks asked in a process of its own, which may hang, end or print."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any

__all__ = ["Probed", "Step", "probe"]


@dataclass(frozen=True, slots=True)
class Step:
    """One import or hook: after how many seconds it ended (None: it did not), what it raised, what it loaded."""

    seconds: float | None = None
    error: str = ""
    loaded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Probed:
    """What a process said that imported a plugin and asked its hooks; ``ended`` says how, where not well."""

    steps: Mapping[str, Step]
    printed: str = ""
    touched: tuple[str, ...] = ()
    ended: str = ""
    last: str = "import"
    """The step that was under way when it ended."""


def probe(module: str, hooks: Sequence[str], libraries: Iterable[str], limit: float) -> Probed:
    """Import ``module`` and ask ``hooks`` in a process of its own, which has ``limit`` seconds for all of it.

    Of the modules that are loaded, those of ``libraries`` are told of.
    """
    reading, writing = os.pipe()
    order = {"module": module, "hooks": list(hooks), "libraries": list(libraries), "answer": writing}
    # A file, not a pipe: what the plugin starts may hold that open after the process is gone.
    with tempfile.TemporaryFile() as printed, os.fdopen(reading, "rb", buffering=0) as answer:
        try:
            process = _start(printed, writing)
        finally:
            os.close(writing)
        ended = _order_and_wait(process, json.dumps(order).encode(), limit)
        os.set_blocking(reading, False)
        told = (answer.readall() or b"").splitlines(keepends=True)
        lines = [json.loads(line) for line in told if line.endswith(b"\n")]
        printed.seek(0)
        return _read(lines, printed.read().decode("utf-8", "replace"), ended)


def _start(printed: IO[bytes], writing: int) -> subprocess.Popen[bytes]:
    path = os.pathsep.join(filter(None, sys.path))
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-P", "-m", "huracan.testing.plugin_rules.probe"]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=printed, stderr=printed, pass_fds=[writing], env=environment,
        start_new_session=True,
    )  # fmt: skip


def _order_and_wait(process: subprocess.Popen[bytes], order: bytes, limit: float) -> str:
    """Say how the process ended, empty where it ended well; whatever it started ends with it."""
    assert process.stdin is not None
    with process:
        try:
            with suppress(BrokenPipeError):
                process.stdin.write(order)
                process.stdin.close()
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            return f"no end within {limit:g} s"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return f"the process ended with {f'code {code}' if code > 0 else f'signal {-code}'}" if code else ""


def _read(lines: Sequence[Mapping[str, Any]], printed: str, ended: str) -> Probed:
    steps: dict[str, Step] = {}
    touched: tuple[str, ...] = ()
    last = "import"
    for line in lines:
        last = line["step"]
        if last == "end":
            touched = tuple(line["touched"])
        else:
            found = Step(line.get("seconds"), line.get("error", ""), tuple(line.get("loaded", ())))
            steps[last] = found
    if last != "end" and not ended:
        ended = "the process ended without a word"  # os._exit(0)
    return Probed(steps, printed.strip(), touched, ended, last)
