"""A plugin of the test's own, found by real discovery in real child processes."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from forked import run_huracan
from huracan.plugin.trial import Trials
from huracan.testing.contexts import lay_ready_database

HEAD = """
import os, re, subprocess, sys, time
from pathlib import Path
from huracan import hookimpl
from huracan.errors import *
from huracan.types import *

HERE = Path({here!r})

def count(name):
    with (HERE / name).open("a") as file:
        file.write(f"{{os.getpid()}}\\n")
    return len((HERE / name).read_text().splitlines())

"""


@dataclass(frozen=True)
class Program:
    """Huracan with one plugin, ``toy``, and a workspace."""

    folder: Path
    file: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def workspace(self) -> Path:
        return self.folder / "work"

    def environment(self, **more: str) -> dict[str, str]:
        paths = os.pathsep.join([str(self.folder / "site"), *filter(None, [os.environ.get("PYTHONPATH")])])
        return {
            **os.environ, "PYTHONPATH": paths, "HURACAN_PLUGINS_ONLY": "toy", "COLUMNS": "160",
            "XDG_CACHE_HOME": str(self.folder / "cache"), **more,
        }  # fmt: skip

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "huracan", "-c", str(self.file), *words]

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return run_huracan("-c", str(self.file), *words, env=self.environment(**environment))

    def start(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        with (self.folder / "stderr").open("a") as errors:
            process = subprocess.Popen(
                self.command(*words), env=self.environment(**environment), text=True, stdout=subprocess.PIPE,
                stderr=errors,
            )  # fmt: skip
        self.started.append(process)
        return process

    def count(self, name: str) -> int:
        """Return how often the plugin counted ``name``."""
        return len(self.pids(name))

    def pids(self, name: str) -> list[int]:
        file = self.folder / name
        return [int(line) for line in file.read_text().splitlines()] if file.exists() else []

    def wait_for(self, name: str, times: int = 1) -> None:
        """Wait until the plugin counted ``name`` so often."""
        deadline = time.monotonic() + 60
        while self.count(name) < times:
            assert time.monotonic() < deadline, f"{name} was never reached: {(self.folder / 'stderr').read_text()}"
            time.sleep(0.02)


def note_that_it_was_tried(info: Path, environment: Mapping[str, str]) -> None:
    """Spare each test the trial of its plugin, which takes as long as a job; trials have tests of their own."""
    [entry_point] = metadata.Distribution.at(info).entry_points
    sys.path.insert(0, str(info.parent))
    try:
        Trials.of(environment).note(entry_point, "")
    finally:
        sys.path.remove(str(info.parent))


@pytest.fixture
def make_program(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """Write a plugin from its code, and settings; what was started is gone at the end of the test."""
    made: list[Program] = []

    def make(code: str, *, ready: bool = True, **settings: object) -> Program:
        site = tmp_path / "site"
        info = site / "toy-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[huracan]\ntoy = toy\n")
        (site / "toy.py").write_text(HEAD.format(here=str(tmp_path)) + textwrap.dedent(code))
        file = tmp_path / "settings.yaml"
        file.write_text(yaml.safe_dump({"workspace": "./work", **settings}))
        if ready:
            lay_ready_database(tmp_path / "work")
            (tmp_path / "cache").mkdir()
            note_that_it_was_tried(info, {"XDG_CACHE_HOME": str(tmp_path / "cache")})
        made.append(Program(tmp_path, file))
        return made[-1]

    yield make
    for process in (process for program in made for process in program.started):
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def is_gone(pid: int, within: float = 30) -> bool:
    """Say whether a process ended (or is only waiting to be reaped) in time."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def gone() -> Callable[[int], bool]:
    return is_gone
