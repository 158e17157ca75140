"""Runs the real command in a process of its own, away from /etc and from this environment."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from forked import run_huracan
from packages import DEMO, lay_metadata

Finished = subprocess.CompletedProcess[str]


@pytest.fixture
def stranger_path(tmp_path: Path) -> str:
    """A PYTHONPATH on which the stranger's plugin is installed."""
    return os.pathsep.join(map(str, lay_metadata(DEMO, tmp_path / "metadata")))


@pytest.fixture
def mishap_path(tmp_path: Path) -> str:
    """A PYTHONPATH on which a plugin is installed whose command fails as it is told."""
    folder = tmp_path / "mishap"
    metadata = folder / "huracan_mishap-1.0.dist-info"
    metadata.mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("huracan_mishap.py"), folder)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: huracan-mishap\nVersion: 1.0\n", "utf-8")
    (metadata / "entry_points.txt").write_text("[huracan]\nmishap = huracan_mishap\n", "utf-8")
    return str(folder)


@pytest.fixture
def huracan(tmp_path: Path) -> Callable[..., Finished]:
    """Run ``huracan ARGUMENTS`` in a new folder, with only the environment that is given."""

    def run(*arguments: str, **environment: str) -> Finished:
        # COLUMNS: the readline of whoever started the tests may have set it, and tables follow it.
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith("HURACAN_") and name != "COLUMNS"
        }
        return run_huracan(*arguments, cwd=tmp_path, env={**clean, **environment}, timeout=60)

    return run


@pytest.fixture
def settings_file(tmp_path: Path) -> Path:
    """A settings file that chooses the simulated exchange and a workspace that does not exist yet."""
    path = tmp_path / "settings.yaml"
    path.write_text("workspace: ./work\nexchange: {name: simulated}\n", "utf-8")
    return path
