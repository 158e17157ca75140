"""A folder in which hostile plugins are installed, as far as this process can tell."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that this very process finds plugins in; what it imported from there is forgotten at the end."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)
    yield folder
    for name in [each for each in set(sys.modules) - before if each.startswith(("hostile_", "good_"))]:
        del sys.modules[name]
    importlib.invalidate_caches()
