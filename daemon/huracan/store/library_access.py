"""A table and the frozen value that has its columns: how rows of the library go in and come out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import date
from itertools import islice
from operator import attrgetter
from typing import Any, Generic, TypeVar

from sqlalchemy import JSON, Boolean, ColumnElement, Date, Select, delete, insert, select, type_coerce
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.types import NullType

from huracan.store.tables import Base

__all__ = ["Rows"]

_AT_ONCE = 5_000
"""Rows that are handed to the driver at once."""

Row = TypeVar("Row")


def _plain(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return values as every driver takes them."""
    return tuple(
        each.isoformat()
        if type(each) is date
        else json.dumps(each, allow_nan=False)
        if isinstance(each, Mapping | list)
        else each
        for each in values
    )


class Rows(Generic[Row]):
    """Reads and writes ``kind`` as rows of ``table``: every field is a column of the same name."""

    def __init__(self, table: type[Base], kind: type[Row]) -> None:
        self._table = table
        self._kind = kind
        self.names = tuple(each.name for each in fields(kind))  # type: ignore[arg-type]
        # The table's own columns, not the model's: rows come as tuples, in a third of the time.
        self.columns = [table.__table__.c[name] for name in self.names]
        self._values = attrgetter(*self.names)

    def select(self) -> Select[Any]:
        return select(*self.columns)

    def read(self, session: Session, query: Select[Any]) -> list[Row]:
        """Return the rows of a query made from :meth:`select`."""
        return [self._kind(*row) for row in session.execute(query)]

    def tuples(self, session: Session, query: Select[Any]) -> list[tuple[Any, ...]]:
        """Return the rows of a query of ``columns``, or of these as other types, as tuples in the order of ``names``.

        SQLite's values are read by hand, for a table of days, truths and JSON: half the time of SQLAlchemy's own way.
        """
        if session.connection().dialect.name != "sqlite":
            return [tuple(row) for row in session.execute(query).all()]
        asked = list(query.selected_columns)
        untyped = [type_coerce(each, NullType()).label(name) for each, name in zip(asked, self.names, strict=True)]
        found = session.connection().execute(query.with_only_columns(*untyped))
        columns = list(zip(*found.cursor.fetchall(), strict=True))
        for at, column in enumerate(asked):
            if columns and isinstance(column.type, Date):
                days = {text: date.fromisoformat(text) for text in set(columns[at])}
                columns[at] = tuple(days[text] for text in columns[at])
            elif columns and isinstance(column.type, Boolean):
                columns[at] = tuple(map(bool, columns[at]))
            elif columns and isinstance(column.type, JSON):
                columns[at] = tuple(None if text is None else json.loads(text) for text in columns[at])
        return list(zip(*columns, strict=True))

    def insert(self, session: Session, rows: Iterable[Row]) -> None:
        """Store rows in batches."""
        waiting = iter(rows)
        while part := list(islice(waiting, _AT_ONCE)):
            values = [dict(zip(self.names, self._values(row), strict=True)) for row in part]
            session.execute(insert(self._table.__table__), values)  # type: ignore[arg-type]

    def load(self, session: Session, rows: Iterable[Row]) -> None:
        """Store many rows by the driver's own way, COPY or executemany: a third of the time of :meth:`insert`.

        For columns that the driver takes as they are, days and JSON; not for instants.
        """
        name, columns = self._table.__tablename__, ", ".join(self.names)
        connection, waiting = session.connection(), iter(rows)
        if connection.dialect.name == "sqlite":
            insertion = f"INSERT INTO {name} ({columns}) VALUES ({', '.join('?' * len(self.names))})"
            while part := list(islice(waiting, _AT_ONCE)):
                connection.exec_driver_sql(insertion, [_plain(self._values(row)) for row in part])
            return
        driver: Any = connection.connection.driver_connection
        try:
            with driver.cursor().copy(f"COPY {name} ({columns}) FROM STDIN") as copy:
                for row in waiting:
                    copy.write_row(_plain(self._values(row)))
        except connection.dialect.loaded_dbapi.Error as error:
            # As SQLAlchemy's own, which Access turns into one line.
            raise DBAPIError.instance(
                f"COPY {name}", None, error, connection.dialect.loaded_dbapi.Error, hide_parameters=True
            ) from error

    def delete(self, session: Session, *conditions: ColumnElement[bool]) -> None:
        session.execute(delete(self._table).where(*conditions))

    def replace(self, session: Session, condition: ColumnElement[bool], rows: Sequence[Row]) -> None:
        """Store rows in place of those that meet ``condition``."""
        self.delete(session, condition)
        self.insert(session, rows)
