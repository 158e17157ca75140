"""One candle file: what is read, and the one line that refuses it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from huracan.clock import milliseconds
from huracan.errors import DataError
from huracan.market.candles import COLUMNS
from huracan_exchanges.bars import Bars
from huracan_exchanges.candle_file import read_candle_file

HOUR = 3_600_000
FIRST = datetime(2023, 1, 1, tzinfo=UTC)
NOON = milliseconds(datetime(2023, 1, 2, 12, tzinfo=UTC))
"""Exactly 36 hourly candles are closed here."""

Frame = Callable[..., pl.DataFrame]


def read(path: Path, now: int = NOON) -> Bars:
    bars = read_candle_file(path, now)
    assert bars is not None
    return bars


def refusal(path: Path, now: int = NOON) -> str:
    with pytest.raises(DataError) as caught:
        read_candle_file(path, now)
    line = str(caught.value)
    assert path.name in line
    assert "\n" not in line
    return line


def read_or_refuse(path: Path) -> None:
    """Read whatever it is; nothing but DataError may be raised, of one line."""
    with contextlib.suppress(DataError):
        read_candle_file(path, NOON)
        return
    refusal(path)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write_it(table: pl.DataFrame | bytes | str, name: str = "AAA-USDT.parquet") -> Path:
        path = tmp_path / name
        if isinstance(table, pl.DataFrame):
            table.write_parquet(path) if path.suffix == ".parquet" else table.write_csv(path)
        else:
            path.write_bytes(table.encode() if isinstance(table, str) else table)
        return path

    return write_it


# ------------------------------------------------------------------------------------------------------ what is read


@pytest.mark.parametrize("name", ["AAA-USDT.parquet", "AAA-USDT.csv"])
def test_sound_candles_come_back_as_they_are(name: str, frame: Frame, write: Callable[..., Path]) -> None:
    table = frame(36)
    bars = read(write(table, name))
    assert bars.length == HOUR
    for column in COLUMNS:
        assert bars.candles.columns()[column].tolist() == table[column].to_list()


@pytest.mark.parametrize("name", ["AAA-USDT.parquet", "AAA-USDT.csv"])
def test_a_candle_that_is_still_open_at_the_clock_is_left_out(
    name: str, frame: Frame, write: Callable[..., Path]
) -> None:
    path = write(frame(40), name)
    assert len(read(path, NOON).candles) == 36
    assert len(read(path, NOON - 1).candles) == 35
    assert len(read(path, NOON + HOUR - 1).candles) == 36


@pytest.mark.parametrize(
    "time",
    [
        pl.col("timestamp") // 1000,
        pl.col("timestamp") * 1000,
        pl.col("timestamp") * 1_000_000,
        pl.col("timestamp").cast(pl.Float64),
        pl.col("timestamp").cast(pl.UInt64),
        pl.col("timestamp").cast(pl.String),
        (pl.col("timestamp") // 1000).cast(pl.Float64).cast(pl.String),
        pl.from_epoch("timestamp", "ms"),
        pl.from_epoch("timestamp", "ms").dt.replace_time_zone("UTC"),
        pl.from_epoch("timestamp", "ms").dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Tokyo"),
        pl.from_epoch("timestamp", "ms").cast(pl.Datetime("ns")),
        pl.from_epoch("timestamp", "ms").dt.strftime("%Y-%m-%d %H:%M"),
        pl.from_epoch("timestamp", "ms").dt.strftime("%Y-%m-%d %H:%M:%S.000"),
        pl.from_epoch("timestamp", "ms").dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        pl.from_epoch("timestamp", "ms").dt.strftime("%Y-%m-%d %H:%M:%S+00:00"),
        pl.from_epoch("timestamp", "ms").dt.offset_by("9h").dt.strftime("%Y-%m-%dT%H:%M:%S+09:00"),
    ],
)
@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_times_are_understood_in_every_unit_that_leaves_no_doubt(
    time: pl.Expr, suffix: str, frame: Frame, write: Callable[..., Path]
) -> None:
    table = frame(36)
    bars = read(write(table.with_columns(time.alias("timestamp")), f"AAA-USDT.{suffix}"))
    assert bars.candles.timestamp.tolist() == table["timestamp"].to_list()


def test_daily_candles_may_carry_plain_dates(frame: Frame, write: Callable[..., Path]) -> None:
    table = frame(40, step=24 * HOUR).with_columns(pl.from_epoch("timestamp", "ms").cast(pl.Date))
    bars = read(write(table.rename({"timestamp": "Date"})), milliseconds(FIRST + timedelta(days=40)))
    assert bars.length == 24 * HOUR
    assert len(bars.candles) == 40


def test_prices_may_be_whole_numbers_or_text(frame: Frame, write: Callable[..., Path]) -> None:
    table = frame(36).with_columns(
        pl.lit("101").alias("open"), pl.lit(103).alias("high"), pl.lit(99, pl.Int16).alias("low"),
        pl.lit(100.5, pl.Float32).alias("close"), pl.lit(" 7.25 ").alias("volume"),
    )  # fmt: skip
    bars = read(write(table))
    assert bars.candles.open[0] == 101.0
    assert bars.candles.volume[0] == 7.25


def test_columns_may_come_in_any_order_and_case_with_others_between(frame: Frame, write: Callable[..., Path]) -> None:
    table = frame(36).select(
        pl.col("close").alias("Close"), pl.lit("x").alias("note"), pl.col("volume").alias("VOLUME"),
        pl.col("high").alias("High"), pl.col("low").alias(" Low "), pl.col("timestamp").alias("Open Time"), "open",
    )  # fmt: skip
    bars = read(write(table, "AAA-USDT.csv"))
    assert bars.candles.close.tolist() == table["Close"].to_list()


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_other_separators_line_ends_and_a_byte_order_mark_are_understood(
    separator: str, frame: Frame, write: Callable[..., Path]
) -> None:
    text = frame(36).write_csv(separator=separator).replace("\n", "\r\n")
    assert len(read(write("\ufeff" + text + "\r\n\r\n", "AAA-USDT.csv")).candles) == 36


def test_identical_duplicates_are_dropped_and_rows_are_sorted(frame: Frame, write: Callable[..., Path]) -> None:
    table = frame(36)
    bars = read(write(pl.concat([table.tail(20), table]).sample(fraction=1.0, shuffle=True, seed=3)))
    assert bars.candles.timestamp.tolist() == table["timestamp"].to_list()
    assert bars.candles.close.tolist() == table["close"].to_list()
    assert bars.dropped == 20


def test_the_length_of_bars_is_told_by_what_most_of_them_are_apart(frame: Frame, write: Callable[..., Path]) -> None:
    table = frame(200)
    gaps = table.filter(~pl.arange(0, 200).is_in([3, 4, 5, 50, 51, 120]))
    assert read(write(gaps), milliseconds(FIRST) + 200 * HOUR).length == HOUR


def test_a_file_that_begins_after_the_clock_is_no_error(frame: Frame, write: Callable[..., Path]) -> None:
    assert read_candle_file(write(frame(36)), milliseconds(FIRST)) is None


# ---------------------------------------------------------------------------------------- what is wrong after the clock

LATER_DAMAGE: dict[str, Any] = {
    "close is not a number": {"close": float("nan")},
    "no price": {"close": None},
    "infinite": {"high": float("inf")},
    "negative": {"low": -1.0},
    "zero": {"open": 0.0},
    "negative volume": {"volume": -5.0},
    "high below low": {"high": 1.0},
}


@pytest.mark.parametrize("damage", LATER_DAMAGE.values(), ids=LATER_DAMAGE.keys())
@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_damage_counts_before_the_clock_and_not_after_it(
    damage: dict[str, Any], suffix: str, frame: Frame, write: Callable[..., Path]
) -> None:
    (column, value), = damage.items()  # fmt: skip
    row = pl.arange(0, 60) == 40
    table = frame(60).with_columns(pl.when(row).then(pl.lit(value)).otherwise(pl.col(column)).alias(column))
    path = write(table, f"AAA-USDT.{suffix}")
    assert len(read(path).candles) == 36
    line = refusal(path, NOON + 20 * HOUR)
    assert "1 impossible candle(s), the first at 2023-01-02 16:00 UTC (row 41): " in line


def test_contradicting_duplicates_count_before_the_clock_and_not_after_it(
    frame: Frame, write: Callable[..., Path]
) -> None:
    table = frame(60)
    path = write(pl.concat([table, table[40:42].with_columns(pl.col("volume") + 1)]))
    assert len(read(path).candles) == 36
    line = refusal(path, NOON + 20 * HOUR)
    assert "2 duplicate(s) that contradict each other, the first at 2023-01-02 16:00 UTC" in line


# --------------------------------------------------------------------------------------------------- what is refused


def test_each_impossible_bar_is_named(frame: Frame, write: Callable[..., Path]) -> None:
    for changes, words in {
        ("close", float("nan")): "close is no number (nan)",
        ("high", float("inf")): "high is no number (inf)",
        ("low", -1.0): "low is -1, not above zero",
        ("open", 0.0): "open is 0, not above zero",
        ("volume", -2.0): "volume is negative (-2)",
        ("high", 1.0): "is below low",
        ("close", 1e6): "is outside low",
    }.items():
        column, value = changes
        assert words in refusal(write(frame(36).with_columns(pl.lit(value).alias(column)))), words


@pytest.mark.parametrize("cut", [0, 3, 11, 100, 2000, -100, -1])
def test_a_parquet_file_that_was_cut_off_is_refused(cut: int, frame: Frame, write: Callable[..., Path]) -> None:
    whole = write(frame(500)).read_bytes()
    line = refusal(write(whole[:cut]))
    assert ("is empty" if cut == 0 else "no complete parquet file") in line


def test_a_parquet_file_with_a_hole_is_refused(frame: Frame, write: Callable[..., Path]) -> None:
    whole = write(frame(500)).read_bytes()
    for start in (4, len(whole) // 2, len(whole) - 200):
        assert "damaged parquet" in refusal(write(whole[:start] + bytes(100) + whole[start + 100 :]))


def test_files_without_rows_are_refused(frame: Frame, write: Callable[..., Path]) -> None:
    assert "is empty: it holds no candles" in refusal(write(frame(0)))
    assert "is empty: it holds no candles" in refusal(write(frame(0), "AAA-USDT.csv"))
    assert "is empty" in refusal(write("", "AAA-USDT.csv"))
    assert "is empty" in refusal(write("\n\n", "AAA-USDT.csv"))


def test_missing_doubled_and_senseless_columns_are_named(frame: Frame, write: Callable[..., Path]) -> None:
    table = frame(36)
    assert "has no column high and no column volume" in refusal(write(table.drop("high", "volume")))
    assert "two columns named open" in refusal(write(table.with_columns(pl.col("open").alias("Open"))))
    assert "column close holds Boolean" in refusal(write(table.with_columns(pl.lit(True).alias("close"))))
    assert "column volume holds List" in refusal(write(table.with_columns(pl.lit([1.0]).alias("volume"))))
    assert "column timestamp holds Boolean" in refusal(write(table.with_columns(pl.lit(True).alias("timestamp"))))


def test_a_csv_without_header_is_refused(frame: Frame, write: Callable[..., Path]) -> None:
    text = frame(36).write_csv(include_header=False)
    line = refusal(write(text, "AAA-USDT.csv"))
    assert "has no header; its first line must name timestamp, open, high, low, close, volume" in line


@pytest.mark.parametrize(
    ("time", "shown"),
    [
        ("13-04-23 23:59", "'13-04-23 23:59'"),
        ("01/02/2023", "'01/02/2023'"),
        ("20230101", "'20230101'"),
        ("", "nothing"),
        ("-5", "'-5'"),
        ("nan", "'nan'"),
        ("1672531200.5", "'1672531200.5'"),
        ("2023-13-01", "'2023-13-01'"),
    ],
)
def test_times_that_leave_doubt_are_refused(time: str, shown: str, frame: Frame, write: Callable[..., Path]) -> None:
    lines = frame(36).write_csv().splitlines()
    lines[5] = ",".join([time, *lines[5].split(",")[1:]])
    line = refusal(write("\n".join(lines), "AAA-USDT.csv"))
    assert f"row 5: {shown} cannot be read as a time without guessing" in line


def test_two_units_of_time_in_one_file_are_refused(frame: Frame, write: Callable[..., Path]) -> None:
    table = frame(36)
    half = table[18:].with_columns(pl.col("timestamp") // 1000)
    assert "mixes times in seconds and milliseconds" in refusal(write(pl.concat([table[:18], half])))


def test_bars_of_no_known_length_or_off_their_grid_are_refused(frame: Frame, write: Callable[..., Path]) -> None:
    later = milliseconds(FIRST) + 400 * 24 * HOUR
    assert "holds candles 10080 min apart" in refusal(write(frame(40, step=7 * 24 * HOUR)), later)
    shifted = frame(36).with_columns(pl.col("timestamp") + 60_000)
    assert "36 of its 1h candles do not begin on a whole 1h" in refusal(write(shifted), later)
    assert "too few to tell how long its bars are" in refusal(write(frame(1)), later)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("timestamp,open,high,low,close,volume\n1672531200,1,5,1,2,1,7\n", "more fields than its header"),
        ("time;open;high;low;close;volume\n1672531200;1,5;1,6;1,4;1,5;7\n1672534800;1;2;1;1;7\n", "open is no number"),
        ("timestamp,open,high,low,close,volume\n1672531200,1.000.000,2,1,1,1\n1672534800,1,2,1,1,7\n", "'1.000.000'"),
        ("timestamp,open,high,low,close,volume\n1672531200,1,2,1,1,1\n1672534800,1,2\n", "low is no number (nothing)"),
        ("<html><body>404</body></html>", "has no header"),
    ],
)  # fmt: skip
def test_texts_that_are_no_candles_are_refused(text: str, words: str, write: Callable[..., Path]) -> None:
    assert words in refusal(write(text, "AAA-USDT.csv"))


def test_bytes_that_are_no_text_are_refused(frame: Frame, write: Callable[..., Path]) -> None:
    text = frame(36).write_csv()
    assert "is not UTF-8 text" in refusal(write(text.encode("utf-16"), "AAA-USDT.csv"))
    assert "NUL bytes" in refusal(write(text.replace("2023", "20\0") + "\0", "AAA-USDT.csv"))


@pytest.mark.realdata
def test_a_spreadsheet_with_mixed_decimal_commas_is_refused(realdata: Path, write: Callable[..., Path]) -> None:
    raw = (realdata / "dirty/excel_locale_mangled_btc_daily.csv").read_bytes()
    assert "'29-04-13 23:59' cannot be read as a time" in refusal(write(raw, "AAA-USDT.csv"))
    iso = re.sub(r"(\d\d)-(\d\d)-(\d\d) 23:59", r"20\3-\2-\1", raw.decode())
    line = refusal(write(iso, "AAA-USDT.csv"))
    assert "impossible candle(s), the first at 2013-04-29 00:00 UTC (row 1)" in line
    assert "is no number ('13.444.400.024.414.000')" in line


# --------------------------------------------------------------------------------------------------------- properties

prices = st.floats(1e-9, 1e9)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    bars=st.lists(st.tuples(prices, prices, prices, st.floats(0, 1e15)), min_size=3, max_size=40),
    separator=st.sampled_from(",;\t|"),
    order=st.permutations(COLUMNS),
    divide=st.sampled_from([1, 1000]),
)
def test_what_is_written_as_csv_is_read_back_exactly(
    bars: list[tuple[float, float, float, float]], separator: str, order: list[str], divide: int, tmp_path: Path
) -> None:
    times = milliseconds(FIRST) + HOUR * np.arange(len(bars), dtype=np.int64)
    table = pl.DataFrame(
        {
            "timestamp": times // divide,
            "open": [bar[0] for bar in bars],
            "high": [max(bar[:3]) for bar in bars],
            "low": [min(bar[:3]) for bar in bars],
            "close": [bar[2] for bar in bars],
            "volume": [bar[3] for bar in bars],
        }
    )
    path = tmp_path / "AAA-USDT.csv"
    table.select(order).write_csv(path, separator=separator)
    back = read(path, milliseconds(FIRST) + 1000 * HOUR).candles
    assert back.timestamp.tolist() == times.tolist()
    for column in COLUMNS[1:]:
        assert back.columns()[column].tolist() == table[column].to_list()


HEADER = b"timestamp,open,high,low,close,volume\n"
ROW = b"1672531200,1,2,1,1.5,7\n"


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    raw=st.one_of(
        st.binary(max_size=300),
        st.binary(max_size=100).map(lambda tail: HEADER + ROW + tail),
        st.text('0123456789.,;-eE+:T Z"\n\r\tnaif', max_size=200).map(lambda text: HEADER + text.encode()),
        st.text(max_size=120).map(str.encode).map(lambda tail: HEADER + ROW * 3 + tail),
    )
)
def test_arbitrary_bytes_named_csv_are_read_or_refused_in_one_line(raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "AAA-USDT.csv"
    path.write_bytes(raw)
    read_or_refuse(path)
