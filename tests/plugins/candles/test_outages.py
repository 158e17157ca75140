"""Which silence is the exchange's, which hole is ours, and who is asked twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan.context import Context
from huracan.errors import TryAgainError
from huracan.market.candles import Candles
from huracan.market.checks import Gap
from huracan.types import Outcome
from huracan_candles.job import run
from huracan_candles.outages import Silences, find_outages

HOUR = 3_600_000


def report(context: Context) -> Any:
    return json.loads(context.paths.candle_report(context.current_run.run_date).read_text())


def lacking(candles: Candles, first: int, count: int) -> Candles:
    rows = np.arange(len(candles))
    return candles.take((rows < first) | (rows >= first + count))


@pytest.fixture
def outage(puppet: Any) -> tuple[int, int]:
    """Let every pair lack the same five hours; return their span."""
    times = puppet.series["ADA-USDT"].timestamp
    for symbol, candles in puppet.series.items():
        puppet.series[symbol] = lacking(candles, len(times) - 200, 5)
    return int(times[-200]), int(times[-200]) + 5 * HOUR


def test_an_outage_is_asked_about_once_more_and_remembered(
    context: Context, puppet: Any, outage: tuple[int, int]
) -> None:
    run(context)
    again = [asked[0] for asked in puppet.asked if asked[1:] == outage]
    assert sorted(again) == ["ADA-USDT", "BTC-USDT", "ETH-USDT"], "each asked once more"
    assert report(context)["outages"] == [{"from": outage[0], "to": outage[1]}]
    entry = report(context)["symbols"]["ADA-USDT"]
    assert [gap["cause"] for gap in entry["gaps"]] == ["outage"]
    puppet.asked.clear()
    run(context)
    assert puppet.asked == []


def test_a_pair_that_is_new_does_not_ask_about_an_outage_of_the_past(
    context: Context, puppet: Any, outage: tuple[int, int]
) -> None:
    run(context)
    for path in context.paths.candles.glob("ADA-USDT*"):
        path.unlink()
    puppet.asked.clear()
    run(context)
    assert [asked[0] for asked in puppet.asked] == ["ADA-USDT"]
    assert all(asked[1:] != outage for asked in puppet.asked)


def test_a_pair_that_did_not_trade_is_no_outage(context: Context, puppet: Any) -> None:
    puppet.series["ADA-USDT"] = lacking(puppet.series["ADA-USDT"], 4000, 3)
    run(context)
    assert report(context)["outages"] == []
    assert {gap["cause"] for gap in report(context)["symbols"]["ADA-USDT"]["gaps"]} <= {"silence"}
    assert not (context.paths.candles / "outages.json").exists()


def test_a_hole_that_a_bad_answer_left_is_filled_in_the_same_night(context: Context, puppet: Any) -> None:
    whole = puppet.series["ADA-USDT"]
    hurt: list[int] = []

    def forget_some(page: Candles) -> Candles:
        if hurt or not len(page) or not np.array_equal(page.close, whole.between(*_span(page)).close):
            return page
        hurt.append(1)
        return lacking(page, 100, 7)

    puppet.mischief = forget_some
    assert run(context).outcome is Outcome.DONE
    assert hurt
    assert report(context)["symbols"]["ADA-USDT"]["gaps"] == []


def _span(page: Candles) -> tuple[int, int]:
    return int(page.timestamp[0]), int(page.timestamp[-1]) + 1


def test_an_exchange_that_is_away_leaves_a_fresh_cache_usable(begin_run: Callable[..., Context], puppet: Any) -> None:
    run(begin_run(days=50))
    puppet.fails = dict.fromkeys(puppet.series, TryAgainError("the exchange banned us"))
    longer = begin_run(days=60)
    puppet.asked.clear()
    result = run(longer)
    assert result.outcome is Outcome.PARTLY_FAILED
    assert len(puppet.asked) == 1, "nobody knocks again in the same run"
    assert any("the exchange banned us; what was fetched is kept" in line for line in result.problems)
    assert all(entry["state"] == "ok" for entry in report(longer)["symbols"].values())


def test_an_exchange_that_is_away_on_the_first_night_is_tried_again(context: Context, puppet: Any) -> None:
    puppet.fails = dict.fromkeys(puppet.series, TryAgainError("the exchange is away"))
    with pytest.raises(TryAgainError, match="the exchange is away"):
        run(context)


def test_memory_that_is_damaged_or_of_another_exchange_remembers_nothing(tmp_path: Path) -> None:
    file = tmp_path / "outages.json"
    one = Silences("a", "1h")
    one.remember(file, ((0, HOUR),))
    assert Silences.read(file, "a", "1h").outages == ((0, HOUR),)
    assert Silences.read(file, "b", "1h").outages == ()
    assert Silences.read(file, "a", "4h").outages == ()
    file.write_text("{")
    assert Silences.read(file, "a", "1h").outages == ()
    assert not one.covers(Gap(HOUR, 2 * HOUR, 1))


@given(st.lists(st.lists(st.booleans(), min_size=30, max_size=30), min_size=3, max_size=6))
def test_an_hour_is_an_outage_where_four_of_five_living_pairs_lack_it(presence: list[list[bool]]) -> None:
    """Compared with a count by hand."""
    histories = []
    for row in presence:
        hours = [0, *(hour for hour in range(1, 29) if row[hour]), 29]
        columns = {name: np.ones(len(hours)) for name in ("open", "high", "low", "close", "volume")}
        candles = Candles.from_columns({"timestamp": np.array(hours) * HOUR, **columns})
        histories.append((candles, ((0, 30 * HOUR),)))
    found = {hour for since, until in find_outages(histories, "1h") for hour in range(since // HOUR, until // HOUR)}
    lacking_hours = {hour for hour in range(1, 29) if sum(not row[hour] for row in presence) >= 0.8 * len(presence)}
    assert found == lacking_hours


def test_a_hole_that_nobody_asked_about_is_no_outage(begin_run: Callable[..., Context], puppet: Any) -> None:
    """A longer window, and an exchange that goes away after a page of each pair: what lies between is ours to fetch."""
    run(begin_run(days=30))
    longer = begin_run(days=150)
    puppet.dies_after = 1
    run(longer)
    assert report(longer)["outages"] == []
    assert not (longer.paths.candles / "outages.json").exists()
    puppet.dies_after = None
    run(longer)
    assert report(longer)["symbols"]["ADA-USDT"]["gaps"] == []
