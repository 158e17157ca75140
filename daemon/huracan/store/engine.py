"""Opens databases: SQLite in WAL mode with writers that queue up, PostgreSQL as it is; errors become one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, make_url
from sqlalchemy.pool import StaticPool

from huracan.errors import StoreError

__all__ = ["as_store_error", "open_engine", "parse_url", "sqlite_file"]

BUSY_SECONDS = 30
"""How long a writer waits for another one before it gives up."""


def parse_url(text: str) -> URL:
    """Read a database URL; plain ``postgresql://`` means the psycopg driver. Raises StoreError without showing it."""
    try:
        url = make_url(text)
    except exc.ArgumentError:
        raise StoreError("database: is no URL; use sqlite:///path/huracan.db or postgresql://user@host/name") from None
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise StoreError(f"database: {url.get_backend_name()} is not supported; use sqlite or postgresql")
    return url


def sqlite_file(url: URL) -> Path | None:
    """Return the file of an SQLite URL, None for one in memory and for other databases."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return Path(url.database)


def open_engine(url: URL, *, read_only: bool = False) -> Engine:
    """Make an engine; nothing is connected yet. Raises StoreError where the driver is not installed."""
    options: dict[str, Any] = {"hide_parameters": True}
    if url.get_backend_name() == "sqlite":
        file = sqlite_file(url)
        if file is None:
            options |= {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}}
        else:
            options["connect_args"] = {"timeout": BUSY_SECONDS}
            if read_only:
                # Without pending writes nobody has the file open: call it immutable, or SQLite makes -shm and -wal.
                pending = file.with_name(f"{file.name}-wal").exists()
                still = {} if pending else {"immutable": "1"}
                url = url.set(database=f"file:{quote(str(file))}", query={"mode": "ro", "uri": "true", **still})
    else:
        options |= {"pool_pre_ping": True, "connect_args": {"connect_timeout": 10}}
    try:
        engine = create_engine(url, **options)
    except ModuleNotFoundError as error:
        raise StoreError(f"database: {error.name} is missing; pip install 'huracan-engine[postgresql]'") from None
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", partial(_prepare_sqlite, read_only=read_only))
        event.listen(engine, "begin", _begin_sqlite)
    return engine


@contextmanager
def as_store_error(url: URL) -> Iterator[None]:
    """Turn whatever the database says into one line that names it, without its password."""
    try:
        yield
    except exc.DBAPIError as error:
        said = " ".join(str(error.orig).split())
        raise StoreError(f"database {url.render_as_string(hide_password=True)}: {said}") from None


def _prepare_sqlite(connection: Any, _record: Any, *, read_only: bool) -> None:
    # The driver's own transactions begin too late for us: BEGIN is sent by _begin_sqlite.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
    if not read_only:
        cursor.execute("PRAGMA journal_mode=WAL")
        # The ledger must survive a power cut: a coin called completed has its row on disk.
        cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("huracan_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
