"""The job and command ``self-test``: does this installation work, from an empty database to a champion's checksums?

All of it happens in a temporary folder, with settings of its own, on the simulated exchange, in child processes of this
very installation. Nothing of the real workspace, its database, its secrets or the network is touched.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from huracan.context import Context
from huracan.types import JobResult, Outcome, Severity
from huracan_maintenance.selftest_steps import STEPS, SelfTestError, Trial

__all__ = ["Step", "perform", "run"]

PREFIX = "huracan-self-test-"
ABANDONED = 86_400.0
"""Seconds after which the folder of a self-test that was killed is taken away."""

NIGHT_PLUGINS = "candles,exchanges,export,features,training,universe"
"""What a night needs. The others (a remote store, a stranger's) have no part in it: they might reach out."""


@dataclass(frozen=True, slots=True)
class Step:
    """How one step went: a line for a person, and seconds."""

    name: str
    ok: bool
    line: str
    seconds: float


def run(context: Context) -> JobResult:
    """Perform all steps. Failed, with an event, where one of them does not work."""
    lines: list[Step] = []

    def told(step: Step) -> None:
        lines.append(step)
        context.progress.step(
            f"self-test {step.name}: {'ok' if step.ok else 'failed'}", done=len(lines), total=len(STEPS)
        )

    with context.long_step(600.0):
        steps = perform(quick=False, told=told)
    failed = [step for step in steps if not step.ok]
    seconds = sum(step.seconds for step in steps)
    if not failed:
        return JobResult(Outcome.DONE, f"{len(steps)} steps work, {seconds:.0f} s")
    title = f"the self-test failed: {failed[0].name}: {failed[0].line}"
    context.emit("self-test.failed", Severity.ERROR, title, steps=[step.name for step in failed])
    return JobResult(Outcome.FAILED, title, tuple(f"{step.name}: {step.line}" for step in failed))


def perform(*, quick: bool, told: Callable[[Step], None]) -> list[Step]:
    """Perform the steps in order, ``told`` each as it ends, and stop at the first that fails.

    ``quick`` plays a smaller night.
    """
    steps: list[Step] = []
    with _folder() as folder:
        trial = Trial(folder, quick, _environment(folder), _command)
        for name, function in STEPS:
            began = time.monotonic()
            try:
                line, ok = function(trial), True
            except (SelfTestError, OSError, subprocess.SubprocessError) as error:
                line, ok = " ".join(str(error).split()), False
            except Exception as error:  # noqa: BLE001 - whatever is broken here is what was asked for
                line, ok = f"{type(error).__name__}: {' '.join(str(error).split())}", False
            if line or not ok:
                steps.append(Step(name, ok, line, time.monotonic() - began))
                told(steps[-1])
            if not ok:
                break
    return steps


@contextmanager
def _folder() -> Iterator[Path]:
    """Make a folder that is gone at the end, and take away what killed self-tests of this user left."""
    parent = Path(tempfile.gettempdir())
    for old in parent.glob(f"{PREFIX}*"):
        try:
            about = old.lstat()
            if about.st_uid == os.getuid() and time.time() - about.st_mtime > ABANDONED and not old.is_symlink():
                shutil.rmtree(old)
        except OSError:
            continue  # somebody else takes it away
    with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as name:
        yield Path(name)


def _command(settings: Path, *words: str) -> list[str]:
    """Return the command line of this installation. The child dies with us, so that no night is left running."""
    head = [sys.executable, "-P", "-m", "huracan", "-c", str(settings)]
    return [*head, *words, *(["--parent", str(os.getpid())] if words[0] == "run" else [])]


def _environment(folder: Path) -> dict[str, str]:
    """Return the environment without anything that would be a setting, a secret or a supervisor's address."""
    ours = ("HURACAN_", "NOTIFY_SOCKET", "WATCHDOG_", "CREDENTIALS_DIRECTORY")
    rest = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**rest, "HURACAN_PLUGINS_ONLY": NIGHT_PLUGINS, "TMPDIR": str(folder), "COLUMNS": "160"}
