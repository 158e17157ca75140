"""How commands find a backup where places are away, and that they leave nothing open behind."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from huracan.cli.main import main
from huracan.context import Context
from huracan.errors import TryAgainError, UsageError
from huracan_backup import opening
from huracan_backup.job import backup
from huracan_backup.keys import Keys
from huracan_backup.opening import one_backup

if TYPE_CHECKING:
    from plugins.backup.conftest import Moody

Clock = Callable[[float], Callable[[], datetime]]
Command = Callable[..., tuple[int, dict[str, Any]]]


def words(**values: Any) -> argparse.Namespace:
    return argparse.Namespace(**{"source": None, "place": None, "id": None, **values})


def test_a_place_that_is_away_is_passed_over_and_said(
    make_context: Callable[..., Context], tmp_path: Path, workspace: Path
) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "far").mkdir()
    remotes = {"far": {"name": "local", "path": str(tmp_path / "far")}}
    context = make_context(
        {"backup": {"disk": str(tmp_path / "disk"), "remotes": remotes}}, plugins=["remote", "backup"]
    )
    name = backup(context).snapshot.id
    (workspace / "backups").rename(tmp_path / "lost")
    (tmp_path / "disk").rename(tmp_path / "unmounted")
    with one_backup(words(), context, Keys(), tmp_path) as chosen:
        assert (chosen.place.name, chosen.name) == ("far", name)
        (line,) = chosen.away
        assert line == f"disk is passed over: {tmp_path / 'disk'} is not there: mount the disk or make the folder"
    with (
        pytest.raises(TryAgainError, match="mount the disk"),
        one_backup(words(place="disk"), context, Keys(), tmp_path),
    ):
        pass
    (tmp_path / "far").rename(tmp_path / "gone")
    with pytest.raises(UsageError, match=r"here: no backup there; disk is passed over: .*; far is "):
        one_backup(words(), context, Keys(), tmp_path).__enter__()


def test_what_goes_wrong_while_a_backup_is_used_is_not_taken_for_a_place_that_is_away(
    context: Context, keys: Keys, moody: Moody, tmp_path: Path
) -> None:
    backup(context)
    with pytest.raises(TryAgainError, match="full"), one_backup(words(), context, keys, tmp_path):
        raise TryAgainError("the disk is full")


# -------------------------------------------------------------------------------------------------------------- prune


@pytest.fixture
def prune(
    tmp_path: Path, workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    """Run `huracan backup prune --json` with two disks, and return its exit code and what it says."""

    def run(*more: str) -> tuple[int, dict[str, Any]]:
        monkeypatch.setenv("HURACAN_PLUGINS_ONLY", "backup,remote")
        file = tmp_path / "settings.yaml"
        remotes = {"far": {"name": "local", "path": str(tmp_path / "far")}}
        settings = {"disk": str(tmp_path / "disk"), "remotes": remotes, "keep_here": 1, "keep_daily": 1}
        file.write_text(yaml.safe_dump({"workspace": str(workspace), "backup": settings}))
        capsys.readouterr()
        code = main(["-c", str(file), "backup", "prune", "--json", *more])
        return code, json.loads(capsys.readouterr().out)

    return run


def test_pruning_goes_on_where_a_place_is_away_and_says_why_nothing_goes_here(
    make_context: Callable[..., Context], prune: Command, tmp_path: Path, at: Clock
) -> None:
    for name in ("disk", "far"):
        (tmp_path / name).mkdir()
    remotes = {"far": {"name": "local", "path": str(tmp_path / "far")}}
    context = make_context(
        {"backup": {"disk": str(tmp_path / "disk"), "remotes": remotes}}, plugins=["remote", "backup"]
    )
    first, last = (backup(context, now=at(day)).snapshot.id for day in (0, 1))
    (tmp_path / "disk").rename(tmp_path / "unmounted")
    code, said = prune("--dry-run")
    assert code == 3
    assert said["places"]["far"]["backups"] == [first]
    assert said["problems"] == [
        f"disk: {tmp_path / 'disk'} is not there: mount the disk or make the folder",
        f"here: nothing is deleted: {last}, the newest here, was not found in disk",
    ]
    (tmp_path / "unmounted").rename(tmp_path / "disk")
    code, said = prune("--dry-run")
    assert (code, said["problems"]) == (0, [])
    assert sorted(said["places"]) == ["disk", "far", "here"]
    assert all(each["backups"] == [first] for each in said["places"].values())


# --------------------------------------------------------------------------------------------------------------- work


def test_what_a_killed_command_left_is_swept_and_what_another_one_works_in_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_BASE", tmp_path)
    left, used, young = (tmp_path / f"huracan-backup-{name}" for name in ("left", "used", "young"))
    for folder in (left, used, young):
        folder.mkdir()
        (folder / "pack.plain").write_text("secret")
    (tmp_path / "huracan-backup-link").symlink_to(tmp_path / "elsewhere")
    for folder in (left, used):
        os.utime(folder, (time.time() - 3600, time.time() - 3600))
    handle = os.open(used, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with opening._work() as work:
            assert work.parent == tmp_path
            assert work.stat().st_mode & 0o777 == 0o700
            os.utime(work, (time.time() - 3600, time.time() - 3600))
            opening._sweep(tmp_path)
            assert work.is_dir(), "somebody works there"
    finally:
        os.close(handle)
    assert (left.exists(), used.exists(), young.exists(), work.exists()) == (False, True, True, False)
