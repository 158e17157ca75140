"""Short transactions: what every typed accessor of the store is made of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from huracan.store.engine import as_store_error

__all__ = ["Access"]


@dataclass(frozen=True, slots=True)
class Access:
    """Opens sessions. A writer holds the database's write lock from its first statement to its commit."""

    engine: Engine

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with as_store_error(self.engine.url), Session(self.engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        writer = self.engine.execution_options(huracan_writes=True)
        with as_store_error(self.engine.url), Session(writer) as session, session.begin():
            yield session
