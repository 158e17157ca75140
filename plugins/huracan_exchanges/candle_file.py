"""Reads one candle file as of an instant, or refuses it in one line.

Parquet: columns timestamp, open, high, low, close, volume in any order and case, further ones are ignored. Numbers may
be of any numeric type or text; times are whole counts since 1970 (seconds to nanoseconds, told apart by their size),
date-times (without a zone: UTC) or ISO text.

CSV: UTF-8, a header line with the same names (time, date, datetime, open_time and unix also name the time), separated
by comma, semicolon, tab or bar; decimal point only. Times as above.

A row that opens at or after the instant is not looked at, apart from its time. Among the others, identical duplicates
are dropped and rows are sorted; an impossible bar or a contradiction refuses the whole file, since money depends on it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from huracan.errors import DataError
from huracan.market.candles import COLUMNS, Candles
from huracan.market.timeframes import TIMEFRAMES
from huracan_exchanges.bars import Bars, name_of_length, say_time
from huracan_exchanges.columns import choose_columns, to_milliseconds, to_numbers, unit_names
from huracan_exchanges.table import read_table, shown

__all__ = ["read_candle_file"]

ROWS_TO_TELL_LENGTH = 5000


def read_candle_file(path: Path, now: int) -> Bars | None:
    """Return the candles closed at ``now`` (ms), or None where the file begins later. Raises DataError naming the file.

    The answer, also an error, does not depend on rows that open at or after ``now``.
    """
    where = path.name
    base = path.stem.partition("-")[0]
    try:
        table = read_table(path, lambda names: choose_columns(names, base))
        if table.height == 0:
            raise ValueError("is empty: it holds no candles")
        return _as_of(table, now)
    except (ValueError, TypeError) as error:
        raise DataError(where, " ".join(str(error).split())) from None


def _as_of(table: pl.DataFrame, now: int) -> Bars | None:
    times, kinds = to_milliseconds(table["timestamp"])
    if (kinds == 0).any():
        row = int(np.argmin(kinds != 0))
        raise ValueError(f"row {row + 1}: {shown(table, row)} cannot be read as a time without guessing")
    rows = np.flatnonzero(times < now)
    if rows.size == 0:
        return None
    if np.unique(kinds[rows]).size > 1:
        raise ValueError(f"mixes times in {unit_names(kinds[rows])}")
    times = times[rows]
    if (np.diff(times) <= 0).any():
        order = np.argsort(times, kind="stable")
        times, rows = times[order], rows[order]
    length = _bar_length(np.unique(times) if (np.diff(times) == 0).any() else times, now)
    closed = times + length <= now
    times, rows = times[closed], rows[closed]
    selected = table.select(COLUMNS[1:])
    if rows.size < table.height or (np.diff(rows) < 0).any():
        selected = selected[rows]
    columns = {"timestamp": times}
    for name in COLUMNS[1:]:
        columns[name] = to_numbers(selected[name])
    _refuse_impossible(columns, rows, table)
    candles = Candles.from_columns(_without_duplicates(columns))
    return Bars(candles, length, dropped=times.size - len(candles))


def _bar_length(times: np.ndarray, now: int) -> int:
    """Return the timeframe (ms) that most neighbouring candles closed at ``now`` are apart; of equals the shorter.

    Only candles that are closed under that timeframe are asked: whether the file goes on later cannot change it.
    Raises ValueError where they are no timeframe apart or off its grid.
    """
    for name, length in TIMEFRAMES.items():
        closed = times[times + length <= now]
        steps, counts = np.unique(np.diff(closed[:ROWS_TO_TELL_LENGTH]), return_counts=True)
        if steps.size and steps[counts.argmax()] == length:
            off = closed % length != 0
            if off.any():
                first = say_time(int(closed[off.argmax()]))
                raise ValueError(
                    f"{off.sum()} of its {name} candles do not begin on a whole {name}, the first at {first}"
                )
            return length
    if times.size < 3:
        raise ValueError(f"holds {times.size} candle(s) up to {say_time(now)}: too few to tell how long its bars are")
    middle = int(np.median(np.diff(times)))
    raise ValueError(f"holds candles {name_of_length(middle)} apart; known are {', '.join(TIMEFRAMES)}")


def _refuse_impossible(columns: dict[str, np.ndarray], rows: np.ndarray, table: pl.DataFrame) -> None:
    opened, high, low, close, volume = (columns[name] for name in COLUMNS[1:])
    finite = np.ones(rows.size, dtype=bool)
    for name in COLUMNS[1:]:
        finite &= np.isfinite(columns[name])
    fine = finite & (low > 0) & (volume >= 0) & (high >= np.maximum(opened, close)) & (low <= np.minimum(opened, close))
    bad = np.flatnonzero(~fine)
    if bad.size == 0:
        return
    first = int(bad[0])
    bar = {name: float(columns[name][first]) for name in COLUMNS[1:]}
    raise ValueError(
        f"holds {bad.size} impossible candle(s), the first at {say_time(int(columns['timestamp'][first]))} "
        f"(row {int(rows[first]) + 1}): {_what_is_wrong(bar, table, int(rows[first]))}"
    )


def _what_is_wrong(bar: dict[str, float], table: pl.DataFrame, row: int) -> str:
    for name, value in bar.items():
        if not np.isfinite(value):
            return f"{name} is no number ({shown(table, row, name)})"
        if name != "volume" and value <= 0:
            return f"{name} is {value:g}, not above zero"
    if bar["volume"] < 0:
        return f"volume is negative ({bar['volume']:g})"
    if bar["high"] < bar["low"]:
        return f"high {bar['high']:g} is below low {bar['low']:g}"
    return f"open {bar['open']:g} or close {bar['close']:g} is outside low {bar['low']:g} to high {bar['high']:g}"


def _without_duplicates(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Drop identical duplicates of sorted rows. Raises ValueError where two candles of one time differ."""
    times = columns["timestamp"]
    again = np.concatenate([[False], np.diff(times) == 0])
    if not again.any():
        return columns
    differs = np.zeros(times.size, dtype=bool)
    for name in COLUMNS[1:]:
        differs[1:] |= columns[name][1:] != columns[name][:-1]
    contradicting = again & differs
    if contradicting.any():
        first = say_time(int(times[contradicting.argmax()]))
        raise ValueError(f"holds {contradicting.sum()} duplicate(s) that contradict each other, the first at {first}")
    return {name: column[~again] for name, column in columns.items()}
