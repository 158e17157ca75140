"""What strategies wanted: the latest of each pair, and the history of all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select

from huracan.store.access import Access
from huracan.store.trade_rows import Signal
from huracan.store.trade_tables import SignalTable

__all__ = ["Signals"]

_AT_ONCE = 500
"""Signals in one statement: databases bound the number of parameters."""
_PAGE = 5_000
_COLUMNS = [getattr(SignalTable, each.name) for each in fields(Signal)]


class Signals:
    """Signals by id. Every method is one transaction, a page of :meth:`pages` too."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def record(self, signals: Sequence[Signal]) -> None:
        """Store signals in place of those with the same ids, all or none: doing it again is safe."""
        rows = list({each.id: asdict(each) for each in signals}.values())
        with self._access.writing() as session:
            for start in range(0, len(rows), _AT_ONCE):
                part = rows[start : start + _AT_ONCE]
                session.execute(delete(SignalTable).where(SignalTable.id.in_([row["id"] for row in part])))
                session.execute(insert(SignalTable), part)

    def latest(self, symbol: str | None = None, source: str | None = None) -> list[Signal]:
        """Return the newest signal of each pair, by pair; of those of one instant the last by id."""
        table, wanted = SignalTable, _wanted(symbol, source)
        newest = select(table.symbol, func.max(table.time).label("time")).where(*wanted).group_by(table.symbol)
        each_newest = newest.subquery()
        same = and_(table.symbol == each_newest.c.symbol, table.time == each_newest.c.time)
        with self._access.reading() as session:
            found = [Signal(*row) for row in session.execute(select(*_COLUMNS).join(each_newest, same).where(*wanted))]
        chosen = {each.symbol: each for each in sorted(found, key=lambda each: each.id)}
        return [chosen[name] for name in sorted(chosen)]

    def pages(
        self,
        since: datetime,
        until: datetime,
        symbol: str | None = None,
        source: str | None = None,
        size: int = _PAGE,
    ) -> Iterator[Sequence[Signal]]:
        """Yield the signals from ``since`` on and before ``until`` in bounded memory, by time and id."""
        table = SignalTable
        query = select(*_COLUMNS).where(table.time < until, *_wanted(symbol, source)).limit(size)
        last: Signal | None = None
        while True:
            start: ColumnElement[bool] = table.time >= (last.time if last else since)
            with self._access.reading() as session:
                name = self._access.by_bytes(table.id)
                after = [] if last is None else [or_(table.time > last.time, name > last.id)]
                page_query = query.where(start, *after).order_by(table.time, name)
                page = [Signal(*row) for row in session.execute(page_query)]
            if page:
                yield page
            if len(page) < size:
                return
            last = page[-1]


def _wanted(symbol: str | None, source: str | None) -> list[ColumnElement[bool]]:
    wanted = [] if symbol is None else [SignalTable.symbol == symbol]
    return wanted + ([] if source is None else [SignalTable.source == source])
