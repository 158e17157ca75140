"""What cannot be is found, what is rare but real is left alone, and a series ends where a coin becomes another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan.clock import milliseconds, parse_instant
from huracan.market.candles import COLUMNS, Candles
from huracan.market.checks import (
    check_candles,
    find_breaks,
    find_gaps,
    last_segment_start,
    scaled_jump_ratio,
)

HOUR = 3_600_000
TWO_DAYS = 48 * HOUR


def bars(closes: list[float], hours: list[int] | None = None) -> Candles:
    close = np.array(closes, dtype=float)
    opened = np.concatenate([close[:1], close[:-1]])
    return Candles.from_columns(
        {
            "timestamp": np.array(hours if hours is not None else range(len(closes))) * HOUR,
            "open": opened,
            "high": np.maximum(opened, close),
            "low": np.minimum(opened, close),
            "close": close,
            "volume": np.ones(len(closes)),
        }
    )


def changed(row: int, **values: float) -> Candles:
    columns = {name: array.copy() for name, array in bars([10.0, 11.0, 12.0, 11.0, 10.0]).columns().items()}
    for name, value in values.items():
        columns[name][row] = value
    return Candles.from_columns(columns)


def test_possible_candles_have_no_problems() -> None:
    assert check_candles(bars([10.0, 11.0, 9.0]), "1h").ok
    assert check_candles(Candles.empty(), "1h").ok


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"close": float("nan")}, "NaN or infinity"),
        ({"volume": float("inf")}, "NaN or infinity"),
        ({"low": 0.0}, "zero or less"),
        ({"open": -1.0}, "zero or less"),
        ({"volume": -0.5}, "negative volume"),
        ({"high": 11.5}, "a high below"),
        ({"low": 11.5}, "a low above"),
        ({"timestamp": HOUR}, "repeat a time"),
        ({"timestamp": 0}, "out of order"),
        ({"timestamp": 2 * HOUR + 1}, "do not begin on a 1h bar"),
    ],
)
def test_an_impossible_row_is_counted_and_dated(values: dict[str, float], words: str) -> None:
    report = check_candles(changed(2, **values), "1h")
    assert any(words in problem for problem in report.problems), report.problems
    assert all("the first at 1970-01-01" in problem for problem in report.problems)
    assert list(report.bad_rows) == ([2] if "timestamp" not in values else [])


def test_a_gap_says_which_bars_are_missing() -> None:
    [gap] = find_gaps(bars([1.0, 1.0, 1.0], [0, 1, 5]), "1h")
    assert (gap.since, gap.until, gap.bars) == (2 * HOUR, 5 * HOUR, 3)


@pytest.mark.parametrize(("silent", "found"), [(48, 0), (49, 1)])
def test_only_a_silence_longer_than_the_limit_is_a_break(silent: int, found: int) -> None:
    series = bars([1.0, 1.0, 1.0], [0, 1, 2 + silent])
    assert len(find_breaks(series, "1h", TWO_DAYS, 2.5)) == found


@pytest.mark.parametrize(("ratio", "found"), [(2.4, 0), (1 / 2.4, 0), (2.6, 1), (1 / 2.6, 1)])
def test_only_a_ratio_beyond_the_limit_is_a_break(ratio: float, found: int) -> None:
    assert len(find_breaks(bars([1.0, 1.0, ratio, ratio]), "1h", TWO_DAYS, 2.5)) == found


def test_longer_bars_may_move_further() -> None:
    assert scaled_jump_ratio(2.5, "1h") == pytest.approx(2.5)
    assert scaled_jump_ratio(2.5, "4h") == pytest.approx(2.5)
    assert scaled_jump_ratio(2.5, "1d") == pytest.approx(2.5 ** (6**0.5))


steps = st.floats(0.2, 5.0)
pauses = st.integers(1, 80)


@given(st.lists(st.tuples(steps, pauses), min_size=1, max_size=40))
def test_after_the_last_break_no_step_is_beyond_the_limits(moves: list[tuple[float, int]]) -> None:
    closes, hours = [100.0], [0]
    for step, pause in moves:
        closes.append(min(max(closes[-1] * step, 1e-6), 1e9))
        hours.append(hours[-1] + pause)
    series = bars(closes, hours)
    found = find_breaks(series, "1h", TWO_DAYS, 2.5)
    start = last_segment_start(series, found)
    rest = series.take(series.timestamp >= start)
    assert len(rest) >= 1
    assert np.all(np.diff(rest.timestamp) - HOUR <= TWO_DAYS)
    assert np.all(np.abs(np.diff(np.log(rest.close))) <= np.log(2.5) + 1e-12)
    assert find_breaks(rest, "1h", TWO_DAYS, 2.5) == []


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("coin", "begins"),
    [
        ("LUNA", "2022-05-31T06:00"),
        ("FTT", "2023-09-22T08:00"),
        ("BNX", "2023-02-22T08:00"),
        ("QUICK", "2023-07-21T08:00"),
        ("USDC", "2023-03-11T14:00"),
    ],
)
def test_a_real_coin_begins_anew_where_it_became_another(realdata: Path, coin: str, begins: str) -> None:
    series = read(realdata, coin)
    found = find_breaks(series, "1h", TWO_DAYS, 2.5)
    assert last_segment_start(series, found) == milliseconds(parse_instant(begins))


@pytest.mark.realdata
@pytest.mark.parametrize("coin", ["BTC", "ETH", "DOGE", "ADA", "SHIB", "SAND", "NEO"])
def test_a_real_coin_that_only_crashed_and_boomed_is_one_series(realdata: Path, coin: str) -> None:
    series = read(realdata, coin)
    assert check_candles(series, "1h").ok
    assert find_breaks(series, "1h", TWO_DAYS, 2.5) == []


def read(realdata: Path, coin: str) -> Candles:
    frame = pl.read_parquet(realdata / "crypto_1h" / f"{coin}-USDT.parquet", columns=list(COLUMNS))
    columns: dict[str, Any] = {name: frame[name].to_numpy() for name in COLUMNS}
    return Candles.from_columns(columns)
