"""What was traded, and what the breakers said to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, case, cast, extract, func, insert, or_, select

from huracan.errors import HuracanError
from huracan.store.access import Access
from huracan.store.daily import day_of, refresh_days
from huracan.store.rows import BreakerEvent, Trade
from huracan.store.trade_rows import ReportedFilter, TradeSum
from huracan.store.trade_tables import BreakerEventTable, TradeTable

__all__ = ["Breakers", "TradeConflictError", "Trades"]

_AT_ONCE = 500
"""Trades in one statement: databases bound the number of parameters."""
_FIELDS = [each.name for each in fields(Trade)]
_COLUMNS = [getattr(TradeTable, name) for name in _FIELDS]
_PAGE = 5_000
_HOUR, _DAY = 3_600, 86_400
_ALL = ReportedFilter()


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
            new = (wanted[row["id"]] for row in rows)
            refresh_days(session, {(day_of(trade), trade.source) for trade in new})
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
        return self.newest_of(limit, ReportedFilter(source=source, symbol=symbol))

    def newest_of(self, limit: int, which: ReportedFilter) -> list[Trade]:
        """Return the trades that are meant and closed last, newest first."""
        query = select(TradeTable).where(*_narrowed(which))
        return self._read(query.order_by(TradeTable.closed_at.desc(), TradeTable.id.desc()).limit(limit))[::-1]

    def pages(self, which: ReportedFilter = _ALL, size: int = _PAGE) -> Iterator[Sequence[Trade]]:
        """Yield trades oldest first in bounded memory, each page found by the trade before it."""
        table = TradeTable
        last: Trade | None = None
        while True:
            with self._access.reading() as session:
                name = self._access.by_bytes(table.id)
                query = select(*_COLUMNS).where(*_narrowed(which)).order_by(table.closed_at, name).limit(size)
                if last is not None:
                    later = or_(table.closed_at > last.closed_at, name > last.id)
                    query = query.where(table.closed_at >= last.closed_at, later)
                page = [Trade(*row) for row in session.execute(query)]
            if page:
                yield page
            if len(page) < size:
                return
            last = page[-1]

    def by_source(self, which: ReportedFilter = _ALL) -> list[TradeSum]:
        """Return the sums of each source: live, paper, simulated."""
        return self._summed(TradeTable.source, which)

    def by_symbol(self, which: ReportedFilter = _ALL) -> list[TradeSum]:
        """Return the sums of each pair."""
        return self._summed(TradeTable.symbol, which)

    def by_strategy(self, which: ReportedFilter = _ALL) -> list[TradeSum]:
        """Return the sums of each strategy; the key is empty for trades of which none was told."""
        return self._summed(TradeTable.strategy, which)

    def by_side(self, which: ReportedFilter = _ALL) -> list[TradeSum]:
        """Return the sums of long and short."""
        return self._summed(TradeTable.side, which)

    def by_day(self, which: ReportedFilter = _ALL) -> list[TradeSum]:
        """Return the sums of each UTC day on which trades closed, ``2023-12-30``."""
        start = date(1970, 1, 1)
        found = self._summed(_seconds(TradeTable.closed_at) // _DAY, which)
        days = [replace(each, key=(start + timedelta(days=int(each.key))).isoformat()) for each in found]
        return sorted(days, key=lambda each: each.key)

    def by_month(self, which: ReportedFilter = _ALL) -> list[TradeSum]:
        """Return the sums of each UTC month in which trades closed, ``2023-12``."""
        months: dict[str, TradeSum] = {}
        for each in self.by_day(which):
            month = each.key[:7]
            months[month] = _added(months.get(month, TradeSum(month, 0, 0, 0.0, 0.0, 0.0)), each)
        return list(months.values())

    def by_weekday(self, which: ReportedFilter = _ALL) -> list[TradeSum]:
        """Return the sums of each UTC weekday on which trades were opened, ``1`` (Monday) to ``7``."""
        return self._summed((_seconds(TradeTable.opened_at) // _DAY + 3) % 7 + 1, which)

    def by_hour(self, which: ReportedFilter = _ALL) -> list[TradeSum]:
        """Return the sums of each UTC hour in which trades were opened, ``00`` to ``23``."""
        found = self._summed(_seconds(TradeTable.opened_at) // _HOUR % 24, which)
        return sorted((replace(each, key=f"{int(each.key):02}") for each in found), key=lambda each: each.key)

    def _summed(self, key: Any, which: ReportedFilter) -> list[TradeSum]:
        table, label = TradeTable, key.label("key")
        sums = (
            func.count(), func.sum(case((table.net_pnl > 0, 1), else_=0)), func.sum(table.net_pnl),
            func.sum(table.fees), func.sum(table.quantity * table.entry),
        )  # fmt: skip
        query = select(label, *sums).where(*_narrowed(which)).group_by(label)
        with self._access.reading() as session:
            found = [TradeSum(str(row[0]), *row[1:]) for row in session.execute(query)]
        return sorted(found, key=lambda each: each.key)

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


def _narrowed(which: ReportedFilter) -> list[ColumnElement[bool]]:
    table = TradeTable
    wanted: list[ColumnElement[bool]] = []
    for name in ("source", "symbol", "strategy"):
        if getattr(which, name) is not None:
            wanted.append(getattr(table, name) == getattr(which, name))
    for column, since, before in (
        (table.opened_at, which.opened_since, which.opened_before),
        (table.closed_at, which.closed_since, which.closed_before),
    ):
        wanted += [column >= since] if since is not None else []
        wanted += [column < before] if before is not None else []
    if which.won is not None:
        wanted.append(table.net_pnl > 0 if which.won else table.net_pnl <= 0)
    return wanted


def _seconds(instant: Any) -> ColumnElement[int]:
    """Return whole seconds since 1970, UTC: days and hours are the same arithmetic on every database."""
    return cast(func.floor(extract("epoch", instant)), BigInteger)


def _added(left: TradeSum, right: TradeSum) -> TradeSum:
    return TradeSum(
        left.key, left.trades + right.trades, left.won + right.won, left.net_pnl + right.net_pnl,
        left.fees + right.fees, left.volume + right.volume,
    )  # fmt: skip


def _trade(row: TradeTable) -> Trade:
    return Trade(*(getattr(row, name) for name in _FIELDS))


def _event(row: BreakerEventTable) -> BreakerEvent:
    return BreakerEvent(row.time, row.breaker, row.tripped, row.mode, row.value, row.limit_value, row.sentence, row.by)
