"""What was traded, and what the breakers said to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import datetime

from sqlalchemy import Select, func, insert, select

from huracan.errors import HuracanError
from huracan.store.access import Access
from huracan.store.rows import BreakerEvent, Trade
from huracan.store.tables import BreakerEventTable, TradeTable

__all__ = ["Breakers", "TradeConflictError", "Trades"]

_AT_ONCE = 500
"""Trades in one statement: databases bound the number of parameters."""
_FIELDS = [each.name for each in fields(Trade)]


class TradeConflictError(HuracanError):
    """Trades that are stored already with other values: which report is right, only a person can say."""

    def __init__(self, ids: Sequence[str]) -> None:
        shown = ", ".join(ids[:3]) + (f" and {len(ids) - 3} more" if len(ids) > 3 else "")
        super().__init__(f"stored already with other values: {shown}; a trade is reported once, when it is closed")
        self.ids = tuple(ids)


class Trades:
    """Closed trades by id. Every method is one transaction; equal times are put in the order of ids."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def record(self, trades: Sequence[Trade], now: datetime) -> int:
        """Store trades, all or none, as recorded now, and return how many were new; one that is stored stays as it is.

        Raises TradeConflictError for ids that are stored, or stand twice among these, with other values.
        """
        wanted: dict[str, Trade] = {}
        conflicts = []
        for trade in trades:
            if wanted.setdefault(trade.id, trade) != trade:
                conflicts.append(trade.id)
        with self._access.writing() as session:
            known: dict[str, Trade] = {}
            ids = list(wanted)
            for start in range(0, len(ids), _AT_ONCE):
                query = select(TradeTable).where(TradeTable.id.in_(ids[start : start + _AT_ONCE]))
                known |= {row.id: _trade(row) for row in session.scalars(query)}
            conflicts += [each for each, stored in known.items() if stored != wanted[each]]
            if conflicts:
                raise TradeConflictError(conflicts)
            rows = [asdict(replace(trade, recorded_at=now)) for trade in wanted.values() if trade.id not in known]
            for start in range(0, len(rows), _AT_ONCE):
                session.execute(insert(TradeTable), rows[start : start + _AT_ONCE])
        return len(rows)

    def closed_since(self, instant: datetime, source: str) -> list[Trade]:
        """Return the trades of a source that closed at ``instant`` or later, oldest first."""
        query = (
            select(TradeTable)
            .where(TradeTable.source == source, TradeTable.closed_at >= instant)
            .order_by(TradeTable.closed_at)
        )
        return self._read(query)

    def newest(self, limit: int, source: str | None = None, symbol: str | None = None) -> list[Trade]:
        """Return the trades that closed last, newest first; of one source or symbol where they are given."""
        query = select(TradeTable).order_by(TradeTable.closed_at.desc(), TradeTable.id.desc()).limit(limit)
        if source is not None:
            query = query.where(TradeTable.source == source)
        if symbol is not None:
            query = query.where(TradeTable.symbol == symbol)
        return self._read(query)[::-1]

    def _read(self, query: Select[TradeTable]) -> list[Trade]:
        with self._access.reading() as session:
            trades = [_trade(row) for row in session.scalars(query)]
        # Sorted here as well, since databases collate ids differently.
        return sorted(trades, key=lambda each: (each.closed_at, each.id))


class Breakers:
    """The history of kill switch and breakers, in the order in which it was recorded."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def add(self, row: BreakerEvent) -> None:
        """Store a line of history."""
        values = asdict(row)
        values["limit_value"] = values.pop("limit")
        with self._access.writing() as session:
            session.add(BreakerEventTable(**values))

    def recent(self, limit: int = 20) -> list[BreakerEvent]:
        """Return the latest lines, newest first."""
        query = select(BreakerEventTable).order_by(BreakerEventTable.id.desc()).limit(limit)
        with self._access.reading() as session:
            return [_event(row) for row in session.scalars(query)]

    def latest(self, breaker: str) -> BreakerEvent | None:
        """Return the newest line of one breaker."""
        query = select(BreakerEventTable).where(BreakerEventTable.breaker == breaker)
        with self._access.reading() as session:
            row = session.scalars(query.order_by(BreakerEventTable.id.desc()).limit(1)).first()
            return None if row is None else _event(row)

    def standing(self) -> Mapping[str, BreakerEvent]:
        """Return the newest line of each breaker that tripped and was not released since, by its name."""
        newest = select(func.max(BreakerEventTable.id)).group_by(BreakerEventTable.breaker)
        query = select(BreakerEventTable).where(BreakerEventTable.id.in_(newest), BreakerEventTable.tripped)
        with self._access.reading() as session:
            return {row.breaker: _event(row) for row in session.scalars(query)}


def _trade(row: TradeTable) -> Trade:
    return Trade(*(getattr(row, name) for name in _FIELDS))


def _event(row: BreakerEventTable) -> BreakerEvent:
    return BreakerEvent(row.time, row.breaker, row.tripped, row.mode, row.value, row.limit_value, row.sentence, row.by)
