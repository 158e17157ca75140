"""Every test of the store that asks for ``url`` or ``store`` runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from huracan.store import Store


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that does not exist yet, or is empty."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path / 'data' / 'huracan.db'}"


@pytest.fixture
def lock_folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def store(url: str, lock_folder: Path) -> Iterator[Store]:
    with Store.open(url, lock_folder) as opened:
        yield opened


@pytest.fixture
def start_python(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a program in a process of its own, as another command would run; what is left is killed at the end."""
    started: list[subprocess.Popen[str]] = []

    def start(program: str, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", program, *map(str, arguments)]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd="/")
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
