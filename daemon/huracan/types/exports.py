"""Exports: files made for people and other programs, with the columns of tables declared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars

    from huracan.context import Context

__all__ = ["Column", "ColumnKind", "Export", "ExportScope", "FileExport", "TableExport"]


class ColumnKind(StrEnum):
    """What the cells of a column are; every one may be empty."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    TRUTH = "truth"
    DATE = "date"
    INSTANT = "instant"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: ``unit`` is what its numbers count (``quote``, ``bps``, ``fraction``), empty for none."""

    name: str
    kind: ColumnKind
    meaning: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class ExportScope:
    """What an export is asked for: the run dates from ``first`` to ``last``, both included.

    In the night both are the run date. ``part`` is one of the parts that an export named with ``*`` offered.
    """

    first: date
    last: date
    part: str = ""

    def run_dates(self) -> Iterator[date]:
        """Yield each run date of it, oldest first."""
        for number in range((self.last - self.first).days + 1):
            yield self.first + timedelta(days=number)


@dataclass(frozen=True, slots=True)
class Export:
    """What every export has; give a TableExport or a FileExport.

    A ``name`` with ``*`` (``learning_*``) makes a file for each part that ``parts`` returns for a scope. ``version``
    grows with each change that a reader of the files has to know. ``lacks`` says in a line what is no longer known of a
    scope ("trades of 3 models are no longer kept"), empty where all is: the line goes into the index, and files that
    were written when more was known stay.
    """

    name: str
    description: str
    version: int = field(default=1, kw_only=True)
    parts: Callable[[Context, ExportScope], Iterable[str]] | None = field(default=None, kw_only=True)
    lacks: Callable[[Context, ExportScope], str] | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class TableExport(Export):
    """A table, written in the formats that settings choose.

    ``batches`` yields its rows in portions, each a polars frame or a sequence of rows in the order of ``columns``; no
    portion should hold more than some ten thousand. None and what is no finite number become empty cells. In rows an
    instant is an aware datetime or whole milliseconds since 1970 (all cells of a portion alike), and a cell of a JSON
    column any value that JSON has; in frames it is JSON text.
    """

    columns: tuple[Column, ...]
    batches: Callable[[Context, ExportScope], Iterable[polars.DataFrame | Sequence[Sequence[Any]]]]


@dataclass(frozen=True, slots=True)
class FileExport(Export):
    """A file in a form of its own: ``write`` fills the path that it is given and returns the number of rows in it."""

    suffix: str
    write: Callable[[Context, Path, ExportScope], int]
