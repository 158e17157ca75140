"""Every test of the store that asks for ``url`` or ``store`` runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
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
