"""`huracan service monitor` in a process of its own, killed by SIGKILL again and again."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from huracan.store import Store
from waiting import wait_until

TOY = """
from pathlib import Path
from huracan import hookimpl
from huracan.types import Check, CheckResult, CheckState

MOOD = Path(__file__).with_name("mood")

def ask(context):
    if MOOD.read_text() == "well":
        return CheckResult(CheckState.OK, "fine")
    return CheckResult(CheckState.FAILED, "broken", "mend it")

@hookimpl
def huracan_checks():
    return [Check("mood", ask)]
"""


class Machine:
    """A workspace with a monitor in it, and a check that fails until :meth:`mend`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.workspace = folder, folder / "work"
        info = folder / "toy-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[huracan]\ntoy = toy\n")
        (folder / "toy.py").write_text(TOY)
        (folder / "mood").write_text("bad")
        (folder / "settings.yaml").write_text("workspace: ./work\nmonitor: {interval_seconds: 1, confirm: 1}\n")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "huracan", "-c", "settings.yaml", "service", "monitor"]
        only = {"HURACAN_PLUGINS_ONLY": "toy,monitor", "PYTHONPATH": str(self.folder)}
        with (self.folder / "errors").open("a") as errors:
            self.process = subprocess.Popen(command, cwd=self.folder, env={**os.environ, **only}, stderr=errors)

    def kill(self) -> None:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "errors").read_text()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def mend(self) -> None:
        (self.folder / "mood").write_text("well")

    def mood(self) -> dict[str, Any]:
        """Read what the file says of the check; whatever was killed, it is whole."""
        file = self.workspace / "monitoring" / "health.json"
        checks = json.loads(file.read_text())["checks"] if file.exists() else []
        return next((each for each in checks if each["name"] == "mood"), {})

    def stored(self) -> tuple[int, list[str]]:
        """Return how many results there are, and what was told, oldest first."""
        with Store.open(f"sqlite:///{self.workspace / 'huracan.db'}", None) as store:
            results = store.health.history("mood", datetime(2020, 1, 1, tzinfo=UTC))
            events = [event for event in store.events.recent(1000) if event.fields.get("check") == "mood"]
        return len(results), [event.fields["state"] for event in reversed(events)]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path)
    yield machine
    if machine.process is not None:
        machine.process.kill()
        machine.process.wait()


def test_kill_9_at_any_moment_loses_no_result_and_tells_of_nothing_twice(machine: Machine) -> None:
    chance = random.Random(5)
    machine.start()
    wait_until(lambda: machine.mood().get("told") == "failed")
    machine.kill()
    known = machine.stored()[0]
    for _ in range(4):
        machine.start()
        time.sleep(chance.uniform(0.5, 2.5))
        machine.kill()
        assert machine.mood()["told"] == "failed"
        count, told = machine.stored()
        assert count >= known
        assert told == ["failed"]
        known = count
    machine.mend()
    machine.start()
    wait_until(lambda: machine.mood()["told"] == "ok")
    wait_until(lambda: machine.stored()[0] > known)  # the file is written before the store
    machine.kill()
    assert machine.stored()[1] == ["failed", "ok"]
    assert machine.stored()[0] > known
    left = [path.name for path in (machine.workspace / "monitoring").iterdir() if path.suffix == ".tmp"]
    assert len(left) <= 1, left  # what the last kill left, the next start would sweep
