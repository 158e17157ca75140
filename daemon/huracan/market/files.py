"""Candle files: parquet with six columns and a few words about themselves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from huracan.errors import DataError
from huracan.market.candles import COLUMNS, Candles
from huracan.paths import write_atomically

__all__ = ["read_candles", "write_candles"]

_SCHEMA = pl.Schema({"timestamp": pl.Int64, **dict.fromkeys(COLUMNS[1:], pl.Float64)})


def read_candles(path: Path) -> tuple[Candles, dict[str, str]]:
    """Return the candles and the words (``huracan.timeframe`` ...) of a file that :func:`write_candles` wrote.

    Raises DataError where it is missing, damaged, or has other columns.
    """
    try:
        frame = pl.read_parquet(path, use_pyarrow=False)
        words = pl.read_parquet_metadata(path)
    except FileNotFoundError:
        raise DataError(str(path), "is not there") from None
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, MemoryError, ValueError) as error:
        raise DataError(str(path), f"is no readable parquet file ({type(error).__name__})") from None
    if frame.schema != _SCHEMA:
        raise DataError(str(path), f"has columns {_describe(frame.schema)} in place of {_describe(_SCHEMA)}")
    if any(frame[name].null_count() for name in COLUMNS):
        raise DataError(str(path), "has empty cells")
    columns: dict[str, np.ndarray] = {name: frame[name].to_numpy() for name in COLUMNS}
    return Candles.from_columns(columns), {key: value for key, value in words.items() if key.startswith("huracan.")}


def write_candles(path: Path, candles: Candles, words: Mapping[str, str]) -> None:
    """Write candles atomically as zstd parquet; the names of ``words`` begin with ``huracan.``."""
    frame = pl.DataFrame(candles.columns(), schema=_SCHEMA)

    def fill(temporary: Path) -> None:
        frame.write_parquet(temporary, compression="zstd", metadata=dict(words))

    write_atomically(path, fill)


def _describe(schema: pl.Schema) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in schema.items())
