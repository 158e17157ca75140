"""The cache holds what the exchange said, once, in order, checked; nothing later than the run; nothing damaged."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from huracan.context import Context
from huracan.errors import DataError, TryAgainError
from huracan.market.candles import COLUMNS, Candles
from huracan.market.files import digest_file, read_candles, write_candles
from huracan.types import Outcome
from huracan_candles.job import run

HOUR = 3_600_000
NOW = 1_709_253_000_000
"""2024-03-01 00:30 UTC in ms, the instant of the fixture's run: the bar of 00:00 is still open."""

LAST_CLOSED = NOW // HOUR * HOUR - HOUR


def report(context: Context) -> Any:
    return json.loads(context.paths.candle_report(context.current_run.run_date).read_text())


def cached(context: Context, symbol: str = "ADA-USDT") -> Candles:
    return read_candles(context.paths.candle_file(symbol))[0]


def keep(candles: Candles, where: np.ndarray) -> Candles:
    return candles.take(where)


def replaced(candles: Candles, row: int, **values: float) -> Candles:
    columns = {name: array.copy() for name, array in candles.columns().items()}
    for name, value in values.items():
        columns[name][row] = value
    return Candles.from_columns(columns)


def assert_same(left: Candles, right: Candles) -> None:
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name))


def test_a_first_sync_gets_the_window_and_the_references_and_closes_the_exchange(context: Context, puppet: Any) -> None:
    result = run(context)
    assert (result.outcome, result.problems) == (Outcome.DONE, ())
    written = report(context)
    assert written["references"] == ["BTC-USDT", "ETH-USDT"]
    assert set(written["symbols"]) == {"ADA-USDT", "BTC-USDT", "ETH-USDT"}
    entry = written["symbols"]["ADA-USDT"]
    assert entry["rows"] == 90 * 24
    assert entry["last"] == LAST_CLOSED
    assert entry["first"] == entry["usable_since"] == LAST_CLOSED + HOUR - 90 * 86_400_000
    assert_same(cached(context), puppet.series["ADA-USDT"].between(entry["first"], LAST_CLOSED + 1))
    assert puppet.closed == 1


def test_the_open_candle_and_later_ones_are_never_stored(context: Context) -> None:
    run(context)
    assert cached(context).timestamp[-1] == LAST_CLOSED


def test_a_second_run_asks_for_nothing(context: Context, puppet: Any) -> None:
    run(context)
    puppet.asked.clear()
    run(context)
    assert puppet.asked == []
    assert report(context)["symbols"]["ADA-USDT"]["rows"] == 90 * 24


def test_only_missing_spans_are_fetched_after_the_window_grew(
    make_context: Callable[..., Context], plugin: Any, puppet: Any, begin_run: Callable[..., Context]
) -> None:
    run(begin_run(days=60))
    puppet.asked.clear()
    longer = begin_run(days=90)
    run(longer)
    start = LAST_CLOSED + HOUR
    assert ("ADA-USDT", start - 90 * 86_400_000, start - 60 * 86_400_000) in puppet.asked
    assert len([each for each in puppet.asked if each[0] == "ADA-USDT"]) == 1
    assert report(longer)["symbols"]["ADA-USDT"]["rows"] == 90 * 24


def test_candles_of_another_seed_are_not_joined_to_the_cache(begin_run: Callable[..., Context], puppet: Any) -> None:
    run(begin_run())
    puppet.asked.clear()
    other = begin_run({"seed": 2})
    run(other)
    assert len(puppet.asked) == 3
    assert len(report(other)["quarantined"]) == 3
    puppet.asked.clear()
    run(begin_run({"seed": 2, "fee": 5.0}))
    assert puppet.asked == [], "fees do not change candles"


def test_a_hole_of_the_exchange_is_a_gap_and_is_not_asked_for_again(context: Context, puppet: Any) -> None:
    whole = puppet.series["ADA-USDT"]
    hole = (whole.timestamp >= LAST_CLOSED - 100 * HOUR) & (whole.timestamp < LAST_CLOSED - 90 * HOUR)
    puppet.series["ADA-USDT"] = keep(whole, ~hole)
    run(context)
    [gap] = report(context)["symbols"]["ADA-USDT"]["gaps"]
    assert gap["bars"] == 10
    puppet.asked.clear()
    run(context)
    assert puppet.asked == []


def test_candles_that_are_only_late_are_asked_for_again(context: Context, puppet: Any) -> None:
    whole = puppet.series["ADA-USDT"]
    puppet.series["ADA-USDT"] = keep(whole, whole.timestamp < LAST_CLOSED - 3 * HOUR)
    run(context)
    puppet.series["ADA-USDT"] = whole
    run(context)
    assert cached(context).timestamp[-1] == LAST_CLOSED


def test_an_exchange_that_goes_away_leaves_what_it_sent_and_the_next_run_goes_on_there(
    context: Context, puppet: Any
) -> None:
    puppet.page, puppet.dies_after = 500, 2
    with pytest.raises(TryAgainError, match="went away"):
        run(context)
    assert puppet.closed == 1
    assert len(cached(context)) == 1000
    puppet.dies_after = None
    puppet.asked.clear()
    run(context)
    assert puppet.asked[0][1] == cached(context).timestamp[0] + 1000 * HOUR
    assert len(cached(context)) == 90 * 24


def test_overlapping_unsorted_and_repeated_rows_of_a_page_are_put_right(context: Context, puppet: Any) -> None:
    puppet.page = 300
    puppet.mischief = lambda page: Candles.concatenate([page.take(slice(None, None, -1)), page.take(slice(0, 5))])
    assert run(context).outcome is Outcome.DONE
    assert np.all(np.diff(cached(context).timestamp) == HOUR)
    assert len(cached(context)) == 90 * 24


def test_a_single_impossible_bar_is_left_out_and_said(context: Context, puppet: Any) -> None:
    row = len(puppet.series["ADA-USDT"]) - 200
    puppet.series["ADA-USDT"] = replaced(puppet.series["ADA-USDT"], row, low=-1.0)
    result = run(context)
    assert result.outcome is Outcome.PARTLY_FAILED
    [problem] = result.problems
    assert "ADA-USDT: left out 1 rows have a price of zero or less" in problem
    assert len(cached(context)) == 90 * 24 - 1


def test_a_page_full_of_impossible_bars_fails_its_symbol_alone(context: Context, puppet: Any) -> None:
    whole = puppet.series["ADA-USDT"]
    columns = {name: array.copy() for name, array in whole.columns().items()}
    columns["high"][-500:] = 0.5
    puppet.series["ADA-USDT"] = Candles.from_columns(columns)
    result = run(context)
    assert result.outcome is Outcome.PARTLY_FAILED
    entries = report(context)["symbols"]
    assert (entries["ADA-USDT"]["state"], entries["BTC-USDT"]["state"]) == ("failed", "ok")
    assert "candles that cannot be" in result.problems[0]


def test_one_symbol_that_cannot_be_had_does_not_stop_the_others(context: Context, puppet: Any) -> None:
    puppet.fails = {"ADA-USDT": DataError("ADA-USDT.parquet", "is a damaged parquet file")}
    result = run(context)
    assert result.outcome is Outcome.PARTLY_FAILED
    assert result.problems == ("ADA-USDT.parquet: is a damaged parquet file",)
    assert report(context)["symbols"]["BTC-USDT"]["rows"] == 90 * 24


def test_when_no_selected_symbol_can_be_had_the_job_fails(context: Context, puppet: Any) -> None:
    puppet.fails = {symbol: DataError(symbol, "gone") for symbol in puppet.series}
    assert run(context).outcome is Outcome.FAILED


def damage(path: Path, kind: str) -> None:
    candles, words = read_candles(path)
    if kind == "flipped":
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 0x55
        path.write_bytes(content)
    elif kind == "timeframe":
        write_candles(path, candles, {**words, "huracan.timeframe": "4h"})
    elif kind == "exchange":
        write_candles(path, candles, {**words, "huracan.exchange": "other"})
    elif kind == "impossible":
        write_candles(path, replaced(candles, 7, high=0.001), words)
    elif kind == "spans":
        write_candles(path, candles, {**words, "huracan.asked": "everything"})
    else:
        digest_file(path).unlink()


@pytest.mark.parametrize("kind", ["flipped", "timeframe", "exchange", "impossible", "spans", "digest"])
def test_a_cache_that_cannot_be_trusted_is_set_aside_with_a_reason_and_fetched_again(
    context: Context, puppet: Any, kind: str
) -> None:
    run(context)
    path = context.paths.candle_file("ADA-USDT")
    before = cached(context)
    damage(path, kind)
    assert run(context).outcome is Outcome.DONE
    assert_same(cached(context), before)
    [entry] = report(context)["quarantined"]
    assert entry["file"] == "data/candles/ADA-USDT.parquet"
    moved = context.paths.workspace / entry["moved_to"]
    assert moved.is_file()
    assert moved.with_name(f"{moved.name}.reason.txt").read_text().strip() == entry["reason"]


def test_what_the_exchange_corrects_wins_and_is_said(context: Context, puppet: Any) -> None:
    run(context)
    path = context.paths.candle_file("ADA-USDT")
    candles, words = read_candles(path)
    write_candles(
        path, replaced(candles, -1, close=candles.close[-1] + 0.001, high=200.0), {**words, "huracan.asked": "[]"}
    )
    result = run(context)
    assert any("changed 1 candles" in problem for problem in result.problems)
    assert cached(context).high[-1] != 200.0


def test_cached_candles_outside_the_window_are_kept_but_not_usable(begin_run: Callable[..., Context]) -> None:
    run(begin_run(days=90))
    shorter = begin_run(days=30)
    run(shorter)
    assert len(cached(shorter)) == 90 * 24
    entry = report(shorter)["symbols"]["ADA-USDT"]
    assert entry["rows"] == entry["usable_rows"] == 30 * 24
    assert entry["usable_since"] == LAST_CLOSED + HOUR - 30 * 86_400_000


def test_after_a_redenomination_only_the_new_unit_is_usable(context: Context, puppet: Any) -> None:
    whole = puppet.series["ADA-USDT"]
    at = LAST_CLOSED - 500 * HOUR
    factor = np.where(whole.timestamp >= at, 100.0, 1.0)
    columns = {
        name: array * factor if name in ("open", "high", "low", "close") else array
        for name, array in whole.columns().items()
    }
    puppet.series["ADA-USDT"] = Candles.from_columns(columns)
    run(context)
    entry = report(context)["symbols"]["ADA-USDT"]
    assert entry["usable_since"] == at
    assert entry["usable_rows"] == 501
    assert entry["breaks"][-1]["kind"] == "jump"


def test_without_a_universe_the_owner_is_told_what_to_run(context: Context) -> None:
    context.paths.universe_file(context.current_run.run_date).unlink()
    with pytest.raises(DataError, match="huracan run universe"):
        run(context)
