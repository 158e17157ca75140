"""The journal of events, in the order in which they were recorded."""

from __future__ import annotations

from sqlalchemy import select

from huracan.store.access import Access
from huracan.store.tables import EventTable
from huracan.types import Event, Severity

__all__ = ["EventLog"]

_LEVELS = {severity: level for level, severity in enumerate(Severity)}
_SEVERITIES = dict(enumerate(Severity))


class EventLog:
    def __init__(self, access: Access) -> None:
        self._access = access

    def add(self, event: Event) -> None:
        """Store an event; its fields must be JSON values."""
        row = EventTable(
            time=event.time, kind=event.kind, severity=_LEVELS[event.severity], title=event.title,
            fields=dict(event.fields), run_id=event.run_id, job=event.job, symbol=event.symbol,
        )  # fmt: skip
        with self._access.writing() as session:
            session.add(row)

    def recent(self, limit: int = 50, least: Severity = Severity.INFO) -> list[Event]:
        """Return the latest events of at least a severity, newest first."""
        query = (
            select(EventTable).where(EventTable.severity >= _LEVELS[least]).order_by(EventTable.id.desc()).limit(limit)
        )
        with self._access.reading() as session:
            return [
                Event(
                    row.kind,
                    _SEVERITIES[row.severity],
                    row.title,
                    row.time,
                    row.fields,
                    row.run_id,
                    row.job,
                    row.symbol,
                )
                for row in session.scalars(query)
            ]
