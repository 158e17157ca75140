"""Brings a database to this program's schema, once, whoever comes first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock
from sqlalchemy import Engine, inspect, text

from huracan.errors import StoreError

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

__all__ = ["HEAD", "current_revision", "upgrade"]

HEAD = "0001"
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
    _refuse_newer(revision)
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


def _refuse_newer(revision: str | None) -> None:
    known = {file.name[:4] for file in (Path(__file__).parent / "migrations" / "versions").glob("[0-9]*.py")}
    if revision is not None and revision not in known:
        raise StoreError(
            f"database: its schema {revision} is newer than this program's {HEAD}; "
            "install the newer Huracan again or restore the database of this one"
        )


@contextmanager
def _locked(engine: Engine, lock_folder: Path | None) -> Iterator[None]:
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _ADVISORY_LOCK})
            try:
                yield
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _ADVISORY_LOCK})
    elif lock_folder is not None:
        lock_folder.mkdir(parents=True, exist_ok=True)
        with FileLock(lock_folder / "schema.lock", timeout=_LOCK_SECONDS):
            yield
    else:
        yield
