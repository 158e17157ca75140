"""Installing units below a folder that stands for /etc."""

from __future__ import annotations

from pathlib import Path

import pytest

from huracan.errors import UsageError
from huracan.units.installing import MARK, Change, apply, differences, installed, remove

FILES = {
    "systemd/system/huracan.service": f"# {MARK}\n[Unit]\n",
    "systemd/system/huracan-job@a.service.d/50-declared.conf": f"# {MARK}\n[Service]\n",
}


def test_what_is_missing_is_written_and_a_second_time_changes_nothing(tmp_path: Path) -> None:
    changes = differences(FILES, tmp_path)
    assert {change.verb for change in changes} == {"write"}
    apply(FILES, changes, tmp_path)
    assert differences(FILES, tmp_path) == []
    assert (tmp_path / "systemd/system/huracan.service").read_text() == FILES["systemd/system/huracan.service"]


def test_what_is_no_longer_declared_goes_with_its_empty_folder(tmp_path: Path) -> None:
    apply(FILES, differences(FILES, tmp_path), tmp_path)
    fewer = {name: text for name, text in FILES.items() if "job@a" not in name}
    gone = tmp_path / "systemd/system/huracan-job@a.service.d/50-declared.conf"
    assert differences(fewer, tmp_path) == [Change("remove", gone)]
    apply(fewer, differences(fewer, tmp_path), tmp_path)
    assert not gone.parent.exists()


def test_what_the_owner_wrote_beside_is_theirs(tmp_path: Path) -> None:
    apply(FILES, differences(FILES, tmp_path), tmp_path)
    mine = tmp_path / "systemd/system/huracan-job@a.service.d/override.conf"
    mine.write_text("[Service]\nMemoryMax=1G\n")
    other = tmp_path / "systemd/system/huracan-mine.service"
    other.write_text("[Service]\nExecStart=/bin/true\n")
    assert differences({}, tmp_path) == [Change("remove", tmp_path / name) for name in sorted(FILES, reverse=False)]
    remove(tmp_path)
    assert installed(tmp_path) == []
    assert mine.exists()
    assert other.exists()


def test_a_changed_file_is_written_anew(tmp_path: Path) -> None:
    apply(FILES, differences(FILES, tmp_path), tmp_path)
    unit = tmp_path / "systemd/system/huracan.service"
    unit.write_text(f"# {MARK}\nchanged by hand\n")
    assert differences(FILES, tmp_path) == [Change("change", unit)]


def test_only_root_installs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(UsageError, match="sudo huracan units install"):
        apply(FILES, [])
