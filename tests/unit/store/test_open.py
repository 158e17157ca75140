"""Opening a database: what a person reads when it cannot be opened, and that looking writes nothing."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from huracan.errors import StoreError
from huracan.store import Store, passwords_in
from huracan.testing.postgres import PostgresServer

NOW = datetime(2023, 12, 30, 2, tzinfo=UTC)
DAY = date(2023, 12, 30)
PASSWORD = "geheim/wort"


def refusal(url: str, lock_folder: Path | None = None) -> str:
    """Return the one line with which opening is refused, to work and to look."""
    with pytest.raises(StoreError) as looking:
        Store.open_existing(url)
    with pytest.raises(StoreError) as caught:
        Store.open(url, lock_folder)
    for text in (str(caught.value), str(looking.value)):
        assert "\n" not in text
        assert "geheim" not in text
    return str(caught.value)


@pytest.mark.parametrize("url", ["", "nonsense", "://", "postgresql://u:geheim@host:port/name"])
def test_what_is_no_url_is_refused_with_an_example(url: str) -> None:
    assert "use sqlite:///path/huracan.db" in refusal(url)


@pytest.mark.parametrize(
    "url", ["mysql://u:geheim@host/name", "postgresql+asyncpg://u:geheim@host/n", "sqlite+aiosqlite:///x.db"]
)
def test_another_database_or_driver_is_refused_with_what_to_use(url: str) -> None:
    assert f"{url.partition(':')[0]} is not supported; use sqlite:// or postgresql://" in refusal(url)


def test_an_sqlite_url_with_options_is_refused(tmp_path: Path) -> None:
    assert "takes no options" in refusal(f"sqlite:///{tmp_path}/x.db?mode=ro")


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "notes.db"
    file.write_text("these are my notes, and no database\n" * 100)
    assert refusal(f"sqlite:///{file}") == f"database sqlite:///{file}: file is not a database"
    assert file.read_text().startswith("these are my notes")


def test_a_damaged_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "huracan.db"
    with Store.open(f"sqlite:///{file}", None) as store:
        store.ledger.begin_run("nightly", DAY, NOW, NOW)
    content = bytearray(file.read_bytes())
    content[100:8192] = b"\xff" * 8092
    file.write_bytes(content)
    assert f"database sqlite:///{file}: " in refusal(f"sqlite:///{file}")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(StoreError, match=r"the folder of .*taken/huracan.db cannot be made: File exists"):
        Store.open(f"sqlite:///{tmp_path}/taken/huracan.db", None)


def test_a_lock_that_cannot_be_taken_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(StoreError, match=r"the lock .*taken/schema.lock cannot be taken: File exists"):
        Store.open(f"sqlite:///{tmp_path}/huracan.db", tmp_path / "taken")


@pytest.mark.parametrize("url", [f"postgresql://u:{PASSWORD.replace('/', '%2F')}@127.0.0.1:1/name",
                                 "postgresql://127.0.0.1:1/name?user=u&password=geheim"])  # fmt: skip
def test_a_server_that_is_away_is_named_without_the_password(url: str) -> None:
    text = refusal(url)
    assert "127.0.0.1:1/name" in text
    assert "Connection refused" in text


def test_a_database_that_the_server_does_not_know_is_named(postgres_server: PostgresServer) -> None:
    text = refusal(postgres_server.url("nosuch", password=PASSWORD))
    assert 'database "nosuch" does not exist' in text


def test_a_missing_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert "psycopg is missing; pip install 'huracan-engine[postgresql]'" in refusal("postgresql://host/name")


def test_a_folder_that_may_not_be_entered_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> bool:
        raise PermissionError(13, "Permission denied")  # root, who may run this test, is refused nothing

    monkeypatch.setattr(Path, "exists", refuse)
    with pytest.raises(StoreError, match="may not be read by this user"):
        Store.open_existing(f"sqlite:///{tmp_path / 'closed' / 'huracan.db'}")


def test_a_database_with_damaged_pages_does_not_answer(tmp_path: Path) -> None:
    file = tmp_path / "huracan.db"
    Store.open(f"sqlite:///{file}", None).close()
    with closing(sqlite3.connect(file)) as database, database:
        # What is damaged are its last pages: these hold rows, while the schema stays readable.
        database.execute("CREATE TABLE filler (content BLOB)")
        database.execute("INSERT INTO filler VALUES (randomblob(100000))")
    content = file.read_bytes()
    file.write_bytes(content[: -4096 * 3] + b"\xa5" * (4096 * 3))
    store = Store.open_existing(f"sqlite:///{file}")
    assert store is not None
    with store, pytest.raises(StoreError, match=r"damaged|malformed"):
        store.ping()


def test_looking_at_a_database_that_does_not_exist_makes_nothing(tmp_path: Path) -> None:
    assert Store.open_existing(f"sqlite:///{tmp_path}/data/huracan.db") is None
    assert list(tmp_path.iterdir()) == []


def test_looking_at_an_empty_database_makes_no_tables(url: str) -> None:
    if url.startswith("sqlite"):
        file = Path(url.removeprefix("sqlite:///"))
        file.parent.mkdir()
        file.touch()
    assert Store.open_existing(url) is None
    assert Store.open_existing(url) is None


def test_looking_shows_what_was_written_and_leaves_no_file_behind(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a %20 folder?/huracan.db".replace("?", "%3F")
    with Store.open(url, None) as store:
        run = store.ledger.begin_run("nightly", DAY, NOW, NOW)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    looking = Store.open_existing(url)
    assert looking is not None
    with looking:
        assert looking.ledger.runs() == [run]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_looking_refuses_to_write(url: str) -> None:
    Store.open(url, None).close()
    looking = Store.open_existing(url)
    assert looking is not None
    with looking, pytest.raises(StoreError, match=r"readonly|read-only"):
        looking.ledger.begin_run("nightly", DAY, NOW, NOW)


def test_who_looks_sees_each_change_of_a_run_that_began_later(url: str) -> None:
    Store.open(url, None).close()
    looking = Store.open_existing(url)
    assert looking is not None
    with looking:
        assert looking.ledger.runs() == []
        with Store.open(url, None) as working:
            run = working.ledger.begin_run("nightly", DAY, NOW, NOW)
            assert looking.ledger.runs() == [run]
            for number in range(40):
                working.ledger.begin_item("train", DAY, f"COIN{number}-USDT")
            assert len(looking.ledger.items("train", DAY)) == 40
        assert len(looking.ledger.items("train", DAY)) == 40


def test_sqlite_waits_for_other_writers_and_survives_a_power_cut(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/huracan.db", None) as store, store._engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "busy_timeout", "synchronous")
        }
    assert pragmas == {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 30_000, "synchronous": 2}


def test_a_database_that_disappears_is_a_store_error(url: str, tmp_path: Path) -> None:
    with Store.open(url, None) as store:
        store.ping()
        if url.startswith("sqlite"):
            store._engine.dispose()
            file = Path(url.removeprefix("sqlite:///"))
            file.unlink()
            file.write_bytes(b"gone" * 1000)
        else:
            with store._engine.connect() as connection:
                connection.exec_driver_sql("DROP TABLE events")
                connection.commit()
        with pytest.raises(StoreError):
            store.events.recent()


def test_a_locked_sqlite_database_is_a_store_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huracan.store.engine.BUSY_SECONDS", 0)
    file = tmp_path / "huracan.db"
    with Store.open(f"sqlite:///{file}", None) as store:
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked"):
            store.ledger.begin_run("nightly", DAY, NOW, NOW)
        assert store.ledger.runs() == []
        other.close()
        assert store.ledger.begin_run("nightly", DAY, NOW, NOW).generation == 1


@pytest.mark.parametrize(
    ("url", "passwords"),
    [
        ("postgresql://u:geheim%2Fwort@h/n?host=x&password=zwei&sslpassword=drei", ("geheim/wort", "zwei", "drei")),
        ("postgresql://u@h/n", ()),
        ("sqlite:///huracan.db", ()),
        ("postgresql://u:geheim@h:port/n", ()),
        ("nonsense", ()),
    ],
)
def test_the_passwords_of_a_url_are_known_so_that_the_log_can_hide_them(url: str, passwords: tuple[str, ...]) -> None:
    assert passwords_in(url) == passwords


def test_a_database_that_is_there_already_gets_the_folder_of_locks_of_a_new_workspace(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    Store.open(url, tmp_path / "old" / "state").close()
    Store.open(url, tmp_path / "new" / "state").close()
    assert (tmp_path / "new" / "state").is_dir()
