"""A backup comes back whole, as an owner types it, or not at all."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from huracan import hookimpl
from huracan.context import Context
from huracan.errors import DataError, HuracanError, LockedError, StoreError, TryAgainError, UsageError
from huracan.run.lock import daemon_lock, run_lock
from huracan.testing import stand_in
from huracan.types import BackupSource
from huracan_backup import packs
from huracan_backup import restore as module
from huracan_backup.create import create, work_folder
from huracan_backup.keys import Keys
from huracan_backup.place import LocalPlace, here
from huracan_backup.restore import Restored, restore_all, restore_database, restore_file
from huracan_backup.snapshots import write_manifest

Write = Callable[..., Path]
Huracan = Callable[..., subprocess.CompletedProcess[str]]
Restore = Callable[..., Restored]


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def place(context: Context, keys: Keys) -> LocalPlace:
    """A place with one backup."""
    create(context, keys)
    return here(context)


@pytest.fixture
def restore(context: Context, keys: Keys, place: LocalPlace, tmp_path: Path) -> Restore:
    def run(target: Path, database: str | None = None, with_keys: Keys = keys) -> Restored:
        with work_folder(tmp_path / "restore-work") as work:
            name = place.ids()[-1]
            return restore_all(context, place, name, with_keys, work, target, database, lambda _: None)

    return run


def test_a_workspace_comes_back_file_by_file_with_times_and_modes(
    context: Context, restore: Restore, tmp_path: Path, workspace: Path, write: Write
) -> None:
    result = restore(tmp_path / "new")
    before, after = files_of(workspace), files_of(tmp_path / "new")
    for path, content in after.items():
        if path.startswith(("champions/", "models/", "runs/")):
            assert before[path] == content
            assert (workspace / path).stat().st_mtime_ns == (tmp_path / "new" / path).stat().st_mtime_ns
    assert {path for path in before if path.startswith(("champions/", "models/", "runs/"))} <= set(after)
    with sqlite3.connect(tmp_path / "new" / "huracan.db") as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone()
    assert result.files > 3
    assert sorted(path.name for path in tmp_path.glob(".*")) == []


@pytest.mark.parametrize("stands", [True, False])
def test_a_database_whose_url_leads_into_the_workspace_comes_back_with_it(
    stands: bool, restore: Restore, tmp_path: Path
) -> None:
    target = tmp_path / "new"
    if stands:
        target.mkdir()
    restore(target, f"sqlite:///{target / 'db' / 'mine.db'}")
    with sqlite3.connect(target / "db" / "mine.db") as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone()
    assert (target / "champions/BTC-USDT.json").exists()
    assert not (target / "huracan.db").exists()


def test_a_trader_that_was_stopped_stays_stopped_after_the_restore(
    context: Context, keys: Keys, write: Write, restore: Restore, tmp_path: Path
) -> None:
    write("state/kill.json", '{"stopped": true}')
    create(context, keys)
    restore(tmp_path / "new")
    assert json.loads((tmp_path / "new/state/kill.json").read_text()) == {"stopped": True}


@pytest.mark.parametrize("stands", [True, False])
def test_a_restore_that_is_killed_leaves_no_champion_without_the_switch(
    stands: bool,
    context: Context,
    keys: Keys,
    write: Write,
    restore: Restore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write("state/kill.json", '{"stopped": true}')
    create(context, keys)
    target = tmp_path / "new"
    if stands:
        (target / "backups").mkdir(parents=True)
    real, seen = Path.replace, []

    def looks(self: Path, goal: Path) -> Path:
        moved = real(self, goal)
        if (target / "champions").exists():
            seen.append((target / "state/kill.json").exists())
        return moved

    monkeypatch.setattr(Path, "replace", looks)
    restore(target)
    assert seen
    assert all(seen)


def test_a_plugin_that_wants_to_end_the_program_costs_itself_alone_and_what_was_not_whole_is_said(
    make_context: Callable[..., Context], tmp_path: Path, write: Write
) -> None:
    def collect(_: Context, folder: Path) -> None:
        (folder / "orders.csv").write_text("1,2")

    def leaves(*_: object) -> None:
        raise SystemExit(7)

    @hookimpl
    def huracan_backup_sources() -> list[BackupSource]:
        return [BackupSource("orders", collect, leaves), BackupSource("away", leaves)]

    context = make_context(
        {}, plugins=["backup"], extra=[stand_in("mine", huracan_backup_sources=huracan_backup_sources)]
    )
    create(context, Keys())
    with work_folder(tmp_path / "w") as work:
        result = restore_all(
            context, here(context), here(context).ids()[0], Keys(), work, tmp_path / "new", None, lambda _: None
        )
    assert any(note.startswith("source orders: SystemExit: 7; its files lie in") for note in result.notes)
    assert "it was not whole when it was made: source away: SystemExit: 7" in result.notes


def test_nobody_else_reads_what_is_being_restored(
    context: Context, restore: Restore, place: LocalPlace, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, seen = os.utime, []

    def looks(path: Path, **options: Any) -> None:
        if path.is_relative_to(tmp_path / ".new.restoring"):
            seen.append(stat.S_IMODE((tmp_path / ".new.restoring").stat().st_mode))
        real(path, **options)

    monkeypatch.setattr(os, "utime", looks)
    mask = os.umask(0o022)
    try:
        restore(tmp_path / "new")
        assert set(seen) == {0o700}
        assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o755, "at the end it is as others are made"
        (tmp_path / "next").mkdir(0o750)
        restore(tmp_path / "next")
        assert stat.S_IMODE((tmp_path / "next").stat().st_mode) == 0o750
    finally:
        os.umask(mask)


def test_a_secret_is_never_open_to_others_on_its_way(
    keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("hunter2")
    (tmp_path / "secret").chmod(0o600)
    written = packs.write_pack(
        tmp_path / "packs",
        tmp_path,
        [packs.Source("settings/credentials/x", tmp_path / "secret", 7)],
        keys,
        lambda: None,
    )
    monkeypatch.setattr(Path, "chmod", lambda *_: None)
    packs.unpack(
        tmp_path / "packs" / written.name, tmp_path, written.members, keys, True, "it", lambda _: tmp_path / "out"
    )
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o600, "as it was made, before its permissions are set"


def test_a_plugin_takes_back_what_it_gave_in_the_restored_installation(
    make_context: Callable[..., Context], tmp_path: Path
) -> None:
    def collect(_: Context, folder: Path) -> None:
        (folder / "orders.csv").write_text("1,2")

    def bring_back(context: Context, folder: Path) -> None:
        shutil.copyfile(folder / "orders.csv", context.paths.workspace / "orders.csv")

    @hookimpl
    def huracan_backup_sources() -> list[BackupSource]:
        return [BackupSource("orders", collect, bring_back)]

    context = make_context(
        {}, plugins=["backup"], extra=[stand_in("mine", huracan_backup_sources=huracan_backup_sources)]
    )
    create(context, Keys())
    with work_folder(tmp_path / "w") as work:
        restore_all(
            context, here(context), here(context).ids()[0], Keys(), work, tmp_path / "new", None, lambda _: None
        )
    assert (tmp_path / "new/orders.csv").read_text() == "1,2"

    # One of a server whose new database is not named yet: nothing may take an empty one for it.
    place = here(context)
    served = replace(place.manifest(place.ids()[0], Keys()), database="postgresql")
    (place.folder / f"snapshots/{served.id}.json").write_bytes(write_manifest(served, Keys()))
    with work_folder(tmp_path / "w") as work:
        result = restore_all(context, place, served.id, Keys(), work, tmp_path / "next", None, lambda _: None)
    assert not (tmp_path / "next/huracan.db").exists()
    assert any("source orders: waits for the database" in note for note in result.notes)


def test_nothing_is_restored_over_a_workspace_in_use(restore: Restore, tmp_path: Path, context: Context) -> None:
    target = tmp_path / "new"
    (target / "runs").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"new: is not empty \(it holds runs\); move it away"):
        restore(target)
    (target / "runs").rmdir()
    with daemon_lock(target / "state"), pytest.raises(LockedError, match="a daemon or run works there; stop it first"):
        restore(target)
    with run_lock(target / "state", "x", context.clock.now()), pytest.raises(LockedError):
        restore(target)
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is no folder"):
        restore(tmp_path / "file")


def test_what_lies_beside_in_a_new_workspace_stays(restore: Restore, tmp_path: Path) -> None:
    (tmp_path / "new" / "backups").mkdir(parents=True)
    (tmp_path / "new" / "backups" / "mine").write_text("stays")
    (tmp_path / "new" / "logs").mkdir()
    (tmp_path / "new" / "logs" / "huracan.jsonl").write_text("of today")
    restore(tmp_path / "new")
    assert (tmp_path / "new/backups/mine").read_text() == "stays"
    assert (tmp_path / "new/logs/huracan.jsonl").read_text() == "of today"
    assert (tmp_path / "new/champions/BTC-USDT.json").exists()
    assert not (tmp_path / "new/.restoring").exists()


@pytest.mark.parametrize("fails_at", ["_fetch", "_place_database", "_take_over"])
def test_a_restore_that_fails_leaves_nothing_behind(
    fails_at: str, restore: Restore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, fails_at, full)
    with pytest.raises(TryAgainError, match="No space left on device; nothing was changed"):
        restore(tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert list(tmp_path.glob(".new*")) == []


def test_a_damaged_a_missing_and_a_truncated_part_are_each_one_line(
    restore: Restore, place: LocalPlace, tmp_path: Path
) -> None:
    biggest = max((place.folder / "packs").iterdir(), key=lambda file: file.stat().st_size)
    whole = biggest.read_bytes()
    for content, words in (
        (whole[:-1] + bytes([whole[-1] ^ 1]), "was changed: its bytes are not those of its name"),
        (whole[:-100], "has .* bytes instead of"),
        (None, "is gone; choose another backup"),
    ):
        biggest.unlink() if content is None else biggest.write_bytes(content)
        with pytest.raises(DataError, match=words) as caught:
            restore(tmp_path / "new")
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("cut", [0, 1, 40, 200, 600])
def test_a_truncated_manifest_is_refused(cut: int, restore: Restore, place: LocalPlace, tmp_path: Path) -> None:
    file = next((place.folder / "snapshots").iterdir())
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(DataError, match="its manifest is damaged or truncated"):
        restore(tmp_path / "new")


def test_a_changed_manifest_is_refused(restore: Restore, place: LocalPlace, tmp_path: Path) -> None:
    file = next((place.folder / "snapshots").iterdir())
    value = json.loads(file.read_bytes())
    file.write_text(json.dumps({**value, "schema": "0001"}))
    with pytest.raises(DataError, match="manifest was changed or damaged"):
        restore(tmp_path / "new")
    file.write_text(json.dumps({**value, "format": 2}))
    with pytest.raises(DataError, match="has format 2, this program reads 1: install a newer Huracan"):
        restore(tmp_path / "new")


def test_a_newer_schema_is_refused(restore: Restore, place: LocalPlace, keys: Keys, tmp_path: Path) -> None:
    from dataclasses import replace

    (name,) = place.ids()
    newer = replace(place.manifest(name, keys), schema="9999")
    (place.folder / f"snapshots/{name}.json").write_bytes(write_manifest(newer, keys))
    with pytest.raises(StoreError, match="its schema 9999 is newer than this program's"):
        restore(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_without_the_key_or_with_another_nothing_comes_back(restore: Restore, tmp_path: Path) -> None:
    from huracan_backup.keys import new_identity

    with pytest.raises(UsageError, match="give its key with --identity"):
        restore(tmp_path / "new", with_keys=Keys())
    with pytest.raises(HuracanError, match="sealed with another key"):
        restore(tmp_path / "new", with_keys=Keys((new_identity()[0],)))


def test_one_file_comes_back_and_never_over_another(place: LocalPlace, keys: Keys, tmp_path: Path) -> None:
    (name,) = place.ids()
    target = tmp_path / "one.json"
    with work_folder(tmp_path / "w") as work:
        restore_file(place, name, keys, work, "champions/BTC-USDT.json", target)
        assert json.loads(target.read_text())["symbol"] == "BTC-USDT"
        with pytest.raises(UsageError, match="is there already; name another file with --to"):
            restore_file(place, name, keys, work, "champions/BTC-USDT.json", target)
        with pytest.raises(UsageError, match=r"holds no file 'champions/NO.json'; `huracan backup list"):
            restore_file(place, name, keys, work, "champions/NO.json", tmp_path / "other")


def test_postgresql_comes_back_into_an_empty_database(
    make_context: Callable[..., Context], postgres_url: str, postgres_server: object, tmp_path: Path
) -> None:
    from huracan.store import Store
    from huracan.testing.postgres import PostgresServer
    from huracan.types import Severity

    assert isinstance(postgres_server, PostgresServer)
    context = make_context({"database": postgres_url}, plugins=["backup"])
    context.emit("test", Severity.INFO, "remembered")
    create(context, Keys())
    place, name = here(context), here(context).ids()[0]
    other = postgres_server.create()
    try:
        with work_folder(tmp_path / "w") as work, pytest.raises(StoreError, match="name an empty database"):
            restore_database(place, name, Keys(), work, postgres_url)
        with work_folder(tmp_path / "w") as work:
            restore_all(
                context, place, name, Keys(), work, tmp_path / "new", postgres_server.url(other), lambda _: None
            )
        found = Store.open_existing(postgres_server.url(other))
        assert found is not None
        with found:
            assert [event.title for event in found.events.recent()] == ["remembered"]
    finally:
        postgres_server.drop(other)


# ------------------------------------------------------------------------------------------------------ command line


def test_an_owner_makes_lists_tests_loses_and_restores(
    huracan: Huracan, night: Callable[[str], None], workspace: Path, tmp_path: Path
) -> None:
    night("20261119")
    (tmp_path / "stick").mkdir()
    key = tmp_path / "key.txt"
    key.write_text(huracan("backup", "key").stdout)
    settings = {"backup": {"disk": str(tmp_path / "stick"), "identity": key.read_text()}}
    made = json.loads(huracan("backup", "create", "--json", **settings).stdout)
    assert (made["places"], made["problems"]) == (["disk"], [])
    workspace.rename(tmp_path / "lost")
    # From here on nothing of the old machine is known but the stick and the paper with the key.
    refused = huracan("backup", "restore", "--from", str(tmp_path / "stick"))
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert "is encrypted; give its key with --identity FILE" in refused.stderr
    done = huracan("backup", "restore", "--from", str(tmp_path / "stick"), "--identity", str(key))
    assert done.returncode == 0, done.stderr
    assert (workspace / "champions/BTC-USDT.json").read_bytes() == (
        tmp_path / "lost/champions/BTC-USDT.json"
    ).read_bytes()
    settings_file = next((workspace / "restored/settings").glob("*.yaml"))
    assert yaml.safe_load(settings_file.read_text())["backup"]["disk"] == str(tmp_path / "stick")


def test_verify_and_list_say_what_is_wrong_and_end_with_3(
    huracan: Huracan, night: Callable[[str], None], workspace: Path
) -> None:
    night("20261119")
    made = json.loads(huracan("backup", "create", "--json").stdout)
    biggest = max((workspace / "backups/packs").iterdir(), key=lambda file: file.stat().st_size)
    biggest.write_bytes(biggest.read_bytes()[:-1])
    broken = huracan("backup", "verify", "--json")
    assert broken.returncode == 3
    (row,) = json.loads(broken.stdout)["tested"]
    assert row["state"] == "failed"
    assert f"backup {made['id']} (here): its pack" in row["error"]
    listed = huracan("backup", "list")
    assert listed.returncode == 3
    assert "nowhere whole" in listed.stdout
