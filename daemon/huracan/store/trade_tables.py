"""The tables of what was traded and wanted; ``rows`` and ``trade_rows`` say what their columns mean."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from huracan.store.tables import Base

__all__ = ["BreakerEventTable", "DailyPerformanceTable", "SignalTable", "TradeTable"]


class TradeTable(Base):
    __tablename__ = "trades"
    __table_args__ = (Index("ix_trades_source_closed_at", "source", "closed_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    symbol: Mapped[str]
    side: Mapped[str]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime]
    quantity: Mapped[float]
    entry: Mapped[float]
    exit: Mapped[float]
    fees: Mapped[float]
    net_pnl: Mapped[float]
    equity_after: Mapped[float]
    source: Mapped[str]
    recorded_at: Mapped[datetime]
    strategy: Mapped[str] = mapped_column(default="", server_default=text("''"))


class DailyPerformanceTable(Base):
    __tablename__ = "daily_performance"

    day: Mapped[date] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)
    trades: Mapped[int]
    won: Mapped[int]
    net_pnl: Mapped[float]
    fees: Mapped[float]
    volume: Mapped[float]
    equity: Mapped[float]
    max_drawdown: Mapped[float]


class SignalTable(Base):
    __tablename__ = "signals"
    __table_args__ = (Index("ix_signals_symbol_time", "symbol", "time"), Index("ix_signals_time", "time"))

    id: Mapped[str] = mapped_column(primary_key=True)
    time: Mapped[datetime]
    symbol: Mapped[str]
    strategy: Mapped[str]
    source: Mapped[str]
    action: Mapped[str]
    score: Mapped[float | None]
    threshold: Mapped[float | None]
    price: Mapped[float | None]
    run_id: Mapped[str | None]


class BreakerEventTable(Base):
    __tablename__ = "breaker_events"
    __table_args__ = (Index("ix_breaker_events_breaker_id", "breaker", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    time: Mapped[datetime]
    breaker: Mapped[str]
    tripped: Mapped[bool]
    mode: Mapped[str]
    value: Mapped[float | None]
    limit_value: Mapped[float | None]
    sentence: Mapped[str]
    by: Mapped[str]
