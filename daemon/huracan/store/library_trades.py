"""Simulated trades: streamed in pages, and grouped by the database the ways that reports ask for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import JSON, ColumnElement, Integer, Select, Text, case, cast, func, select, text, tuple_
from sqlalchemy.orm import Session

from huracan.store.access import Access
from huracan.store.library_access import Rows
from huracan.store.library_rows import SimulatedTrade, TradeFilter, TradeGroup, TradeStep
from huracan.store.library_tables import TradeMemoryTable

__all__ = ["SimulatedTrades"]

PAGE = 10_000
"""Trades that are read at once: what is in memory does not grow with what is stored."""

HOUR_MS = 3_600_000
SCORE_BUCKETS = 20

_ALL = TradeFilter()
_T = TradeMemoryTable.__table__.c


class SimulatedTrades:
    """Trades of ``trade_memory``. Each page and each answer is a transaction of its own; nothing is held open."""

    columns: tuple[str, ...]
    """Names of the values in the tuples of :meth:`pages`: the fields of SimulatedTrade, in their order."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._rows = Rows(TradeMemoryTable, SimulatedTrade)
        self.columns = self._rows.names

    def count(self, which: TradeFilter = _ALL) -> int:
        """Return how many trades there are."""
        with self._access.reading() as session:
            return session.scalar(_narrow(select(func.count(_T.number)), which)) or 0

    def pages(self, which: TradeFilter = _ALL, size: int = PAGE) -> Iterator[Sequence[tuple[Any, ...]]]:
        """Yield trades as plain tuples of :attr:`columns`, a page at a time, ordered by model and number.

        Memory is bound by ``size``. Pages are found by the key of the row before, not by counting: the last is as fast
        as the first, and what a night adds meanwhile breaks nothing.
        """
        return self._pages(self._rows.columns, which, size)

    def text_pages(self, which: TradeFilter = _ALL, size: int = PAGE) -> Iterator[Sequence[Sequence[Any]]]:
        """Yield the same with JSON columns as text, several times as fast: for whoever hands them on unread."""
        columns = [cast(each, Text) if isinstance(each.type, JSON) else each for each in self._rows.columns]
        return self._pages(columns, which, size)

    def _pages(self, columns: Sequence[Any], which: TradeFilter, size: int) -> Iterator[Sequence[tuple[Any, ...]]]:
        key = tuple_(_T.model_id, _T.number)
        query = _narrow(select(*columns), which).order_by(_T.model_id, _T.number).limit(size)
        last: tuple[str, int] | None = None
        while True:
            page_query = query if last is None else query.where(key > tuple_(*last))
            with self._access.reading() as session:
                page = self._rows.tuples(session, page_query)
            if page:
                yield page
            if len(page) < size:
                return
            last = (page[-1][0], page[-1][1])

    def iterate(self, which: TradeFilter = _ALL, size: int = PAGE) -> Iterator[SimulatedTrade]:
        """Yield trades ordered by model and number, in bounded memory."""
        for page in self.pages(which, size):
            for row in page:
                yield SimulatedTrade(*row)

    def steps(self, size: int = PAGE, model_id: str | None = None) -> Iterator[TradeStep]:
        """Yield the life of every trade (of one model): decision, entry, exit; ordered by model and number."""
        columns = "model_id, number, symbol, step, time_ms, value, detail"
        after = "WHERE (model_id, number) > (:model, :number)" + (" AND model_id = :only" if model_id else "")
        order = "ORDER BY model_id, number, place LIMIT :size"
        last: dict[str, Any] = {"model": "", "number": 0, "only": model_id}
        while True:
            query = text(f"SELECT {columns} FROM observability_trades {after} {order}")
            with self._access.reading() as session:
                page = [TradeStep(*row) for row in session.execute(query, {**last, "size": size * 3})]
            yield from page
            if len(page) < size * 3:
                return
            last |= {"model": page[-1].model_id, "number": page[-1].number}

    def newest(self, limit: int, which: TradeFilter = _ALL) -> list[SimulatedTrade]:
        """Return the trades that were entered last, newest first."""
        order = (_T.entered_ms.desc(), _T.model_id, _T.number.desc())
        with self._access.reading() as session:
            query = _narrow(select(*self._rows.columns), which).order_by(*order).limit(limit)
            return [SimulatedTrade(*row) for row in session.execute(query)]

    def extremes(self, limit: int, which: TradeFilter = _ALL, *, worst: bool = False) -> list[SimulatedTrade]:
        """Return the trades that earned most after costs, or with ``worst`` least, best (worst) first."""
        order = _T.net_bps if worst else _T.net_bps.desc()
        with self._access.reading() as session:
            query = _narrow(select(*self._rows.columns), which).order_by(order, _T.model_id, _T.number).limit(limit)
            return [SimulatedTrade(*row) for row in session.execute(query)]

    def total(self, which: TradeFilter = _ALL) -> TradeGroup | None:
        """Return all trades as one group with the key ``all``; None where there is none."""
        with self._access.reading() as session:
            row = session.execute(_narrow(select(*_measures()), which)).one()
            return TradeGroup("all", *row) if row[0] else None

    def by_symbol(self, which: TradeFilter = _ALL) -> list[TradeGroup]:
        """Return a group for each symbol."""
        return self._grouped(_T.symbol, which)

    def by_model(self, which: TradeFilter = _ALL) -> list[TradeGroup]:
        """Return a group for each model, by its id."""
        return self._grouped(_T.model_id, which)

    def by_run_date(self, which: TradeFilter = _ALL) -> list[TradeGroup]:
        """Return a group for each night, ``2023-12-30``."""
        return self._grouped(_T.run_date, which)

    def by_day(self, which: TradeFilter = _ALL) -> list[TradeGroup]:
        """Return a group for each UTC day on which trades ended, ``2023-12-30``."""
        from datetime import date, timedelta

        found = self._grouped(_T.exited_ms // (24 * HOUR_MS), which)
        start = date(1970, 1, 1)
        return [_renamed(each, (start + timedelta(days=int(each.key))).isoformat()) for each in found]

    def by_month(self, which: TradeFilter = _ALL) -> list[TradeGroup]:
        """Return a group for each UTC month in which trades ended, ``2023-12``."""
        merged: dict[str, list[TradeGroup]] = {}
        for each in self.by_day(which):
            merged.setdefault(each.key[:7], []).append(each)
        return [_joined(month, days) for month, days in merged.items()]

    def by_hour(self, which: TradeFilter = _ALL) -> list[TradeGroup]:
        """Return a group for each UTC hour of entry, ``00`` to ``23``."""
        return self._numbered(_T.entered_ms // HOUR_MS % 24, which, "{:02d}")

    def by_weekday(self, which: TradeFilter = _ALL) -> list[TradeGroup]:
        """Return a group for each UTC weekday of entry, ``1`` (Monday) to ``7``."""
        return self._numbered((_T.entered_ms // (24 * HOUR_MS) + 3) % 7 + 1, which, "{:d}")

    def by_regime(self, which: TradeFilter = _ALL) -> list[TradeGroup]:
        """Return a group for each pair of regimes at entry, as ``TREND/low``."""
        return self._grouped(_T.market_regime + "/" + _T.volatility_regime, which)

    def by_trend(self, which: TradeFilter = _ALL) -> list[TradeGroup]:
        """Return a group for each trend at entry: rising, sideways, falling."""
        return self._grouped(_T.trend, which)

    def by_exit_reason(self, which: TradeFilter = _ALL) -> list[TradeGroup]:
        """Return a group for each reason of exit: horizon, take-profit, stop-loss."""
        return self._grouped(_T.exit_reason, which)

    def by_fold(self, which: TradeFilter = _ALL) -> list[TradeGroup]:
        """Return a group for each fold, by its number."""
        return self._numbered(_T.fold, which, "{:d}")

    def by_score_bucket(self, which: TradeFilter = _ALL) -> list[TradeGroup]:
        """Return a group for each twentieth of the score, by its lower edge: ``0.55`` holds 0.55 up to 0.60."""
        found = self._numbered(cast(func.floor(_T.score * SCORE_BUCKETS), Integer), which, "{:d}")
        return [_renamed(each, f"{int(each.key) / SCORE_BUCKETS:.2f}") for each in found]

    def _numbered(self, key: Any, which: TradeFilter, form: str) -> list[TradeGroup]:
        found = sorted(self._grouped(key, which), key=lambda each: int(each.key))
        return [_renamed(each, form.format(int(each.key))) for each in found]

    def _grouped(self, key: Any, which: TradeFilter) -> list[TradeGroup]:
        label = key.label("key")
        query = _narrow(select(label, *_measures()), which).group_by(label).order_by(label)
        with self._access.reading() as session:
            return [TradeGroup(str(row[0]), *row[1:]) for row in session.execute(query)]

    def delete(self, session: Session, model_ids: Sequence[str]) -> None:
        self._rows.delete(session, _T.model_id.in_(model_ids))

    def insert(self, session: Session, trades: Sequence[SimulatedTrade]) -> None:
        self._rows.load(session, trades)


def _narrow(query: Select[Any], which: TradeFilter) -> Select[Any]:
    wanted: list[ColumnElement[bool]] = []
    if which.symbol is not None:
        wanted.append(_T.symbol == which.symbol)
    if which.model_id is not None:
        wanted.append(_T.model_id == which.model_id)
    if which.models is not None:
        wanted.append(_T.model_id.in_(which.models))
    if which.run_date is not None:
        wanted.append(_T.run_date == which.run_date)
    if which.since is not None:
        wanted.append(_T.entered_ms >= round(which.since.timestamp() * 1000))
    if which.until is not None:
        wanted.append(_T.entered_ms < round(which.until.timestamp() * 1000))
    if which.won is not None:
        wanted.append(_T.won.is_(which.won))
    return query.where(*wanted)


def _measures() -> list[ColumnElement[Any]]:
    return [
        func.count(), func.sum(case((_T.won, 1), else_=0)), func.avg(_T.gross_bps), func.avg(_T.cost_bps),
        func.avg(_T.net_bps), func.sum(_T.stake * _T.net_bps), func.avg(_T.mae_bps), func.avg(_T.mfe_bps),
        cast(func.avg(_T.bars_held), _T.stake.type),
    ]  # fmt: skip


def _renamed(group: TradeGroup, key: str) -> TradeGroup:
    from dataclasses import replace

    return replace(group, key=key)


def _joined(key: str, groups: Sequence[TradeGroup]) -> TradeGroup:
    trades = sum(each.trades for each in groups)

    def mean(name: str) -> float:
        return float(sum(getattr(each, name) * each.trades for each in groups)) / trades

    return TradeGroup(
        key, trades, sum(each.won for each in groups), mean("gross_bps"), mean("cost_bps"), mean("net_bps"),
        sum(each.equity_bps for each in groups), mean("mae_bps"), mean("mfe_bps"), mean("bars_held"),
    )  # fmt: skip
