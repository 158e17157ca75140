"""The journal of events, in the order in which they were recorded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, select

from huracan.store.access import Access
from huracan.store.outbox import event_of, outbox_row
from huracan.store.rows import Address
from huracan.store.tables import EventTable
from huracan.types import Event, Severity

__all__ = ["EventLog"]


class EventLog:
    def __init__(self, access: Access) -> None:
        self._access = access

    def add(self, event: Event, addresses: Sequence[Address] = ()) -> None:
        """Store an event, and in the same transaction that it waits for these channels; its fields are JSON values."""
        row = EventTable(
            time=event.time, kind=event.kind, severity=event.severity.level, title=event.title,
            fields=dict(event.fields), run_id=event.run_id, job=event.job, symbol=event.symbol,
        )  # fmt: skip
        with self._access.writing() as session:
            session.add(row)
            if addresses:
                session.flush()
                session.add_all(outbox_row(row.id, event, event.severity.level, each) for each in addresses)

    def recent(self, limit: int = 50, least: Severity = Severity.INFO) -> list[Event]:
        """Return the latest events of at least a severity, newest first."""
        query = select(EventTable).where(EventTable.severity >= least.level).order_by(EventTable.id.desc()).limit(limit)
        with self._access.reading() as session:
            return [event_of(row) for row in session.scalars(query)]

    def newest_of_run(self, run_id: str, kind: str) -> Event | None:
        """Return the latest event of a kind that a run told, None where it told none."""
        query = select(EventTable).where(EventTable.run_id == run_id, EventTable.kind == kind)
        with self._access.reading() as session:
            row = session.scalars(query.order_by(EventTable.id.desc()).limit(1)).first()
            return None if row is None else event_of(row)

    def count(self, before: datetime) -> int:
        """Return how many events are older than an instant."""
        with self._access.reading() as session:
            query = select(func.count()).select_from(EventTable).where(EventTable.time < before)
            return session.scalar(query) or 0

    def prune(self, before: datetime) -> int:
        """Delete the events that are older than an instant, and return how many."""
        with self._access.writing() as session:
            old = session.execute(delete(EventTable).where(EventTable.time < before).returning(EventTable.id))
            return len(old.all())

    def between(self, since: datetime, until: datetime) -> list[Event]:
        """Return all events from ``since`` on and before ``until``, in the order in which they were stored."""
        table = EventTable
        columns = (table.kind, table.severity, table.title, table.time, table.fields, table.run_id, table.job)
        query = select(*columns, table.symbol).where(table.time >= since, table.time < until).order_by(table.id)
        levels = list(Severity)
        with self._access.reading() as session:
            return [Event(row[0], levels[row[1]], *row[2:]) for row in session.execute(query)]
