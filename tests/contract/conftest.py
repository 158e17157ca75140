"""The stranger's plugin of tests/demo_plugin, found as an installed plugin is: by its metadata on the path."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, distributions
from pathlib import Path

import pytest

from huracan.context import Context


@pytest.fixture
def stranger(repository: Path, monkeypatch: pytest.MonkeyPatch) -> EntryPoint:
    folder = repository / "tests" / "demo_plugin"
    monkeypatch.syspath_prepend(folder)
    (distribution,) = distributions(path=[str(folder)])
    (entry_point,) = distribution.entry_points.select(group="huracan")
    return entry_point


@pytest.fixture
def context(make_context: Callable[..., Context], stranger: EntryPoint, tmp_path: Path) -> Context:
    """A real context in which the stranger's plugin is the only one."""
    return make_context(
        {"exchange": {"name": "stranger"}, "remote": {"name": "stranger", "path": str(tmp_path)}},
        plugins=(),
        extra=[stranger],
    )
