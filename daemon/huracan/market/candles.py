"""Candles as arrays, and what a timeframe is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from huracan.market.timeframes import timeframe_ms

__all__ = ["COLUMNS", "Candles"]

COLUMNS = ("timestamp", "open", "high", "low", "close", "volume")
"""The columns of every candle file, in order: int64 ms UTC of the open, then float64."""


@dataclass(frozen=True, slots=True, eq=False)
class Candles:
    """Bars in order of time.

    ``timestamp`` is int64 ms UTC of the open, prices are in quote currency, ``volume`` in base units.

    All arrays have the same length and are read-only. Nothing is promised about their values: see
    :mod:`huracan.market.checks`.
    """

    timestamp: np.ndarray
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray

    def __post_init__(self) -> None:
        for name in COLUMNS:
            array = getattr(self, name)
            if array.shape != self.timestamp.shape:
                raise ValueError(f"column {name} has {array.shape[0]} rows, timestamp has {self.timestamp.shape[0]}")
            array.flags.writeable = False

    @classmethod
    def from_columns(cls, columns: dict[str, np.ndarray]) -> Self:
        """Build candles from named columns as int64 and float64; copies, so that the input stays writable."""
        return cls(
            np.array(columns["timestamp"], dtype=np.int64),
            *(np.array(columns[name], dtype=np.float64) for name in COLUMNS[1:]),
        )

    @classmethod
    def empty(cls) -> Self:
        return cls.from_columns({name: np.empty(0) for name in COLUMNS})

    @classmethod
    def concatenate(cls, parts: list[Candles]) -> Candles:
        """Join parts one after the other, without sorting."""
        if not parts:
            return cls.empty()
        return cls.from_columns({name: np.concatenate([getattr(p, name) for p in parts]) for name in COLUMNS})

    def columns(self) -> dict[str, np.ndarray]:
        return {name: getattr(self, name) for name in COLUMNS}

    def take(self, rows: np.ndarray | slice) -> Candles:
        """Return the chosen rows: a mask, indices or a slice."""
        return Candles.from_columns({name: array[rows] for name, array in self.columns().items()})

    def between(self, since: int, until: int) -> Candles:
        """Return candles with ``since <= open time < until`` (ms); the timestamps must be sorted."""
        start, stop = np.searchsorted(self.timestamp, [since, until], side="left")
        return self.take(slice(int(start), int(stop)))

    def closed_at(self, instant: int, timeframe: str) -> Candles:
        """Return the candles whose computed close time is not after ``instant`` (ms): an open candle is dropped."""
        return self.take(self.timestamp + timeframe_ms(timeframe) <= instant)

    def __len__(self) -> int:
        return int(self.timestamp.shape[0])
