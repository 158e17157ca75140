"""Whole nights in processes of their own, as an owner starts them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from forked import run_huracan
from huracan.testing.contexts import lay_ready_database

STABLE = ("model.bin", "metrics.json", "features.json")
"""What the same inputs must give byte for byte; paths and times live in other files."""

ROSTER = "exchanges,universe,candles,features,training"
"""The plugins of a night from the exchange to the roster, without what is made of it."""


@dataclass(frozen=True)
class Night:
    """A settings file and its workspace, and the command line that runs on them."""

    file: Path
    workspace: Path
    plugins: str = ""
    """The plugins that are let in, separated by commas; empty for all: each job that is left out is a process less."""

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "huracan", "-c", str(self.file), *arguments]

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        settings = ("-c", str(self.file))
        return run_huracan(*settings, *arguments, env={**self.environment(), **environment}, timeout=1200)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.environment()
        )

    def environment(self) -> dict[str, str]:
        return {**os.environ, **({"HURACAN_PLUGINS_ONLY": self.plugins} if self.plugins else {})}

    def model_folders(self) -> dict[str, list[Path]]:
        """Return the complete model folders of each coin, oldest first."""
        found: dict[str, list[Path]] = {}
        for listing in sorted(self.workspace.glob("models/*/*/sha256.txt")):
            found.setdefault(listing.parent.parent.name, []).append(listing.parent)
        return found

    def digests(self) -> dict[str, str]:
        """Return the SHA-256 of the stable artefacts of each coin's newest model, by coin and file."""
        return {
            f"{symbol}/{name}": hashlib.sha256((folders[-1] / name).read_bytes()).hexdigest()
            for symbol, folders in self.model_folders().items()
            for name in STABLE
        }


def new_night(folder: Path, settings: Mapping[str, Any], name: str = "night", plugins: str = "") -> Night:
    """Write settings into a folder of their own; the workspace is beside them. ``plugins`` limits who takes part."""
    (folder / name).mkdir()
    file = folder / name / "settings.yaml"
    # PDF and picture take seconds, and have tests of their own.
    quick = {"workspace": "./work"} | ({} if plugins else {"reports": {"pdf": False, "picture": False}})
    file.write_text(yaml.safe_dump({**quick, **settings}))
    lay_ready_database(folder / name / "work")
    return Night(file, folder / name / "work", plugins)


@pytest.fixture
def make_night(tmp_path: Path) -> Callable[..., Night]:
    """Make nights as :func:`new_night` does, below the test's own folder."""
    return partial(new_night, tmp_path)
