"""``huracan sync``, as an owner types it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from forked import run_huracan

Write = Callable[..., Path]
Huracan = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def huracan(tmp_path: Path, workspace: Path, remote_folder: Path) -> Huracan:
    def run(*words: str, **settings: Any) -> subprocess.CompletedProcess[str]:
        file = tmp_path / "settings.yaml"
        values = {
            "workspace": str(workspace), "remote": {"name": "local", "path": str(remote_folder)},
            "plugins": {"only": ["remote"]}, "sync": {"settle_seconds": 0.1}, **settings,
        }  # fmt: skip
        file.write_text(yaml.safe_dump(values))
        return run_huracan("-c", str(file), *words)

    return run


def test_status_says_what_is_not_safe_and_now_makes_it_safe(huracan: Huracan, write: Write) -> None:
    write("champions/BTC-USDT.json", b"{}")
    write("logs/huracan.jsonl", b"{}\n")
    before = huracan("sync", "status")
    assert before.returncode == 0, before.stderr
    assert "0 of 2 files are safe" in before.stdout
    assert "champions/BTC-USDT.json" in before.stdout
    assert "60 min ago" in before.stdout
    now = huracan("sync", "now", "--json")
    assert now.returncode == 0, now.stderr
    assert json.loads(now.stdout)["problems"] == []
    after = json.loads(huracan("sync", "status", "--json").stdout)
    assert (after["files"], after["unsafe"]) == (2, [])


def test_prune_deletes_copies_of_what_is_gone_only_when_told(
    huracan: Huracan, write: Write, remote_folder: Path
) -> None:
    file = write("models/A/20240105_020000Z/model.bin")
    write("models/A/20240105_020000Z/config.json")
    huracan("sync", "now")
    file.unlink()
    copy = remote_folder / "2024-01-05/models/A/20240105_020000Z/model.bin"
    assert "1 copy to delete" in huracan("sync", "prune", "--dry-run").stdout
    assert copy.exists()
    assert "1 copy deleted" in huracan("sync", "prune").stdout
    assert not copy.exists()


def test_restore_brings_a_workspace_back(huracan: Huracan, write: Write, workspace: Path) -> None:
    file = write("champions/BTC-USDT.json", b"{}")
    huracan("sync", "now")
    file.unlink()
    result = huracan("sync", "restore")
    assert result.returncode == 0, result.stderr
    assert "1 file (0.0 MB) came back, compared by hash" in result.stdout
    assert file.read_bytes() == b"{}"


def test_without_a_remote_store_it_says_what_to_set(huracan: Huracan) -> None:
    result = huracan("sync", "status", remote=None)
    assert result.returncode == 2
    assert "no remote store is set: see remote.name in the settings" in result.stderr


def test_a_store_that_is_away_is_said_in_one_line(huracan: Huracan, write: Write, tmp_path: Path) -> None:
    write("champions/A.json")
    result = huracan("sync", "now", remote={"name": "local", "path": str(tmp_path / "unmounted")})
    assert result.returncode == 75
    assert "mount the disk" in result.stderr
    assert "Traceback" not in result.stderr


def test_prune_does_not_believe_that_a_whole_folder_is_gone(
    huracan: Huracan, write: Write, remote_folder: Path
) -> None:
    file = write("data/candles/BTC-USDT.parquet")
    huracan("sync", "now")
    file.unlink()
    result = huracan("sync", "prune")
    assert result.returncode == 2
    assert "is empty or not there: mount its disk, or say --force" in result.stderr
    assert (remote_folder / "data/candles/BTC-USDT.parquet").exists()
    assert huracan("sync", "prune", "--force").returncode == 0
    assert not (remote_folder / "data/candles/BTC-USDT.parquet").exists()


def test_what_was_pruned_does_not_come_back_from_an_older_day(
    huracan: Huracan, write: Write, remote_folder: Path
) -> None:
    write("champions/B.json", at=1.7e9)
    file = write("champions/A.json", at=1.7e9)
    for day in range(3):
        write("champions/A.json", b"day %d" % day, at=1.7e9 + day * 86_400)
        huracan("sync", "now")
    file.unlink()
    assert "3 copies deleted" in huracan("sync", "prune").stdout
    assert [path.name for path in remote_folder.rglob("*.json") if path.name != "settings.json"] == ["B.json"]


def test_common_options_may_stand_behind_a_sub_command(huracan: Huracan, tmp_path: Path) -> None:
    huracan("sync", "status")
    done = run_huracan("sync", "status", "-c", str(tmp_path / "settings.yaml"), "--no-color")
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 of 0 files are safe" in done.stdout
