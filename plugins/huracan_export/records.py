"""Exports of what Huracan noted of itself: events, and what health checks said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from huracan.context import Context
from huracan.types import Column, ColumnKind, ExportScope, TableExport
from huracan_export.days import instants

__all__ = ["RECORDS"]

_TEXT = ColumnKind.TEXT

EVENTS = (
    Column("time", ColumnKind.INSTANT, "when it happened"),
    Column("kind", _TEXT, "what kind of event it is"),
    Column("severity", _TEXT, "debug, info, warning or error"),
    Column("title", _TEXT, "what happened, in a line"),
    Column("fields", ColumnKind.JSON, "what else is known of it"),
    Column("run_id", _TEXT, "run in which it happened"),
    Column("job", _TEXT, "job in which it happened"),
    Column("symbol", _TEXT, "pair that it is about"),
)
HEALTH = (
    Column("time", ColumnKind.INSTANT, "when the check was asked"),
    Column("check", _TEXT, "which check"),
    Column("plugin", _TEXT, "plugin that brings it"),
    Column("state", _TEXT, "ok, warning or failed"),
    Column("seconds", ColumnKind.NUMBER, "how long it took", "seconds"),
    Column("detail", _TEXT, "what it said"),
)

Rows = Iterator[Sequence[Sequence[Any]]]


def _events(context: Context, scope: ExportScope) -> Rows:
    day, end = instants(scope)
    while day < end:
        found = context.store.events.between(day, day + timedelta(days=1))
        yield [
            (
                each.time,
                each.kind,
                each.severity.value,
                each.title,
                dict(each.fields),
                each.run_id,
                each.job,
                each.symbol,
            )
            for each in found
        ]
        day += timedelta(days=1)


def _health(context: Context, scope: ExportScope) -> Rows:
    day, end = instants(scope)
    while day < end:
        found = context.store.health.between(day, day + timedelta(days=1))
        yield [(each.time, each.check, each.plugin, each.state.value, each.seconds, each.detail) for each in found]
        day += timedelta(days=1)


RECORDS = (
    TableExport("events", "what happened on the run date, up to the export, and the day before (UTC)", EVENTS, _events),
    TableExport("health_results", "what health checks said on the run date, up to the export, and the day before (UTC)",
                HEALTH, _health),
)  # fmt: skip
