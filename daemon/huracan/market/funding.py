"""Funding of perpetuals: what a position pays or receives at each instant at which it falls due."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from huracan.errors import DataError
from huracan.paths import write_bytes

__all__ = ["Funding", "accrued", "parse_funding", "read_funding", "write_funding"]

_SCHEMA = pl.Schema({"timestamp": pl.Int64, "rate": pl.Float64})


@dataclass(frozen=True, slots=True, eq=False)
class Funding:
    """Instants (int64 ms UTC, rising) and the rate due at each, a fraction of the position: a long pays a rate above 0.

    Intervals may change from 8 h to 4 h or 1 h at any time: only the instants count.
    """

    timestamp: np.ndarray
    rate: np.ndarray


def accrued(funding: Funding, instants: np.ndarray) -> np.ndarray:
    """Return the sum of all rates due up to each instant (ms), shape (instants,).

    A long position that is held from instant a to instant b pays ``accrued(b) - accrued(a)``: one that is opened at the
    open of a bar, just after funding was due, does not pay it; one that is closed there has paid it.
    """
    sums = np.concatenate([[0.0], np.cumsum(funding.rate)])
    result: np.ndarray = sums[np.searchsorted(funding.timestamp, instants, side="right")]
    return result


def read_funding(path: Path) -> Funding:
    """Read a file that :func:`write_funding` wrote. Raises DataError where it is missing or something else."""
    try:
        return parse_funding(path.read_bytes(), str(path))
    except OSError as error:
        raise DataError(str(path), f"cannot be read: {error.strerror}") from None


def parse_funding(content: bytes, name: str) -> Funding:
    """Return the rates in a file's content. Raises DataError where they cannot be used."""
    try:
        frame = pl.read_parquet(io.BytesIO(content), use_pyarrow=False)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, MemoryError, ValueError) as error:
        raise DataError(name, f"is no readable parquet file ({type(error).__name__})") from None
    if not {"timestamp", "rate"} <= set(frame.columns):
        raise DataError(name, f"has columns {', '.join(frame.columns)} in place of timestamp, rate")
    timestamp = frame["timestamp"].cast(pl.Int64, strict=False).to_numpy()
    rate = frame["rate"].cast(pl.Float64, strict=False).to_numpy()
    if not (np.diff(timestamp) > 0).all() or not np.isfinite(rate).all() or not (np.abs(rate) < 1).all():
        raise DataError(name, "has instants out of order, or rates that are no fractions")
    return Funding(timestamp, rate)


def write_funding(path: Path, funding: Funding) -> None:
    """Write rates atomically as parquet."""
    content = io.BytesIO()
    pl.DataFrame({"timestamp": funding.timestamp, "rate": funding.rate}, schema=_SCHEMA).write_parquet(content)
    write_bytes(path, content.getvalue())
