"""Reads chosen columns of a parquet or CSV file of unknown making, or refuses it in one line."""

from __future__ import annotations

import csv
import io
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import polars as pl

from huracan.errors import DataError

__all__ = ["Choose", "read_table", "shown"]

SEPARATORS = ",;\t|"
PARQUET_MARK = b"PAR1"

Choose = Callable[[Sequence[str]], Mapping[str, str]]
"""Says which of a file's column names is which wanted column; raises ValueError where one is missing."""


def read_table(path: Path, choose: Choose) -> pl.DataFrame:
    """Return the wanted columns by their wanted names, as the file types them (CSV: text).

    Raises DataError where the file cannot be opened, ValueError with half a sentence for what is in it.
    """
    raw = _read_bytes(path)
    return _parquet_table(raw, choose) if path.suffix == ".parquet" else _csv_table(raw, choose)


def shown(table: pl.DataFrame, row: int, column: str = "timestamp") -> str:
    """Return a value as a message may show it."""
    value = table[column][row]
    return "nothing" if value is None else ascii(value if not isinstance(value, str) else value[:40])


def _read_bytes(path: Path) -> bytes:
    """Read a plain file; a symbolic link is not followed, whatever happened since the folder was listed."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise DataError(path.name, "is not a plain file")
            return file.read()
    except OSError as error:
        raise DataError(path.name, f"cannot be read: {error.strerror}") from None


def _parquet_table(raw: bytes, choose: Choose) -> pl.DataFrame:
    if not raw:
        raise ValueError("is empty: it has no bytes")
    if len(raw) < 12 or not raw.startswith(PARQUET_MARK) or not raw.endswith(PARQUET_MARK):
        raise ValueError("is no complete parquet file; it may have been cut off while it was copied")
    try:
        columns = choose(list(pl.read_parquet_schema(io.BytesIO(raw))))
        table = pl.read_parquet(io.BytesIO(raw), columns=list(columns.values()), use_pyarrow=False)
        return table.select(pl.col(name).alias(column) for column, name in columns.items())
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, MemoryError) as error:
        raise ValueError(f"is a damaged parquet file ({type(error).__name__})") from None


def _csv_table(raw: bytes, choose: Choose) -> pl.DataFrame:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"is not UTF-8 text (byte {error.start})") from None
    if "\0" in text:
        raise ValueError("is not text: it holds NUL bytes")
    head, _, body = text.lstrip("\r\n").partition("\n")
    if not head.strip():
        raise ValueError("is empty: it holds no text")
    separator = max(SEPARATORS, key=head.count)
    try:
        names = next(csv.reader([head.rstrip("\r")], delimiter=separator))
        columns = choose(names)
        table = _csv_rows(body.strip("\r\n"), separator, len(names))
    except csv.Error:
        raise ValueError("has a first line that cannot be read as a header") from None
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        raise ValueError(
            "has lines with more fields than its header or broken quotes; decimal commas are not understood"
        ) from None
    positions = {column: names.index(name) for column, name in columns.items()}
    return table.select(pl.col(f"c{position}").alias(column) for column, position in positions.items())


def _csv_rows(body: str, separator: str, width: int) -> pl.DataFrame:
    schema = {f"c{index}": pl.String for index in range(width)}
    if not body.strip():
        return pl.DataFrame(schema=schema)
    table = pl.read_csv(io.BytesIO(body.encode()), has_header=False, separator=separator, schema=schema)
    return table.filter(~pl.all_horizontal(pl.all().is_null()))
