"""Exports of past nights: a table, and a text file with a sentence for each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from huracan.context import Context
from huracan.types import Column, ColumnKind, ExportScope

from huracan_stranger.nights import Night, past_nights

__all__ = ["COLUMNS", "night_rows", "write_sentences"]

COLUMNS = (
    Column("run_date", ColumnKind.DATE, "day of the night"),
    Column("state", ColumnKind.TEXT, "how it ended"),
    Column("minutes", ColumnKind.NUMBER, "how long it took", "minutes"),
)
MOST = 10_000


def night_rows(context: Context, scope: ExportScope) -> Iterator[list[tuple[date, str, float]]]:
    """Yield the nights of the days that are asked for, the oldest first."""
    yield [(night.run_date, night.state, round(night.minutes, 1)) for night in _nights(context, scope)]


def write_sentences(context: Context, path: Path, scope: ExportScope) -> int:
    """Write a line for each night of the days that are asked for, and return how many there are."""
    nights = _nights(context, scope)
    path.write_text("".join(f"{night.sentence}\n" for night in nights), "utf-8")
    return len(nights)


def _nights(context: Context, scope: ExportScope) -> list[Night]:
    return past_nights(context, first=scope.first, last=scope.last, most=MOST)[::-1]
