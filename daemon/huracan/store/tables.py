"""The tables that every process needs, as SQLAlchemy 2 typed models, and what all tables are made of.

They stay inside this package; others see the dataclasses of ``rows``. A table that few need is mapped beside what asks
it, when that is asked for first: mapping all of them was a sixth of the start of each process.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    DateTime,
    Dialect,
    Double,
    Index,
    MetaData,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

__all__ = [
    "AlertChannelTable",
    "Base",
    "EventTable",
    "ItemTable",
    "JobTable",
    "OutboxTable",
    "RunTable",
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
