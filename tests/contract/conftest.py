"""The stranger's plugin of tests/demo_plugin, found as an installed plugin is: by its metadata on the path."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, distributions
from pathlib import Path

import pytest

from huracan.context import Context
from huracan.testing.servers import ScriptedServer
from packages import DEMO, lay_metadata


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EntryPoint:
    source, metadata = lay_metadata(DEMO, tmp_path / "metadata")
    monkeypatch.syspath_prepend(source)
    (distribution,) = distributions(path=[str(metadata)])
    (entry_point,) = distribution.entry_points.select(group="huracan")
    return entry_point


@pytest.fixture
def context(
    make_context: Callable[..., Context], stranger: EntryPoint, tmp_path: Path, loopback_server: ScriptedServer
) -> Context:
    """A real context in which the stranger's plugin is the only one; all that it speaks to is the loopback server."""
    folders = {name: tmp_path / name for name in ("first", "second")}
    for folder in folders.values():
        folder.mkdir()
    return make_context(
        {
            "stranger": {"url": f"{loopback_server.url}/alerts"},
            "exchange": {"name": "stranger", "url": loopback_server.url},
            "remote": {"name": "stranger", **{name: str(folder) for name, folder in folders.items()}},
        },
        plugins=(),
        extra=[stranger],
    )
