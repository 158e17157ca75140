"""Which pairs were selected for a run date and why the others were not: a past selection can be explained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from huracan.store.access import Access
from huracan.store.rows import UniverseDecision, UniverseSelection
from huracan.store.tables import Base

__all__ = ["UniverseSelections"]


class UniverseSelectionTable(Base):
    __tablename__ = "universe_selections"

    run_date: Mapped[date] = mapped_column(primary_key=True)
    run_id: Mapped[str]
    as_of: Mapped[datetime] = mapped_column(index=True)
    exchange: Mapped[str]
    criteria: Mapped[dict[str, Any]]


class UniverseDecisionTable(Base):
    __tablename__ = "universe_decisions"

    run_date: Mapped[date] = mapped_column(primary_key=True)
    symbol: Mapped[str] = mapped_column(primary_key=True)
    selected: Mapped[bool]
    rank: Mapped[int | None]
    score: Mapped[float | None]
    reasons: Mapped[list[Any]]
    facts: Mapped[dict[str, Any]]


class UniverseSelections:
    """Selections by run date. Every method is one transaction."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def save(
        self,
        run_id: str,
        run_date: date,
        as_of: datetime,
        exchange: str,
        criteria: Mapping[str, Any],
        decisions: Sequence[UniverseDecision],
    ) -> None:
        """Store a selection in place of the one that the run date had."""
        rows = [
            {
                "run_date": run_date, "symbol": each.symbol, "selected": each.selected, "rank": each.rank,
                "score": each.score, "reasons": [list(reason) for reason in each.reasons], "facts": dict(each.facts),
            }
            for each in decisions
        ]  # fmt: skip
        with self._access.writing() as session:
            for table in (UniverseDecisionTable, UniverseSelectionTable):
                session.execute(delete(table).where(table.run_date == run_date))
            session.add(
                UniverseSelectionTable(
                    run_date=run_date, run_id=run_id, as_of=as_of, exchange=exchange, criteria=dict(criteria)
                )
            )
            if rows:
                session.execute(insert(UniverseDecisionTable), rows)

    def load(self, run_date: date) -> UniverseSelection | None:
        with self._access.reading() as session:
            return self._whole(session, session.get(UniverseSelectionTable, run_date))

    def latest(self) -> UniverseSelection | None:
        newest = select(UniverseSelectionTable).order_by(UniverseSelectionTable.run_date.desc()).limit(1)
        with self._access.reading() as session:
            return self._whole(session, session.scalars(newest).first())

    def at(self, as_of: datetime) -> UniverseSelection | None:
        """Return the newest selection made as of ``as_of`` or before: the one that was in force then."""
        table = UniverseSelectionTable
        newest = select(table).where(table.as_of <= as_of).order_by(table.as_of.desc()).limit(1)
        with self._access.reading() as session:
            return self._whole(session, session.scalars(newest).first())

    @staticmethod
    def _whole(session: Any, row: UniverseSelectionTable | None) -> UniverseSelection | None:
        if row is None:
            return None
        query = select(UniverseDecisionTable).where(UniverseDecisionTable.run_date == row.run_date)
        decisions = [
            UniverseDecision(
                each.symbol,
                each.selected,
                each.rank,
                each.score,
                tuple((rule, why) for rule, why in each.reasons),
                each.facts,
            )
            for each in session.scalars(query)
        ]
        # Sorted here, since databases collate names differently.
        decisions.sort(key=lambda each: (not each.selected, each.rank or 0, each.symbol))
        return UniverseSelection(row.run_id, row.run_date, row.as_of, row.exchange, row.criteria, tuple(decisions))
