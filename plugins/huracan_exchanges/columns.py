"""Turns columns of unknown making into times and numbers, without guessing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from huracan.market.candles import COLUMNS

__all__ = ["TIME_NAMES", "choose_columns", "to_milliseconds", "to_numbers", "unit_names"]

TIME_NAMES = ("timestamp", "open_time", "opentime", "time", "datetime", "date", "unix")
"""Accepted headings of the open time; of several in one file the first of this list counts."""

VOLUME_NAMES = ("volume", "base_volume", "volume_base", "vol")

EARLIEST, LATEST = 315_532_800, 4_102_444_800
"""1980 and 2100 in seconds. Between them a count of seconds, milli-, micro- or nanoseconds shows by its size which it
is, so that nothing has to be guessed."""

UNITS = ((1, 1000, "seconds"), (1000, 1, "milliseconds"), (10**6, 1, "microseconds"), (10**9, 1, "nanoseconds"))

_ISO = r"^(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2})(?::(\d{2})(?:\.0*)?)?)?(?: ?(Z|UTC|[+-]\d{2}:?\d{2}))?$"


def choose_columns(names: Sequence[str], base: str) -> dict[str, str]:
    """Return which of ``names`` is which column of a candle, whatever the case.

    Raises ValueError saying what is missing or there twice.
    """
    known: dict[str, str] = {}
    for name in names:
        plain = name.strip().casefold().replace(" ", "_")
        if plain in known:
            raise ValueError(f"has two columns named {plain}")
        known[plain] = name
    wanted: dict[str, tuple[str, ...]] = {column: (column,) for column in COLUMNS}
    wanted |= {"timestamp": TIME_NAMES, "volume": (*VOLUME_NAMES, f"volume_{base.casefold()}")}
    chosen = {column: next((known[n] for n in accepted if n in known), "") for column, accepted in wanted.items()}
    missing = [column for column, name in chosen.items() if not name]
    if len(missing) == len(COLUMNS):
        raise ValueError(f"has no header; its first line must name {', '.join(COLUMNS)}")
    if missing:
        raise ValueError(f"has no column {' and no column '.join(missing)}")
    return chosen


def to_milliseconds(column: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return int64 milliseconds UTC, and the kind of each value as int8: 0 unreadable, 1-4 counts, 5 calendar text.

    Times without a zone are UTC. Raises TypeError for a column that cannot hold times.
    """
    if column.dtype == pl.Date or isinstance(column.dtype, pl.Datetime):
        milliseconds = column.cast(pl.Datetime("us"), strict=False).dt.epoch("ms")
        return milliseconds.fill_null(0).to_numpy(), np.where(milliseconds.is_null(), 0, 5).astype(np.int8)
    if column.dtype.is_integer() or column.dtype.is_float():
        return _from_counts(column)
    if column.dtype != pl.String:
        raise TypeError(f"column {column.name} holds {column.dtype} where times should be")
    text = column.str.strip_chars()
    times, kinds = _from_counts(text.cast(pl.Int64, strict=False))
    if (kinds == 0).any():
        floats, float_kinds = _from_counts(text.cast(pl.Float64, strict=False))
        moments, moment_kinds = _from_text(text)
        for more, more_kinds in ((floats, float_kinds), (moments, moment_kinds)):
            free = kinds == 0
            times[free], kinds[free] = more[free], more_kinds[free]
    return times, kinds


def to_numbers(column: pl.Series) -> np.ndarray:
    """Return float64 values, NaN where there is none. Raises TypeError for a column that cannot hold numbers."""
    if column.dtype == pl.String:
        column = column.str.strip_chars()
    elif not (column.dtype.is_numeric() or column.dtype == pl.Null):
        raise TypeError(f"column {column.name} holds {column.dtype} where numbers should be")
    return column.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()


def _from_counts(column: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    if column.dtype.is_float():
        whole = column.is_not_null() & (column.fill_null(0.5).round() == column) & (column.abs() < 2.0**53)
        column = pl.select(pl.when(whole).then(column)).to_series()
    counts = column.cast(pl.Int64, strict=False).fill_null(0).to_numpy()
    times, kinds = np.zeros(counts.size, dtype=np.int64), np.zeros(counts.size, dtype=np.int8)
    for kind, (per_second, factor, _) in enumerate(UNITS, start=1):
        fits = (counts >= EARLIEST * per_second) & (counts < LATEST * per_second)
        divisor = max(1, per_second // 1000)
        times[fits] = counts[fits] * factor if divisor == 1 else counts[fits] // divisor
        kinds[fits] = kind
    return times, kinds


def _from_text(text: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    parts = text.str.extract_groups(_ISO).struct.rename_fields(["day", "minute", "second", "zone"]).struct.unnest()
    zone = pl.col("zone").replace({"Z": "+0000", "UTC": "+0000"}).fill_null("+0000").str.replace(":", "", literal=True)
    clock = pl.col("minute").fill_null("00:00") + ":" + pl.col("second").fill_null("00")
    written = parts.select(pl.col("day") + " " + clock + zone).to_series()
    moments = written.str.to_datetime("%Y-%m-%d %H:%M:%S%z", time_unit="ms", time_zone="UTC", strict=False, exact=True)
    milliseconds = moments.dt.epoch("ms")
    fits = milliseconds.is_between(EARLIEST * 1000, LATEST * 1000, closed="left").fill_null(False).to_numpy()
    return milliseconds.fill_null(0).to_numpy(), np.where(fits, 5, 0).astype(np.int8)


def unit_names(kinds: np.ndarray) -> str:
    """Name the kinds of time that occur, for a sentence."""
    names = [*(unit[2] for unit in UNITS), "dates"]
    return " and ".join(names[kind - 1] for kind in np.unique(kinds) if kind)
