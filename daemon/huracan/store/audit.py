"""Who did what: the orders of people by chat, by the control socket, and to the switches by the command line."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Mapped, mapped_column

from huracan.masking import json_safe, mask
from huracan.store.access import Access
from huracan.store.rows import AuditEntry
from huracan.store.tables import Base

__all__ = ["Audit"]


class AuditTable(Base):
    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    time: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[str]
    via: Mapped[str]
    action: Mapped[str]
    arguments: Mapped[dict[str, Any]]
    outcome: Mapped[str]


class Audit:
    """The journal of actions, in the order in which they were recorded. Every method is one transaction."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def add(self, entry: AuditEntry) -> None:
        """Store an action; secrets in it are masked."""
        row = AuditTable(
            time=entry.time, actor=mask(entry.actor), via=entry.via, action=mask(entry.action),
            arguments=json_safe(entry.arguments), outcome=mask(entry.outcome),
        )  # fmt: skip
        with self._access.writing() as session:
            session.add(row)

    def recent(self, limit: int = 50) -> list[AuditEntry]:
        """Return the latest actions, newest first."""
        query = select(AuditTable).order_by(AuditTable.id.desc()).limit(limit)
        with self._access.reading() as session:
            return [
                AuditEntry(row.time, row.actor, row.via, row.action, row.arguments, row.outcome)
                for row in session.scalars(query)
            ]

    def prune(self, before: datetime) -> int:
        """Delete the actions that are older than an instant, and return how many."""
        with self._access.writing() as session:
            doomed = session.scalar(select(func.count()).where(AuditTable.time < before)) or 0
            session.execute(delete(AuditTable).where(AuditTable.time < before))
        return doomed
