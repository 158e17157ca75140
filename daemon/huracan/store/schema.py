"""Brings a database to this program's schema, once, whoever comes first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout
from sqlalchemy import Engine, inspect, text

from huracan.errors import StoreAwayError, StoreError

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

__all__ = ["HEAD", "alembic_config", "current_revision", "refuse_newer", "upgrade"]

HEAD = "0007"
"""The newest migration; a test compares it with the folder. Kept here so that an up-to-date store needs no Alembic."""

_ADVISORY_LOCK = 7_305_042_119
_LOCK_SECONDS = 120


def current_revision(connection: Connection) -> str | None:
    """Return the revision that the database is at, None for an empty one. Raises StoreError for somebody else's."""
    inspector = inspect(connection)
    tables = inspector.get_table_names()
    if "alembic_version" not in tables:
        if "runs" in tables:
            raise StoreError("database: has a table `runs` that Huracan did not make; use a database of its own")
        return None
    row = connection.execute(text("SELECT version_num FROM alembic_version")).first()
    return str(row[0]) if row else None


def upgrade(engine: Engine, lock_folder: Path | None) -> None:
    """Upgrade to HEAD under a lock. Raises StoreError for a database that is newer than this program."""
    with engine.connect() as connection:
        revision = current_revision(connection)
    if revision == HEAD:
        return
    refuse_newer(revision)
    with _locked(engine, lock_folder), engine.execution_options(huracan_writes=True).begin() as connection:
        # Alembic is slow to import and needed once per release.
        from alembic import command

        if current_revision(connection) != HEAD:
            command.upgrade(alembic_config(connection), "head")


def alembic_config(connection: Connection) -> Config:
    """Return a configuration that works from any folder and from a wheel, on an open connection."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def refuse_newer(revision: str | None) -> None:
    """Raise StoreError for a revision that no migration of this program makes."""
    known = {file.name[:4] for file in (Path(__file__).parent / "migrations" / "versions").glob("[0-9]*.py")}
    if revision is not None and revision not in known:
        raise StoreError(
            f"database: its schema {revision} is newer than this program's {HEAD}; "
            "install the newer Huracan again or restore the database of this one"
        )


@contextmanager
def _locked(engine: Engine, lock_folder: Path | None) -> Iterator[None]:
    if engine.dialect.name == "postgresql":
        # Outside a transaction, and on a connection of its own: the lock lives as long as that connection.
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"SET lock_timeout = '{_LOCK_SECONDS}s'"))
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _ADVISORY_LOCK})
            try:
                yield
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _ADVISORY_LOCK})
                connection.execute(text("RESET lock_timeout"))
    elif lock_folder is not None:
        with _file_lock(lock_folder / "schema.lock"):
            yield
    else:
        yield


@contextmanager
def _file_lock(file: Path) -> Iterator[None]:
    lock = FileLock(file, timeout=_LOCK_SECONDS)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise StoreAwayError(
            f"database: another process upgrades it for more than {_LOCK_SECONDS} s ({file})"
        ) from None
    except OSError as error:
        raise StoreError(f"database: the lock {file} cannot be taken: {error.strerror}") from None
    try:
        yield
    finally:
        lock.release()
