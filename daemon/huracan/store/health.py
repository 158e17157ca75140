"""The history of the health checks: one row for each time that a check was asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Index, delete, func, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from huracan.masking import mask
from huracan.store.access import Access
from huracan.store.health_summary import HealthSummary, summarise
from huracan.store.rows import HealthResult, HealthStanding
from huracan.store.tables import Base
from huracan.types import CheckState

__all__ = ["HealthHistory"]


class HealthTable(Base):
    __tablename__ = "health_results"
    __table_args__ = (Index("ix_health_results_check_name_time", "check_name", "time", "state"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    time: Mapped[datetime] = mapped_column(index=True)
    check_name: Mapped[str]
    plugin: Mapped[str]
    state: Mapped[str]
    seconds: Mapped[float]
    detail: Mapped[str]


_COLUMNS = (
    HealthTable.time, HealthTable.check_name, HealthTable.plugin, HealthTable.state, HealthTable.seconds,
    HealthTable.detail,
)  # fmt: skip


class HealthHistory:
    """Results by check and time. Every method is one transaction."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def add(self, results: Sequence[HealthResult]) -> None:
        """Store results; secrets in their details are masked."""
        rows = [
            {
                "time": each.time, "check_name": each.check, "plugin": each.plugin, "state": each.state.value,
                "seconds": each.seconds, "detail": mask(each.detail),
            }
            for each in results
        ]  # fmt: skip
        if rows:
            with self._access.writing() as session:
                session.execute(insert(HealthTable), rows)

    def latest(self) -> Mapping[str, HealthStanding]:
        """Return what each check said last, and since when, by the name of the check."""
        newest = select(func.max(HealthTable.id)).group_by(HealthTable.check_name)
        query = select(*_COLUMNS).where(HealthTable.id.in_(newest)).order_by(HealthTable.check_name)
        with self._access.reading() as session:
            found = [_result(row) for row in session.execute(query)]
            return {each.check: HealthStanding(each, _since(session, each)) for each in found}

    def history(self, check: str, since: datetime) -> list[HealthResult]:
        """Return the results of one check at or after ``since``, oldest first."""
        return self._ordered(HealthTable.check_name == check, HealthTable.time >= since)

    def histories(self, since: datetime) -> Mapping[str, Sequence[HealthResult]]:
        """Return the results of all checks at or after ``since``, oldest first, by the name of the check."""
        found: dict[str, list[HealthResult]] = {}
        for result in self._ordered(HealthTable.time >= since):
            found.setdefault(result.check, []).append(result)
        return found

    def between(self, since: datetime, until: datetime) -> list[HealthResult]:
        """Return the results of all checks from ``since`` on and before ``until``, oldest first."""
        return self._ordered(HealthTable.time >= since, HealthTable.time < until)

    def summary(self, since: datetime) -> Mapping[str, HealthSummary]:
        """Return what the results at or after ``since`` come to, by the name of the check."""
        return {check: summarise(results) for check, results in self.histories(since).items()}

    def prune(self, before: datetime) -> int:
        """Delete the results from before an instant and return how many they were."""
        with self._access.writing() as session:
            doomed = session.scalar(select(func.count()).where(HealthTable.time < before)) or 0
            session.execute(delete(HealthTable).where(HealthTable.time < before))
        return doomed

    def _ordered(self, *conditions: ColumnElement[bool]) -> list[HealthResult]:
        query = select(*_COLUMNS).where(*conditions).order_by(HealthTable.time, HealthTable.id)
        with self._access.reading() as session:
            return [_result(row) for row in session.execute(query)]


def _result(row: Any) -> HealthResult:
    return HealthResult(row.time, row.check_name, row.plugin, CheckState(row.state), row.seconds, row.detail)


def _since(session: Session, latest: HealthResult) -> datetime:
    """Return the time of the first result after the last one of another state."""
    same_check = HealthTable.check_name == latest.check
    other = session.scalar(select(func.max(HealthTable.time)).where(same_check, HealthTable.state != latest.state))
    first = select(func.min(HealthTable.time)).where(same_check, HealthTable.state == latest.state)
    found: datetime | None = session.scalar(first if other is None else first.where(HealthTable.time > other))
    return found or latest.time
