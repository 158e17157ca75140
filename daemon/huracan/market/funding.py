"""Funding of perpetuals: what a position pays or receives at each instant at which it falls due."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from huracan.errors import DataError
from huracan.market.files import verified_bytes, write_verified

__all__ = ["LONGEST_INTERVAL_MS", "Funding", "accrued", "due_by_bar", "parse_funding", "read_funding", "write_funding"]

LONGEST_INTERVAL_MS = 8 * 3_600_000
"""Exchanges settle every 8 hours or more often; where no instant is known for longer, rates are missing."""

_SOURCE = "huracan.exchange"
_SCHEMA = pl.Schema({"timestamp": pl.Int64, "rate": pl.Float64})


@dataclass(frozen=True, slots=True, eq=False)
class Funding:
    """Instants (int64 ms UTC, rising) and the rate due at each, a fraction of the position: a long pays a rate above 0.

    Intervals may change from 8 h to 4 h or 1 h at any time: only the instants count.
    """

    timestamp: np.ndarray
    rate: np.ndarray

    @classmethod
    def none(cls) -> Funding:
        """Return funding of which nothing is known."""
        return cls(np.zeros(0, dtype=np.int64), np.zeros(0))

    def __len__(self) -> int:
        return len(self.timestamp)

    def between(self, since: int, until: int) -> Funding:
        """Return the part due at ``since <= instant < until`` (ms)."""
        rows = (self.timestamp >= since) & (self.timestamp < until)
        return Funding(self.timestamp[rows], self.rate[rows])


def accrued(funding: Funding, instants: np.ndarray) -> np.ndarray:
    """Return the sum of all rates due up to each instant (ms), shape (instants,).

    A long position that is held from instant a to instant b pays ``accrued(b) - accrued(a)``: one that is opened at the
    open of a bar, just after funding was due, does not pay it; one that is closed there has paid it. For a short one
    the sign is the other way round.
    """
    sums = np.concatenate([[0.0], np.cumsum(funding.rate)])
    result: np.ndarray = sums[np.searchsorted(funding.timestamp, instants, side="right")]
    return result


def due_by_bar(funding: Funding, edges: np.ndarray, estimate_bps_per_day: float) -> np.ndarray:
    """Return what a long position pays for each bar as a fraction, shape (edges - 1,); ``edges`` are opens (ms).

    Where no instant is known in a bar or in the 8 hours before its end, rates are missing there, and the flat estimate
    counts for as long as the bar lasts: what is not known must not look free.
    """
    due = np.diff(accrued(funding, edges))
    estimate = np.diff(edges) / 86_400_000 * estimate_bps_per_day / 1e4
    if not len(funding):
        return estimate
    before = np.searchsorted(funding.timestamp, edges, side="right")
    newest = funding.timestamp[np.maximum(before[1:] - 1, 0)]
    known = (before[1:] > 0) & (edges[1:] - newest < LONGEST_INTERVAL_MS)
    return np.where(known | (np.diff(before) > 0), due, estimate)


def read_funding(path: Path, source: str = "") -> Funding:
    """Return the rates of a file that :func:`write_funding` wrote. Raises DataError where it is anything else, or was
    written for another source."""
    content = verified_bytes(path)
    funding = parse_funding(content, str(path))
    said = pl.read_parquet_metadata(io.BytesIO(content)).get(_SOURCE, "")
    if said != source:
        raise DataError(str(path), f"holds funding of exchange {said!r}, now it is {source!r}")
    return funding


def parse_funding(content: bytes, name: str) -> Funding:
    """Return the rates in a file's content, which ``verified_bytes`` of file ``name`` has returned.

    Raises DataError where they cannot be used.
    """
    try:
        frame = pl.read_parquet(io.BytesIO(content), use_pyarrow=False)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, MemoryError, ValueError) as error:
        raise DataError(name, f"is no readable parquet file ({type(error).__name__})") from None
    if frame.schema != _SCHEMA:
        raise DataError(name, f"has columns {', '.join(frame.columns)} in place of timestamp, rate")
    if any(frame[column].null_count() for column in frame.columns):
        raise DataError(name, "has empty cells")
    timestamp, rate = frame["timestamp"].to_numpy(), frame["rate"].to_numpy()
    if not (np.diff(timestamp) > 0).all() or not (np.abs(rate) < 1).all():
        raise DataError(name, "has instants out of order, or rates that are no fractions")
    return Funding(timestamp, rate)


def write_funding(path: Path, funding: Funding, source: str = "") -> None:
    """Write rates atomically as parquet that says which exchange they are from."""
    content = io.BytesIO()
    frame = pl.DataFrame({"timestamp": funding.timestamp, "rate": funding.rate}, schema=_SCHEMA)
    frame.write_parquet(content, compression="zstd", metadata={_SOURCE: source})
    write_verified(path, content.getvalue())
