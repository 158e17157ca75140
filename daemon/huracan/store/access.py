"""Short transactions: what every typed accessor of the store is made of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Engine
from sqlalchemy.orm import Session

from huracan.store.engine import as_store_error

__all__ = ["Access"]


@dataclass(frozen=True, slots=True)
class Access:
    """Opens sessions. A writer holds the database's write lock from its first statement to its commit."""

    engine: Engine

    def by_bytes(self, column: Any) -> ColumnElement[str]:
        """Return a column of text as it is ordered and compared by its bytes, which SQLite does anyway."""
        text: ColumnElement[str] = column.collate("C") if self.engine.dialect.name == "postgresql" else column
        return text

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with as_store_error(self.engine.url), Session(self.engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        writer = self.engine.execution_options(huracan_writes=True)
        with as_store_error(self.engine.url), Session(writer) as session, session.begin():
            yield session
