"""A copy of the database while others write, and a database out of a copy."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from huracan.errors import DataError, StoreError, TryAgainError
from huracan.store import Store, check_snapshot, restore_snapshot
from huracan.store import snapshot as module
from huracan.store.engine import parse_url
from huracan.store.schema import HEAD
from huracan.testing.postgres import PostgresServer
from huracan.types import Event, Severity

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


def fill(store: Store, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        at = NOW + timedelta(seconds=number)
        store.events.add(Event("test", Severity.INFO, f"event {number} {'x' * 500}", at))


def events_of(file: Path) -> int:
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
        return int(connection.execute("SELECT count(*) FROM events").fetchone()[0])


def test_a_snapshot_of_sqlite_is_whole_while_another_connection_keeps_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'huracan.db'}"
    monkeypatch.setattr(module, "_PAGES_AT_ONCE", 5)
    with Store.open(url, tmp_path) as store, Store.open(url, tmp_path) as writer:
        fill(store, 300)
        ticks: list[float] = []

        def write_meanwhile() -> None:
            # Every few pages somebody commits: without the transaction around it the copy would begin again each time.
            fill(writer, 1, 1000 + len(ticks))
            ticks.append(time.monotonic())
            assert len(ticks) < 500, "the copy never ends while somebody writes"

        info = store.snapshot(tmp_path / "copy", write_meanwhile)
        assert len(ticks) > 5
        assert events_of(tmp_path / "copy") == 300
        assert (info.kind, info.schema) == ("sqlite", HEAD)
    with Store.open(f"sqlite:///{tmp_path / 'copy'}", tmp_path) as copy:
        copy.ping()


def test_a_writer_does_not_wait_for_the_snapshot(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'huracan.db'}"
    with Store.open(url, tmp_path) as store, Store.open(url, tmp_path) as writer:
        fill(store, 50)
        inside, go_on = threading.Event(), threading.Event()

        def hold() -> None:
            inside.set()
            assert go_on.wait(20)

        thread = threading.Thread(target=store.snapshot, args=(tmp_path / "copy", hold))
        thread.start()
        assert inside.wait(20)
        fill(writer, 1, 9000)  # returns though the copy is held open
        go_on.set()
        thread.join(20)
    assert events_of(tmp_path / "copy") == 50


def test_equal_databases_give_equal_snapshots_so_that_an_unchanged_backup_is_small(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path / 'huracan.db'}", tmp_path) as store:
        fill(store, 20)
        store.snapshot(tmp_path / "one")
        store.snapshot(tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_damaged_database_gives_no_snapshot(tmp_path: Path) -> None:
    file = tmp_path / "huracan.db"
    with Store.open(f"sqlite:///{file}", tmp_path) as store:
        fill(store, 300)
    content = bytearray(file.read_bytes())
    content[40_000:80_000] = b"\xff" * 40_000
    file.write_bytes(bytes(content))
    with Store.open(f"sqlite:///{file}", tmp_path) as store, pytest.raises(StoreError, match=r"damaged|malformed"):
        store.snapshot(tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path / 'huracan.db'}", tmp_path) as store:
        fill(store, 300)
        script = (
            "import resource, sys\n"
            "from pathlib import Path\n"
            "from huracan.errors import TryAgainError\n"
            "from huracan.store import Store\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
            "store = Store.open_existing(sys.argv[1])\n"
            "try:\n"
            "    store.snapshot(Path(sys.argv[2]))\n"
            "except TryAgainError as error:\n"
            "    print(error)\n"
        )

        done = subprocess.run(
            [sys.executable, "-c", script, f"sqlite:///{tmp_path / 'huracan.db'}", str(tmp_path / "copy")],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    assert "free some space" in done.stdout
    assert not (tmp_path / "copy").exists()


def test_postgresql_goes_through_pg_dump_and_comes_back_into_an_empty_database(
    postgres_url: str, tmp_path: Path, postgres_server: PostgresServer
) -> None:
    with Store.open(postgres_url, None) as store:
        fill(store, 5)
        info = store.snapshot(tmp_path / "dump")
    assert info.kind == "postgresql"
    assert (tmp_path / "dump").read_bytes().startswith(b"PGDMP")
    with pytest.raises(StoreError, match=r"holds .* tables; name an empty database"):
        restore_snapshot(tmp_path / "dump", "postgresql", info.schema, postgres_url)
    other = postgres_server.create()
    try:
        url = postgres_server.url(other)
        restore_snapshot(tmp_path / "dump", "postgresql", info.schema, url)
        found = Store.open_existing(url)
        assert found is not None
        with found:
            assert len(found.events.recent(10)) == 5
        with pytest.raises(StoreError, match="is one of sqlite"):
            restore_snapshot(tmp_path / "dump", "sqlite", info.schema, url)
    finally:
        postgres_server.drop(other)


def test_a_table_that_another_program_holds_does_not_hold_up_the_night(
    postgres_url: str, tmp_path: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huracan.store.snapshot._LOCK_WAIT_SECONDS", 0.5, raising=False)
    ticks: list[None] = []

    def tick() -> None:
        ticks.append(None)
        assert len(ticks) < 10, "it waits for ever, and each tick says that all is well"

    with Store.open(postgres_url, None) as store:
        fill(store, 5)
        with store._access.writing() as session:
            session.execute(text("LOCK TABLE events IN ACCESS EXCLUSIVE MODE"))
            with pytest.raises(TryAgainError, match="another program holds a table"):
                store.snapshot(tmp_path / "dump", tick)
    assert not (tmp_path / "dump").exists()


def test_a_password_among_the_options_is_no_argument_that_every_user_of_the_machine_sees(tmp_path: Path) -> None:
    program = tmp_path / "pg_dump"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$0.arguments"\nprintf "%s" "$PGPASSWORD" > "$0.password"\n')
    program.chmod(0o755)
    url = parse_url("postgresql://me@localhost/huracan?password=hunter2&sslmode=require")
    module._run_program([str(program), f"--dbname={module._address(url)}"], url, lambda: None)
    assert (
        tmp_path / "pg_dump.arguments"
    ).read_text() == "--dbname=postgresql://me@localhost/huracan?sslmode=require\n"
    assert (tmp_path / "pg_dump.password").read_text() == "hunter2"


def test_a_truncated_dump_leaves_the_database_empty(
    postgres_url: str, tmp_path: Path, postgres_server: PostgresServer
) -> None:
    with Store.open(postgres_url, None) as store:
        fill(store, 50)
        info = store.snapshot(tmp_path / "dump")
    content = (tmp_path / "dump").read_bytes()
    (tmp_path / "cut").write_bytes(content[: len(content) - 2000])
    other = postgres_server.create()
    try:
        url = postgres_server.url(other)
        with pytest.raises(StoreError, match="pg_restore failed"):
            restore_snapshot(tmp_path / "cut", "postgresql", info.schema, url)
        assert postgres_server.command(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", other
        ) == "0"  # fmt: skip
    finally:
        postgres_server.drop(other)


def test_a_pg_dump_that_is_missing_or_too_old_is_named_with_the_package_that_brings_it(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "bin" / "pg_dump"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'\n")
    old.chmod(0o755)
    monkeypatch.setattr(module, "_OF_DEBIAN", tmp_path / "nowhere")
    with Store.open(postgres_url, None) as store:
        monkeypatch.setenv("PATH", str(old.parent))
        with pytest.raises(StoreError, match=r"only 9 is installed; apt-get install postgresql-client-\d+"):
            store.snapshot(tmp_path / "dump")
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(StoreError, match="none is installed"):
            store.snapshot(tmp_path / "dump")


def test_a_copy_is_opened_to_test_it_whatever_its_bytes_say(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path / 'huracan.db'}", tmp_path) as store:
        fill(store, 300)
        info = store.snapshot(tmp_path / "copy")
    check_snapshot(tmp_path / "copy", "sqlite", HEAD, "the copy")
    with pytest.raises(DataError, match=f"the copy: its database has schema {HEAD}, its manifest says 0001"):
        check_snapshot(tmp_path / "copy", "sqlite", "0001", "the copy")
    content = bytearray((tmp_path / "copy").read_bytes())
    content[40_000:80_000] = b"\xff" * 40_000
    (tmp_path / "copy").write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"the copy: its database (is damaged|cannot be opened)"):
        check_snapshot(tmp_path / "copy", info.kind, info.schema, "the copy")
    assert sorted(path.name for path in tmp_path.glob("copy*")) == ["copy"], "nothing is left beside it"


def test_a_dump_is_read_to_its_end_to_test_it(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store.open(postgres_url, None) as store:
        fill(store, 50)
        info = store.snapshot(tmp_path / "dump")
    check_snapshot(tmp_path / "dump", "postgresql", HEAD, "the copy")
    with pytest.raises(DataError, match=f"the copy: its database has schema {HEAD}, its manifest says 0001"):
        check_snapshot(tmp_path / "dump", "postgresql", "0001", "the copy")
    content = (tmp_path / "dump").read_bytes()
    for cut in (content[:-2000], content[:3000], b"no dump at all" * 100):
        (tmp_path / "dump").write_bytes(cut)
        with pytest.raises(DataError, match="the copy: its database cannot be opened: pg_restore"):
            check_snapshot(tmp_path / "dump", info.kind, info.schema, "the copy")
    monkeypatch.setattr(module, "_OF_DEBIAN", tmp_path / "nowhere")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StoreError, match="apt-get install postgresql-client"):
        check_snapshot(tmp_path / "dump", info.kind, info.schema, "the copy")


def test_nothing_is_restored_over_a_database_or_from_a_newer_schema(tmp_path: Path) -> None:
    file = tmp_path / "huracan.db"
    with Store.open(f"sqlite:///{file}", tmp_path) as store:
        info = store.snapshot(tmp_path / "copy")
    with pytest.raises(StoreError, match="is there already"):
        restore_snapshot(tmp_path / "copy", "sqlite", info.schema, f"sqlite:///{file}")
    with pytest.raises(StoreError, match="9999 is newer"):
        restore_snapshot(tmp_path / "copy", "sqlite", "9999", f"sqlite:///{tmp_path / 'new.db'}")
    assert not (tmp_path / "new.db").exists()
    (tmp_path / "copy").write_bytes(b"no database at all, but long enough to be looked at" * 20)
    with pytest.raises(StoreError, match=r"is no database|damaged"):
        restore_snapshot(tmp_path / "copy", "sqlite", info.schema, f"sqlite:///{tmp_path / 'new.db'}")
    assert not (tmp_path / "new.db").exists()
