"""The database: runs and what became of them, universe selections, events. The only package that knows SQLAlchemy."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Engine, text

from huracan.errors import StoreError
from huracan.store.access import Access
from huracan.store.copies import RemoteCopies
from huracan.store.engine import as_store_error, in_memory, open_engine, parse_url, passwords_in, shown, sqlite_file
from huracan.store.events import EventLog
from huracan.store.ledger import Ledger
from huracan.store.rows import (
    FINISHED,
    ItemRow,
    ItemState,
    JobRow,
    RemoteCopy,
    RunRow,
    RunState,
    UniverseDecision,
    UniverseSelection,
)
from huracan.store.schema import HEAD, current_revision, refuse_newer, upgrade
from huracan.store.universe import UniverseSelections

__all__ = [
    "FINISHED",
    "EventLog",
    "ItemRow",
    "ItemState",
    "JobRow",
    "Ledger",
    "RemoteCopies",
    "RemoteCopy",
    "RunRow",
    "RunState",
    "Store",
    "UniverseDecision",
    "UniverseSelection",
    "UniverseSelections",
    "in_memory",
    "passwords_in",
]


class Store:
    """An open database, at the schema of this program. Made by :meth:`open` or :meth:`open_existing`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        access = Access(engine)
        self.ledger = Ledger(access)
        self.universe = UniverseSelections(access)
        self.events = EventLog(access)
        self.copies = RemoteCopies(access)

    @classmethod
    def open(cls, url: str, lock_folder: Path | None) -> Self:
        """Open a database, make or upgrade its tables under a lock.

        Raises StoreError, in one line without a password, where the URL is wrong, the server away, the file no
        database, or its schema newer than this program.
        """
        parsed = parse_url(url)
        file = sqlite_file(parsed)
        engine = open_engine(parsed)
        try:
            with as_store_error(parsed):
                if file is not None:
                    file.parent.mkdir(parents=True, exist_ok=True)
                upgrade(engine, lock_folder)
        except OSError as error:
            engine.dispose()
            raise StoreError(f"database: the folder of {file} cannot be made: {error.strerror}") from None
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    @classmethod
    def open_existing(cls, url: str) -> Self | None:
        """Open a database to look at it: nothing is made or upgraded. None where there is none yet.

        Raises StoreError where it needs an upgrade first, or is newer than this program.
        """
        parsed = parse_url(url)
        file = sqlite_file(parsed)
        try:
            if file is not None and not file.exists():
                return None
        except PermissionError:
            raise StoreError(
                f"database: {file} may not be read by this user; run as its owner, or let this one in"
            ) from None
        engine = open_engine(parsed, read_only=True)
        try:
            with as_store_error(parsed), engine.connect() as connection:
                revision = current_revision(connection)
            refuse_newer(revision)
            if revision not in (HEAD, None):
                raise StoreError(f"database: has schema {revision}, this program {HEAD}; `huracan run` upgrades it")
        except BaseException:
            engine.dispose()
            raise
        if revision is None:
            engine.dispose()
            return None
        return cls(engine)

    def ping(self) -> None:
        """Ask the database a question. Raises StoreError where it does not answer, or SQLite finds its file damaged."""
        with as_store_error(self._engine.url), self._engine.connect() as connection:
            if (
                self._engine.dialect.name == "sqlite"
                and (found := connection.scalar(text("PRAGMA quick_check(1)"))) != "ok"
            ):
                raise StoreError(f"database {shown(self._engine.url)}: is damaged: {' '.join(str(found).split())}")
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
