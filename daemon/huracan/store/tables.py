"""The tables, as SQLAlchemy 2 typed models. They stay inside this package; others see the dataclasses of ``rows``."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Double,
    Index,
    MetaData,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

__all__ = [
    "AlertChannelTable",
    "AuditTable",
    "Base",
    "BreakerEventTable",
    "DailyPerformanceTable",
    "EventTable",
    "HealthTable",
    "ItemTable",
    "JobTable",
    "OutboxTable",
    "RemoteCopyTable",
    "RunTable",
    "SignalTable",
    "TradeTable",
    "UniverseDecisionTable",
    "UniverseSelectionTable",
]


class Instant(TypeDecorator[datetime]):
    """An aware instant, kept in UTC on every database; a naive one is a bug of the caller."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        instant = value.astimezone(UTC)
        return instant.replace(tzinfo=None) if dialect.name == "sqlite" else instant

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Words(TypeDecorator[str]):
    """Text of any length and origin: what a database refuses (NUL, halves of surrogate pairs) is kept as an escape."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: Instant,
        str: Words,
        float: Double,
        dict[str, Any]: JSON,
        list[Any]: JSON,
    }


class RunTable(Base):
    __tablename__ = "runs"
    __table_args__ = (UniqueConstraint("pipeline", "run_date", "generation"),)

    run_id: Mapped[str] = mapped_column(primary_key=True)
    pipeline: Mapped[str]
    run_date: Mapped[date] = mapped_column(index=True)
    generation: Mapped[int]
    as_of: Mapped[datetime]
    state: Mapped[str]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    summary: Mapped[str] = mapped_column(default="")


class JobTable(Base):
    __tablename__ = "job_runs"

    job: Mapped[str] = mapped_column(primary_key=True)
    run_date: Mapped[date] = mapped_column(primary_key=True)
    run_id: Mapped[str]
    state: Mapped[str]
    attempts: Mapped[int]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    seconds: Mapped[float | None]
    exit_code: Mapped[int | None]
    summary: Mapped[str] = mapped_column(default="")
    error: Mapped[str] = mapped_column(default="")


class ItemTable(Base):
    __tablename__ = "run_items"

    job: Mapped[str] = mapped_column(primary_key=True)
    run_date: Mapped[date] = mapped_column(primary_key=True)
    item: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    attempts: Mapped[int]
    seconds: Mapped[float | None]
    path: Mapped[str | None]
    error: Mapped[str | None]
    metrics: Mapped[dict[str, Any]]


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


class RemoteCopyTable(Base):
    __tablename__ = "remote_copies"

    remote: Mapped[str] = mapped_column(primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    remote_path: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    modified_ns: Mapped[int] = mapped_column(BigInteger)
    content_hash: Mapped[str | None]
    revision: Mapped[str | None]
    copied_at: Mapped[datetime]


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


class EventTable(Base):
    __tablename__ = "events"
    __table_args__ = (Index("ix_events_severity_id", "severity", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    time: Mapped[datetime]
    kind: Mapped[str]
    severity: Mapped[int]
    title: Mapped[str]
    fields: Mapped[dict[str, Any]]
    run_id: Mapped[str | None]
    job: Mapped[str | None]
    symbol: Mapped[str | None]


class OutboxTable(Base):
    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_channel_state_id", "channel", "state", "id"),
        Index("ix_outbox_channel_group_key", "channel", "group_key"),
        Index("ix_outbox_channel_settled_at", "channel", "settled_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    event_id: Mapped[int]
    channel: Mapped[str]
    state: Mapped[str]
    severity: Mapped[int]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    group_key: Mapped[str | None]
    same_key: Mapped[str]
    message_key: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(default=0)
    repeated: Mapped[bool] = mapped_column(default=False)
    tried_at: Mapped[datetime | None]
    next_try_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]
    receipt: Mapped[str | None]
    error: Mapped[str] = mapped_column(default="")


class AlertChannelTable(Base):
    __tablename__ = "alert_channels"

    channel: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    failing_since: Mapped[datetime | None]
    told_at: Mapped[datetime | None]
    next_try_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    error: Mapped[str] = mapped_column(default="")


class AuditTable(Base):
    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    time: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[str]
    via: Mapped[str]
    action: Mapped[str]
    arguments: Mapped[dict[str, Any]]
    outcome: Mapped[str]


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
