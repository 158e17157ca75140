"""The process in which one plugin is tried, and what is made of its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

__all__ = ["Attempt"]

_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS"), "1")
"""Libraries set memory aside for each thread that they might use: on many cores more than is allowed here."""
_NOT_HANDED_ON = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "PYTHONPYCACHEPREFIX")


class Attempt:
    """One plugin that is tried; as a context manager it kills whatever is left in its process group at its end."""

    def __init__(self, order: Mapping[str, Any], scratch: str) -> None:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        self._answer = reading
        self._status: int | None = None
        environment = {name: value for name, value in os.environ.items() if name not in _NOT_HANDED_ON}
        environment |= {
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONDONTWRITEBYTECODE": "1", **_ONE_THREAD,
            # What libraries keep for themselves they keep here, where it is thrown away.
            "HOME": scratch, "TMPDIR": scratch, "XDG_CACHE_HOME": scratch, "XDG_CONFIG_HOME": scratch,
        }  # fmt: skip
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "huracan.plugin.trying"],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=[writing],
                env=environment, start_new_session=True,
            )  # fmt: skip
        except OSError:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        assert self._process.stdin is not None
        with suppress(BrokenPipeError), self._process.stdin as stdin:
            stdin.write(json.dumps({**order, "answer": writing}).encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        os.close(self._answer)

    def has_ended(self) -> bool:
        """Look whether it is over."""
        if self._status is None:
            # Not reaped yet: its number is still its group's.
            if os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                return False
            self._reap()
        return True

    def verdict(self, seconds: float, memory_mib: int) -> str:
        """Say why the plugin may not be loaded, empty where it may; one that is still at it is killed."""
        is_late = not self.has_ended()
        self._end()
        facts = list(self._facts())
        steps = [str(fact["step"]) for fact in facts if "step" in fact]
        step = next((each for each in reversed(steps) if each != "end"), "")
        when = f"its hook {step} was asked" if step.startswith("huracan_") else "it was imported"
        if not steps:
            return ""  # Huracan itself could not begin: whoever loads the plugin finds out
        if did := next((fact["did"] for fact in facts if "did" in fact), ""):
            return f"{did}, while it was tried"
        if is_late:
            return f"it hangs: {seconds:g} s after its start it was still at it, while {when}"
        if any("memory" in fact or fact.get("peak_mib", 0.0) > memory_mib for fact in facts):
            return f"it takes more than {memory_mib} MiB of memory while {when}"
        return "" if steps[-1] == "end" else f"it ended the process that tried it ({self._how()}) while {when}"

    def _facts(self) -> list[Mapping[str, Any]]:
        told = b""
        with suppress(BlockingIOError):
            while part := os.read(self._answer, 65536):
                told += part
        found: list[Mapping[str, Any]] = []
        for line in told.splitlines():
            with suppress(ValueError):
                fact = json.loads(line)
                found += [fact] if isinstance(fact, dict) else []
        return found

    def _how(self) -> str:
        code = os.waitstatus_to_exitcode(self._status or 0)
        return signal.Signals(-code).name if code < 0 else f"code {code}"

    def _end(self) -> None:
        if self._status is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._reap()

    def _reap(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # what it left behind
        _, self._status = os.waitpid(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(self._status)
