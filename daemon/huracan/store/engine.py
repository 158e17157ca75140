"""Opens databases: SQLite in WAL mode with writers that queue up, PostgreSQL as it is; errors become one line."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, make_url
from sqlalchemy.pool import NullPool, StaticPool

from huracan.errors import StoreAwayError, StoreError

__all__ = ["as_store_error", "in_memory", "open_engine", "parse_url", "passwords_in", "shown", "sqlite_file"]

BUSY_SECONDS = 30
"""How long a writer waits for another one before it gives up."""

_DRIVERS = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}


def parse_url(text: str) -> URL:
    """Read a database URL; plain ``postgresql://`` means the psycopg driver. Raises StoreError without showing it."""
    try:
        url = make_url(text)
    except (exc.ArgumentError, ValueError):
        raise StoreError("database: is no URL; use sqlite:///path/huracan.db or postgresql://user@host/name") from None
    if url.drivername not in _DRIVERS:
        raise StoreError(f"database: {url.drivername} is not supported; use sqlite:// or postgresql://")
    url = url.set(drivername=_DRIVERS[url.drivername])
    if url.drivername == "sqlite" and url.query:
        raise StoreError(f"database {shown(url)}: an SQLite URL takes no options; leave out what follows the '?'")
    return url


def shown(url: URL) -> str:
    """Return the URL as it may be printed: without a password, be it before the host or among the options."""
    return url.difference_update_query(_secret_options(url)).render_as_string(hide_password=True)


def passwords_in(text: str) -> tuple[str, ...]:
    """Return the passwords that a database URL holds, for those who keep them out of the log; none for no URL."""
    try:
        url = make_url(text)
    except (exc.ArgumentError, ValueError):
        return ()
    options = [value for key in _secret_options(url) for value in url.normalized_query[key]]
    return tuple(password for password in (url.password, *options) if password)


def _secret_options(url: URL) -> list[str]:
    return [key for key in url.query if "password" in key]


def sqlite_file(url: URL) -> Path | None:
    """Return the file of an SQLite URL, None for one in memory and for other databases."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return Path(url.database)


def in_memory(text: str) -> bool:
    """Say whether a URL is SQLite without a file: every process would have one of its own."""
    url = parse_url(text)
    return url.get_backend_name() == "sqlite" and sqlite_file(url) is None


def open_engine(url: URL, *, read_only: bool = False) -> Engine:
    """Make an engine; nothing is connected yet. Raises StoreError where the driver is not installed."""
    options: dict[str, Any] = {
        "hide_parameters": True,
        # SQLite would keep NaN, PostgreSQL refuses it: neither gets it.
        "json_serializer": partial(json.dumps, allow_nan=False),
    }
    file = sqlite_file(url)
    if url.get_backend_name() != "sqlite":
        options |= {"pool_pre_ping": True, "connect_args": {"connect_timeout": 10}}
        if read_only:
            options["execution_options"] = {"postgresql_readonly": True}
    elif file is None:
        options |= {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}}
    elif read_only:
        options |= {"poolclass": NullPool, "creator": partial(_look_at, file.absolute())}
    else:
        options["connect_args"] = {"timeout": BUSY_SECONDS}
    try:
        engine = create_engine(url, **options)
    except ImportError as error:
        raise StoreError(
            f"database: its driver {error.name or 'psycopg'} is missing; pip install 'huracan-engine[postgresql]'"
        ) from None
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", partial(_prepare_sqlite, read_only=read_only))
        event.listen(engine, "begin", _begin_sqlite)
    return engine


@contextmanager
def as_store_error(url: URL) -> Iterator[None]:
    """Turn whatever the database says into one line that names it, without its password."""
    try:
        yield
    except (exc.OperationalError, exc.InterfaceError) as error:
        raise StoreAwayError(f"database {shown(url)}: {_one_line(error.orig)}") from None
    except exc.DBAPIError as error:
        raise StoreError(f"database {shown(url)}: {_one_line(error.orig)}") from None
    except exc.TimeoutError as error:
        raise StoreAwayError(f"database {shown(url)}: {_one_line(error)}") from None


def _one_line(error: BaseException | None) -> str:
    return " ".join(str(error).split())


def _look_at(file: Path) -> sqlite3.Connection:
    """Connect so that nothing is written, not even the -shm and -wal files beside the database.

    Without a -wal file nobody has the database open and it may be called immutable. Asked anew for every short
    transaction (NullPool), for a run may begin at any time.
    """
    still = "" if file.with_name(f"{file.name}-wal").exists() else "&immutable=1"
    return sqlite3.connect(
        f"file:{quote(str(file))}?mode=ro{still}", uri=True, timeout=BUSY_SECONDS, check_same_thread=False
    )


def _prepare_sqlite(connection: Any, _record: Any, *, read_only: bool) -> None:
    # The driver's own transactions begin too late for us: BEGIN is sent by _begin_sqlite.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
    if not read_only:
        _use_wal(cursor)
        # The ledger must survive a power cut: a coin called completed has its row on disk.
        cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _use_wal(cursor: Any) -> None:
    """Switch to WAL, and wait for others who do the same: SQLite's own patience does not cover this."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("huracan_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
