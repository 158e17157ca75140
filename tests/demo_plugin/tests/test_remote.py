from __future__ import annotations

from pathlib import Path

import pytest
from huracan.errors import TryAgainError
from huracan.testing import assert_remote_store

from huracan_stranger.remote import Mirror


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders, as two disks that are mounted."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    return first, second


def test_the_mirror_keeps_every_rule(folders: tuple[Path, Path], tmp_path: Path) -> None:
    assert_remote_store(lambda: Mirror(*folders), tmp_path, entries=50, big=4 * 1024 * 1024)


def test_a_disk_that_is_away_is_read_from_the_other_one_and_nothing_is_stored(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_text("precious", "utf-8")
    mirror = Mirror(*folders)
    mirror.put(source, "kept")
    folders[0].rename(tmp_path / "away")
    mirror.get("kept", tmp_path / "fetched")
    assert (tmp_path / "fetched").read_text("utf-8") == "precious"
    with pytest.raises(TryAgainError, match="is not there"):
        mirror.put(source, "kept")


def test_what_one_disk_lost_is_not_listed(folders: tuple[Path, Path], tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("precious", "utf-8")
    mirror = Mirror(*folders)
    mirror.put(source, "kept")
    (folders[1] / "kept").unlink()
    assert list(mirror.list()) == []
    assert mirror.stat("kept") is None
