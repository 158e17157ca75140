"""Tables as files that spreadsheets and programs read, written in portions: memory does not grow with the rows.

CSV is RFC 4180: lines end with CR LF, quotes are doubled, UTF-8 without a mark. Text that a spreadsheet would run gets
an apostrophe before it, and so does text that begins with one: who reads back takes the first apostrophe away.
"""

from __future__ import annotations

import io
import json
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from huracan.errors import PluginError
from huracan.types import Column, ColumnKind

if TYPE_CHECKING:
    import polars as pl

__all__ = ["FORMATS", "TableFormat", "Tick", "json_text", "stream_table", "unmarked", "write_table"]

TableFormat = str
FORMATS: tuple[TableFormat, ...] = ("csv", "json", "jsonl", "parquet")
Tick = Callable[[int], None]
"""Told after each portion how many rows are written by now."""

AT_ONCE = 20_000
"""Rows that are turned into text, or into a row group of Parquet, at a time."""
_MARKED = re.compile(r"[=+\-@\t\r\n'\uff1d\uff0b\uff0d\uff20]")
"""How text begins that spreadsheets may run (OWASP, CSV injection), and the mark itself."""
_HALF = re.compile("[\ud800-\udfff]")
_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999
"""The years that everybody reads, 1 to 9999."""
_INSTANT = "%Y-%m-%dT%H:%M:%S%.fZ"


def write_table(
    path: Path, form: TableFormat, columns: Sequence[Column], batches: Iterable[Any], tick: Tick | None = None
) -> int:
    """Write a table into ``path`` and return its rows. Raises PluginError for rows that are not as declared."""
    if form == "parquet":
        return _write_parquet(path, columns, batches, tick)
    with path.open("wb") as file:
        return stream_table(file, form, columns, batches, tick)


def stream_table(
    file: BinaryIO, form: TableFormat, columns: Sequence[Column], batches: Iterable[Any], tick: Tick | None = None
) -> int:
    """Write a table to an open file, that need not be seekable; ``form`` is any but Parquet. Return its rows."""
    begin, write, end = {"csv": _csv, "json": _json, "jsonl": _json_lines}[form](file, columns)
    begin()
    rows = 0
    for frame in _frames(columns, batches):
        write(frame, rows == 0)
        rows += frame.height
        if tick:
            tick(rows)
    end()
    return rows


# ---------------------------------------------------------------------------------------------------------------- CSV


def unmarked(cell: str) -> str:
    """Return the text that a text cell of our CSV stands for."""
    return cell.removeprefix("'")


_Writer = tuple[Callable[[], None], Callable[["pl.DataFrame", bool], None], Callable[[], None]]


def _csv(file: BinaryIO, columns: Sequence[Column]) -> _Writer:
    import polars as pl

    text = [pl.col(each.name) for each in columns if each.kind is ColumnKind.TEXT]
    marks = [pl.when(each.str.contains(f"^{_MARKED.pattern}")).then("'" + each).otherwise(each) for each in text]
    marks = [expression.name.keep() for expression in marks]

    # A line without anything in it would be read as no row.
    nothing = '""' if len(columns) == 1 else ""

    def begin() -> None:
        file.write(",".join(each.name for each in columns).encode() + b"\r\n")

    def write(frame: pl.DataFrame, first: bool) -> None:  # noqa: ARG001 - as the other forms
        shown = frame.with_columns(marks)
        # Not into the file itself: what polars raises of a full disk or a closed pipe has lost its number.
        buffer = io.BytesIO()
        shown.write_csv(
            buffer, include_header=False, line_terminator="\r\n", datetime_format=_INSTANT, null_value=nothing
        )
        file.write(buffer.getbuffer())

    return begin, write, lambda: None


# --------------------------------------------------------------------------------------------------------------- JSON


def _json_lines(file: BinaryIO, columns: Sequence[Column]) -> _Writer:
    def write(frame: pl.DataFrame, first: bool) -> None:  # noqa: ARG001 - as the other forms
        file.write(_lines(frame, columns))
        file.write(b"\n")

    return (lambda: None), write, lambda: None


def _json(file: BinaryIO, columns: Sequence[Column]) -> _Writer:
    """One object, that names its columns even where there are no rows."""
    about = [{"name": each.name, "kind": each.kind.value, "unit": each.unit} for each in columns]

    def write(frame: pl.DataFrame, first: bool) -> None:
        file.write(b"\n" if first else b",\n")
        file.write(_lines(frame, columns).replace(b"\n", b",\n"))

    def begin() -> None:
        file.write(b'{"schema":1,"columns":' + json.dumps(about).encode() + b',\n"rows":[')

    def end() -> None:
        file.write(b"\n]}\n")

    return begin, write, end


def _lines(frame: pl.DataFrame, columns: Sequence[Column]) -> bytes:
    """Return a JSON object per row, a line each; what is JSON already goes in as it is."""
    import polars as pl

    ready = [each.name for each in columns if each.kind is ColumnKind.JSON]
    plain = frame.drop(ready).with_columns(pl.col(pl.Datetime).dt.strftime(_INSTANT))
    if not ready:
        buffer = io.BytesIO()
        plain.write_ndjson(buffer)
        return buffer.getvalue().removesuffix(b"\n")
    parts: list[Any] = []
    if plain.width:
        parts.append(pl.struct(plain.columns).struct.json_encode().str.head(-1))
    for number, name in enumerate(ready):
        _check_json(frame[name])
        opening = "," if plain.width or number else "{"
        # Who prints JSON nicely breaks lines between its tokens, and a row is a line here; in text they are escaped.
        value = pl.col(name).str.replace_all(r"[\r\n]", " ").fill_null("null")
        parts += [pl.lit(f"{opening}{json.dumps(name)}:"), value]
    whole = plain.with_columns(frame.select(ready)).select(pl.concat_str(*parts, pl.lit("}")).str.join("\n"))
    return str(whole.item()).encode()


def _check_json(texts: pl.Series) -> None:
    """Look whether each text is one JSON value: those of a frame are a plugin's, or a database's, own."""
    from pydantic_core import from_json

    known = texts.drop_nulls()
    try:
        values = from_json(f"[{','.join(known)}]", allow_inf_nan=False)
    except ValueError as error:
        raise PluginError(f"column {texts.name} holds what is no JSON: {error}") from None
    if len(values) != len(known):
        raise PluginError(f"column {texts.name} holds what is not one JSON value a cell")


# ------------------------------------------------------------------------------------------------------------ Parquet


def _write_parquet(path: Path, columns: Sequence[Column], batches: Iterable[Any], tick: Tick | None) -> int:
    """Write each portion to a file of its own beside ``path``, then stream them into one.

    polars appends to no Parquet file, and reads no generator without a part of it that is called unstable.
    """
    import polars as pl

    rows = 0
    with _numbered_errors(path), ExitStack() as leftovers:
        parts: list[Path] = []
        for frame in _frames(columns, batches, at_least_one=True):
            part = path.with_name(f".{path.name.strip('.')}.{len(parts):06}.tmp")
            leftovers.callback(part.unlink, missing_ok=True)
            frame.write_parquet(part, compression="zstd", row_group_size=AT_ONCE)
            parts.append(part)
            rows += frame.height
            if tick:
                tick(rows)
        scanned = pl.scan_parquet(parts, low_memory=True, glob=False)
        scanned.sink_parquet(path, compression="zstd", row_group_size=AT_ONCE, maintain_order=True, engine="streaming")
    return rows


@contextmanager
def _numbered_errors(path: Path) -> Iterator[None]:
    """Give errors of the system that polars raises their number back: others look at it."""
    import polars as pl

    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as error:
        number = re.search(r"\(os error (\d+)\)", str(error))
        if number is None or getattr(error, "errno", None):
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from None


# ------------------------------------------------------------------------------------------------------------- frames


def _frames(columns: Sequence[Column], batches: Iterable[Any], *, at_least_one: bool = False) -> Iterator[pl.DataFrame]:
    """Yield the rows as frames of the declared types, none of them empty or larger than ``AT_ONCE``."""
    import polars as pl

    schema = _schema(columns)
    one = False
    for batch in batches:
        is_frame = isinstance(batch, pl.DataFrame)
        for start in range(0, len(batch), AT_ONCE):
            some = batch[start : start + AT_ONCE]
            yield _finite(_checked(some, schema) if is_frame else _from_rows(some, columns, schema))
            one = True
    if at_least_one and not one:
        yield pl.DataFrame(schema=schema)


def _schema(columns: Sequence[Column]) -> dict[str, Any]:
    import polars as pl

    kinds: Mapping[ColumnKind, Any] = {
        ColumnKind.TEXT: pl.String,
        ColumnKind.INTEGER: pl.Int64,
        ColumnKind.NUMBER: pl.Float64,
        ColumnKind.TRUTH: pl.Boolean,
        ColumnKind.DATE: pl.Date,
        ColumnKind.INSTANT: pl.Datetime("us", "UTC"),
        ColumnKind.JSON: pl.String,
    }
    return {each.name: kinds[each.kind] for each in columns}


def _finite(frame: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    numbers = pl.col(pl.Float64)
    return frame.with_columns(pl.when(numbers.is_finite()).then(numbers).name.keep())


def _checked(frame: pl.DataFrame, schema: Mapping[str, Any]) -> pl.DataFrame:
    import polars as pl

    if frame.columns != list(schema):
        raise PluginError(f"a portion has the columns {frame.columns}, declared are {list(schema)}")
    try:
        return frame.cast(pl.Schema(schema))
    except pl.exceptions.PolarsError as error:
        raise PluginError(f"a portion is not of the declared types: {str(error).splitlines()[0]}") from None


def _from_rows(rows: Sequence[Sequence[Any]], columns: Sequence[Column], schema: Mapping[str, Any]) -> pl.DataFrame:
    import polars as pl

    try:
        cells = list(zip(*rows, strict=True))
    except ValueError:
        cells = []
    if len(cells) != len(columns):
        raise PluginError(
            f"rows of {len(rows[0])} cells, or not all of one length; {len(columns)} columns are declared"
        )
    frame = {}
    for column, values in zip(columns, cells, strict=True):
        try:
            series = _series(column, values, schema[column.name])
            frame[column.name] = series
            if series.dtype != schema[column.name]:
                raise TypeError(f"values of type {series.dtype}")
        except (AttributeError, TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as error:
            why = (str(error).splitlines() or [type(error).__name__])[0]
            raise PluginError(f"column {column.name} holds what is not {column.kind.value}: {why}") from None
    return pl.DataFrame(frame)


def _series(column: Column, values: Sequence[Any], dtype: Any) -> pl.Series:
    import polars as pl

    if column.kind is ColumnKind.INSTANT and any(isinstance(value, int) for value in values):
        far = next((value for value in values if isinstance(value, int) and not _FIRST_MS <= value <= _LAST_MS), None)
        if far is not None:  # polars does not raise, it panics
            raise ValueError(f"{far} ms since 1970 is in no year from 1 to 9999")
        since_1970 = pl.Series(column.name, values, dtype=pl.Int64, strict=True)
        return since_1970.cast(pl.Datetime("ms", "UTC")).cast(dtype)
    return pl.Series(column.name, _readied(column.kind, values), dtype=dtype, strict=True)


def _readied(kind: ColumnKind, values: Sequence[Any]) -> Sequence[Any]:
    """Return values as polars takes them quickly and strictly."""
    if kind is ColumnKind.JSON:
        return [None if value is None else json_text(value) for value in values]
    if kind is ColumnKind.NUMBER:
        return [None if value is None else float(value) for value in values]
    if kind is ColumnKind.TEXT and not all(value is None or value.isascii() for value in values):
        # Halves of surrogate pairs stand in no UTF-8; they are kept as an escape, as the store keeps them.
        return [value and value.encode("utf-8", "backslashreplace").decode() for value in values]
    if kind is ColumnKind.INSTANT and any(value is not None and value.tzinfo is None for value in values):
        raise ValueError("an instant without a time zone")
    return values


def json_text(value: Any) -> str:
    """Return a value as JSON in one line with sorted keys; what is no finite number becomes null."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    except ValueError:
        text = json.dumps(_without_nan(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return _HALF.sub(lambda found: f"\\\\u{ord(found[0]):04x}", text)


def _without_nan(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _without_nan(each) for key, each in value.items()}
    return [_without_nan(each) for each in value] if isinstance(value, list | tuple) else value
