"""Nights on which something is wrong for long: a full disk, a place that is away, a clock that jumped, bad sectors."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from huracan.context import Context
from huracan.errors import DataError, TryAgainError
from huracan.paths import canonical_json, sha256_of
from huracan.types import CheckState, Outcome
from huracan.units.declared import declared
from huracan_backup import packs
from huracan_backup.check import check_backup
from huracan_backup.create import create, work_folder
from huracan_backup.job import backup, run
from huracan_backup.keys import Keys, no_keys
from huracan_backup.place import here
from huracan_backup.report import read_report
from huracan_backup.settings import BackupSettings
from huracan_backup.snapshots import FORMAT, read_manifest
from huracan_backup.verify import examine

if TYPE_CHECKING:
    from plugins.backup.conftest import Moody

Clock = Callable[[float], Callable[[], datetime]]
Night = Callable[[str], None]
Write = Callable[..., Path]


def names_of(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def test_a_disk_that_fills_up_gets_back_what_the_failed_backup_wrote(
    context: Context, keys: Keys, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(context, keys)
    folder = here(context).folder / "packs"
    before = names_of(folder)
    for number in range(5):
        write(f"runs/2027{number:04d}Z/status.json", os.urandom(20_000))
    real = packs._store
    written: list[Any] = []

    def fills(*arguments: Any) -> Any:
        if len(written) == 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(real(*arguments))
        return written[-1]

    monkeypatch.setattr(packs, "_store", fills)
    with pytest.raises(TryAgainError, match="free some space"):
        create(context, keys)
    assert len(written) == 4
    assert names_of(folder) == before, "or each try would take more of a full disk, for good"


def test_a_failed_backup_without_a_key_takes_no_pack_of_an_earlier_one_along(
    make_context: Callable[..., Context], night: Night, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = make_context({}, plugins=["backup"])
    night("20261119")
    first, _ = create(context, no_keys())
    (context.paths.state / "backup-files.json").unlink()  # so that all is packed again, into equal packs
    monkeypatch.setattr("huracan_backup.create.write_blob", lambda *_: (_ for _ in ()).throw(DataError("it", "failed")))
    with pytest.raises(DataError):
        create(context, no_keys())
    with work_folder(here(context).folder) as work:
        examine(here(context), first.id, no_keys(), work, lambda _: None)


def test_what_killed_backups_left_goes_before_a_new_one_needs_the_room(context: Context, keys: Keys, at: Clock) -> None:
    create(context, keys)
    orphan = here(context).folder / "packs" / ("f" * 64)
    orphan.write_bytes(b"left by a kill")
    young = orphan.with_name("e" * 64)
    young.write_bytes(b"left by a kill a moment ago")
    old = (at(0)() - timedelta(days=3)).timestamp()
    os.utime(orphan, (old, old))
    create(context, keys)
    assert not orphan.exists()
    assert young.exists()


def test_a_place_that_is_away_for_months_does_not_fill_this_disk(context: Context, moody: Moody, at: Clock) -> None:
    moody.fails = TryAgainError("the remote store is away")
    for day in range(20):
        backup(context, now=at(day))
    ids = here(context).ids()
    assert len(ids) <= 3 + 2 + 2, "what retention lets go would go over there as well"
    moody.fails = None
    backup(context, now=at(20))
    assert len(here(context).ids()) == 3


@pytest.mark.parametrize("name", ["here", "disk", "remote", "../up", "a/b", ""])
def test_a_further_remote_cannot_take_a_name_that_means_another_place(name: str) -> None:
    with pytest.raises(ValidationError, match=r"backup\.remotes"):
        BackupSettings.model_validate({"remotes": {name: {"name": "local", "path": "/mnt/stick"}}})


def test_a_backup_on_this_machine_alone_forgets_nothing_about_the_places(context: Context, moody: Moody) -> None:
    moody.fails = TryAgainError("the remote store is away")
    backup(context)
    since = read_report(context)["places"]["remote"]["since"]
    backup(context, send=False)
    assert read_report(context)["places"]["remote"]["since"] == since
    assert "the remote store is away" in check_backup(context).detail


def test_a_failed_backup_is_not_hidden_by_a_last_one_of_a_time_to_come(
    context: Context, monkeypatch: pytest.MonkeyPatch, at: Clock
) -> None:
    backup(context, now=at(4000))
    found = check_backup(context)
    assert (found.state, "clock" in found.detail) == (CheckState.WARNING, True)
    with monkeypatch.context() as patch:
        patch.setattr("huracan.store.Store.snapshot", lambda *_: (_ for _ in ()).throw(TryAgainError("full")))
        with pytest.raises(TryAgainError):
            backup(context)
    assert check_backup(context).state is CheckState.FAILED


def test_after_a_clock_that_was_years_ahead_an_unchanged_backup_stores_nothing_and_retention_goes_on(
    context: Context, keys: Keys, moody: Moody, at: Clock, night: Night
) -> None:
    for day in range(3):
        backup(context, now=at(4000 + day))
    night("20261120")
    backup(context, now=at(1))
    quiet = backup(context, now=at(2))
    assert quiet.snapshot.added < 20_000, "the model is not stored again"
    backup(context, now=at(3))
    there = names_of(Path(moody.identity.removeprefix("local:")) / "backups" / "snapshots")
    assert len([name for name in there if name.startswith("2026")]) == 3, "days to come take no day's place"


@pytest.mark.parametrize(
    "value",
    [
        {"format": FORMAT},
        {"format": FORMAT, "encrypted": False, "created": "yesterday"},
        {"format": FORMAT, "encrypted": False, "index": 7, "packs": None, "created": 5},
        [],
    ],
)
def test_a_strange_manifest_is_damaged_and_no_crash(value: Any) -> None:
    name = "20261120T030000000Z-abcdef"
    if isinstance(value, dict):
        value["id"] = name
        value["sha256"] = hashlib.sha256(canonical_json(value)).hexdigest()
    with pytest.raises(DataError, match=name):
        read_manifest(json.dumps(value).encode(), name, no_keys())


@pytest.mark.parametrize("text", ['{"format": 1, "x": NaN}', '{"format": 1, "x": "\\ud800"}', "[" * 100_000])
def test_a_manifest_that_no_json_library_likes_is_damaged_and_no_crash(text: str) -> None:
    with pytest.raises(DataError, match="damaged"):
        read_manifest(text.encode(), "20261120T030000000Z-abcdef", no_keys())


def test_a_manifest_that_nobody_can_read_is_said_since_no_pack_goes_there(
    context: Context, moody: Moody, at: Clock
) -> None:
    backup(context, now=at(0))
    folder = Path(moody.identity.removeprefix("local:")) / "backups" / "snapshots"
    (folder / "20250101T030000000Z-abcdef.json").write_text("{")
    done = backup(context, now=at(1))
    (problem,) = done.problems
    assert "20250101T030000000Z-abcdef" in problem
    assert "no pack is deleted" in problem


def test_a_folder_that_may_not_be_read_costs_itself_and_not_the_backup(
    context: Context, keys: Keys, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("runs/20261119Z/secret/file", "x")
    real = os.scandir

    def refuses(path: Any) -> Any:
        if str(path).endswith("secret"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(path)

    monkeypatch.setattr(os, "scandir", refuses)
    _, index = create(context, keys)
    assert [line for line in index.problems if "runs/20261119Z/secret: Permission denied" in line]
    assert any(member.path == "workspace/runs/20261119Z/status.json" for member in index.members())


def test_a_file_on_a_bad_sector_costs_itself_and_not_the_backup(
    context: Context, keys: Keys, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("runs/20261119Z/rotten.json", "x" * 1000)
    real: Any = packs._Hashed.__init__

    class BadSector:
        def read(self, _: int) -> bytes:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(
        packs._Hashed, "__init__", lambda self, file, size: real(self, BadSector() if size == 1000 else file, size)
    )
    _, index = create(context, keys)
    assert (
        "workspace/runs/20261119Z/rotten.json: Input/output error, 3 times; it is not in this backup" in index.problems
    )
    assert any(member.path == "workspace/runs/20261119Z/status.json" for member in index.members())


def test_a_pack_on_a_bad_sector_is_made_again(context: Context, at: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    first = backup(context, now=at(0))
    bad = next(group.pack for group in first.index.groups if group.name.startswith("models/"))
    file = here(context).folder / "packs" / bad
    inode = file.stat().st_ino

    def rots(path: Path) -> str:
        if path == file and path.stat().st_ino == inode:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return sha256_of(path)

    monkeypatch.setattr("huracan_backup.packs.sha256_of", rots)
    monkeypatch.setattr("huracan_backup.job.sha256_of", rots)
    second = backup(context, now=at(1))
    assert bad not in second.snapshot.needs


def test_a_remote_plugin_with_a_bug_costs_its_own_copy_alone(
    context: Context, moody: Moody, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing: dict[str, Any] = {}
    monkeypatch.setattr(moody, "put", lambda *_: nothing["no such key"])
    result = run(context)
    assert result.outcome is Outcome.PARTLY_FAILED
    assert "KeyError" in result.problems[0]
    assert read_report(context)["last"] is not None


def test_reports_learning_and_encoders_of_earlier_nights_are_not_stored_again(
    context: Context, keys: Keys, write: Write
) -> None:
    for day in ("20261118", "20261119"):
        write(f"reports/nightly/{day}/model_comparison.html", os.urandom(40_000))
        write(f"learning/learning_snapshot_{day}_020000Z.json", os.urandom(40_000))
        write(f"meta/encoder/{day}_020000Z/encoder.json", os.urandom(40_000))
    create(context, keys)
    write("reports/nightly/20261120/model_comparison.html", b"new")
    write("learning/learning_snapshot_20261120_020000Z.json", b"new")
    write("meta/encoder/20261120_020000Z/encoder.json", b"new")
    snapshot, _ = create(context, keys)
    assert snapshot.added < 30_000


def test_a_unit_may_write_the_folders_of_further_remotes(make_context: Callable[..., Context]) -> None:
    remotes = {"stick": {"name": "local", "path": "/mnt/stick"}, "far": {"name": "sftp", "path": "/srv/far"}}
    context = make_context({"backup": {"remotes": remotes, "disk": "/mnt/disk"}}, plugins=["backup"])
    assert declared(context.settings, context.plugins).written == (Path("/mnt/disk"), Path("/mnt/stick"))


def test_what_a_place_says_in_its_error_is_kept_without_secrets(context: Context, moody: Moody, keys: Keys) -> None:
    moody.fails = TryAgainError(f"the answer was: {keys.identities[0]}")
    backup(context)
    assert keys.identities[0] not in (context.paths.state / "backup.json").read_text()
