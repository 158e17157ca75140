"""Whole nights in processes of their own, as an owner starts them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

STABLE = ("model.bin", "metrics.json", "features.json")
"""What the same inputs must give byte for byte; paths and times live in other files."""


@dataclass(frozen=True)
class Night:
    """A settings file and its workspace, and the command line that runs on them."""

    file: Path
    workspace: Path

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "huracan", "-c", str(self.file), *arguments]

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments), check=False, capture_output=True, text=True, timeout=1200,
            env={**os.environ, **environment},
        )  # fmt: skip

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self.command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

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


@pytest.fixture
def make_night(tmp_path: Path) -> Callable[..., Night]:
    """Write settings into a folder of their own; the workspace is beside them."""

    def make(settings: Mapping[str, Any], name: str = "night") -> Night:
        folder = tmp_path / name
        folder.mkdir()
        file = folder / "settings.yaml"
        # PDF and picture take seconds, and have tests of their own.
        quick = {"workspace": "./work", "reports": {"pdf": False, "picture": False}}
        file.write_text(yaml.safe_dump({**quick, **settings}))
        return Night(file, folder / "work")

    return make
