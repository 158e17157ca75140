"""What an account did day by day: kept in step with the trades that were reported."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from huracan.store.access import Access
from huracan.store.rows import Trade
from huracan.store.trade_rows import DailyPerformance
from huracan.store.trade_tables import DailyPerformanceTable, TradeTable

__all__ = ["DailyPerformances", "day_of", "refresh_days"]

_FIELDS = [each.name for each in fields(DailyPerformance)]
_TRADE = [each.name for each in fields(Trade)]


class DailyPerformances:
    """A row for each UTC day and source on which trades closed. :class:`huracan.store.Trades` writes them."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def between(self, first: date, last: date, source: str | None = None) -> list[DailyPerformance]:
        """Return the days from ``first`` to ``last``, both included, oldest first, by source on each."""
        table = DailyPerformanceTable
        query = select(*(getattr(table, name) for name in _FIELDS)).where(table.day >= first, table.day <= last)
        if source is not None:
            query = query.where(table.source == source)
        with self._access.reading() as session:
            found = [DailyPerformance(*row) for row in session.execute(query)]
        return sorted(found, key=lambda each: (each.day, each.source))


def day_of(trade: Trade) -> date:
    """Return the UTC day to which a trade counts: the one on which it closed."""
    return trade.closed_at.astimezone(UTC).date()


def refresh_days(session: Session, days: Iterable[tuple[date, str]]) -> None:
    """Sum the trades of each (day, source) up again, in the transaction that changed them."""
    table = TradeTable
    for day, source in sorted(days):
        start = datetime.combine(day, time(), UTC)
        query = select(*(getattr(table, name) for name in _TRADE)).where(
            table.source == source, table.closed_at >= start, table.closed_at < start + timedelta(days=1)
        )
        trades = sorted((Trade(*row) for row in session.execute(query)), key=lambda each: (each.closed_at, each.id))
        known = (DailyPerformanceTable.day == day, DailyPerformanceTable.source == source)
        session.execute(delete(DailyPerformanceTable).where(*known))
        session.execute(insert(DailyPerformanceTable), [asdict(_summed(day, source, trades))])


def _summed(day: date, source: str, trades: Sequence[Trade]) -> DailyPerformance:
    """Return the sums of a day's trades, which are in the order of their closing; there is at least one."""
    peak, fall = trades[0].equity_after - trades[0].net_pnl, 0.0
    for each in trades:
        peak = max(peak, each.equity_after)
        fall = max(fall, 1.0 - each.equity_after / peak if peak > 0 else 0.0)
    return DailyPerformance(
        day, source, len(trades), sum(each.net_pnl > 0 for each in trades), sum(each.net_pnl for each in trades),
        sum(each.fees for each in trades), sum(each.quantity * each.entry for each in trades),
        trades[-1].equity_after, fall,
    )  # fmt: skip
