"""A machine is lost after a night. A new one with the same remote store goes on as if nothing had happened."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .conftest import ROSTER, Night, new_night

pytestmark = pytest.mark.slow

SETTINGS = {
    "exchange": {"name": "simulated"},
    "universe": {"quote": "USDT", "top": 4},
    "candles": {"timeframe": "1h", "days": 90},
    "training": {"folds": 3, "workers": 2, "parameters": {"trees": 20}},
}
FIRST, SECOND = ("2025-06-29", "2025-06-30")


@dataclass(frozen=True)
class Lost:
    """A machine after its first night, and the remote store as that night left it."""

    night: Night
    remote: Path


@pytest.fixture(scope="module")
def first_night(tmp_path_factory: pytest.TempPathFactory) -> Lost:
    folder = tmp_path_factory.mktemp("lost")
    remote = folder / "remote"
    remote.mkdir()
    old = new_night(folder, with_remote(remote), "old", f"{ROSTER},remote")
    assert old.run("run", "nightly", "--as-of", FIRST).returncode == 0
    return Lost(old, Path(shutil.copytree(remote, folder / "remote-copy")))


def with_remote(folder: Path) -> dict[str, Any]:
    return {**SETTINGS, "remote": {"name": "local", "path": str(folder)}}


def copy_of(remote: Path, folder: Path) -> dict[str, Any]:
    return with_remote(Path(shutil.copytree(remote, folder / "remote")))


@pytest.mark.soak
def test_the_next_night_is_the_same_on_the_old_and_the_new_machine(
    first_night: Lost, make_night: Callable[..., Night], tmp_path: Path
) -> None:
    old = first_night.night
    new = make_night(copy_of(first_night.remote, tmp_path), "new", old.plugins)
    assert old.run("run", "nightly", "--as-of", SECOND).returncode == 0
    restored = new.run("sync", "restore", "--json")
    assert restored.returncode == 0, restored.stderr
    assert json.loads(restored.stdout)["runs"] == 1
    folders = new.model_folders()
    # Its last state, written after the job finish, was copied by no service: it is ended here, and nothing is repeated.
    again = new.run("run", "nightly", "--as-of", FIRST)
    assert again.returncode in (0, 4), again.stderr
    assert new.model_folders() == folders, "the night that was done is not done again"
    next_night = new.run("run", "nightly", "--as-of", SECOND)
    assert next_night.returncode == 0, next_night.stderr[-3000:]
    mine = new.digests()
    assert len(mine) == 3 * 4
    assert mine.items() <= old.digests().items(), "the same bytes; what was no champion did not come back"
    for name in ("champions/roster.json", "runs/20250630Z/candles.json"):
        mine, theirs = (json.loads((night.workspace / name).read_text()) for night in (new, old))
        assert mine == theirs, name


def test_an_empty_cache_is_filled_from_the_remote_store_first(make_night: Callable[..., Night], tmp_path: Path) -> None:
    remote, plugins = tmp_path / "remote", "exchanges,universe,candles,remote"
    remote.mkdir()
    old, new = (make_night(with_remote(remote), name, plugins) for name in ("old", "new"))
    assert old.run("run", "nightly", "--as-of", FIRST).returncode == 0
    for job in ("universe", "candles"):
        ended = new.run("run", job, "--as-of", SECOND)
        assert ended.returncode == 0, ended.stderr[-2000:]
    report = json.loads((new.workspace / "runs/20250630Z/candles.json").read_text())
    assert report["restored"] >= 3, "those of the night before, BTC and ETH among them"
