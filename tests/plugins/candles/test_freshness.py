"""A hole that stays is asked for until that is known, and old candles are not sold as today's."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from huracan.context import Context
from huracan.market.candles import Candles
from huracan.types import Outcome
from huracan_candles.job import run

HOUR = 3_600_000
DAY = 24 * HOUR
UNTIL = 1_709_251_200_000
"""2024-03-01 00:00 UTC in ms, where the window of the fixture's run ends."""


def entry(context: Context, symbol: str = "ADA-USDT") -> Any:
    written = json.loads(context.paths.candle_report(context.current_run.run_date).read_text())
    return written["symbols"][symbol]


def before(candles: Candles, instant: int) -> Candles:
    return candles.take(candles.timestamp < instant)


def listed_at(candles: Candles, instant: int) -> Candles:
    return candles.take(candles.timestamp >= instant)


def asked_for(puppet: Any, symbol: str) -> list[tuple[int, int]]:
    return [(since, until) for name, since, until in puppet.asked if name == symbol]


def test_what_lies_before_the_listing_is_asked_for_once_as_the_window_grows(
    puppet: Any, begin_run: Callable[..., Context]
) -> None:
    puppet.series["ADA-USDT"] = listed_at(puppet.series["ADA-USDT"], UNTIL - 60 * DAY)
    run(begin_run(days=50))
    run(begin_run(days=60))
    longer = begin_run(days=90)
    puppet.asked.clear()
    run(longer)
    assert asked_for(puppet, "ADA-USDT") == [(UNTIL - 90 * DAY, UNTIL - 60 * DAY)]
    puppet.asked.clear()
    assert run(longer).outcome is Outcome.DONE
    assert asked_for(puppet, "ADA-USDT") == []
    assert entry(longer)["rows"] == 60 * 24


def test_a_silence_at_the_end_may_be_late_and_is_asked_for_again(context: Context, puppet: Any) -> None:
    puppet.series["ADA-USDT"] = before(puppet.series["ADA-USDT"], UNTIL - 5 * HOUR)
    run(context)
    puppet.asked.clear()
    run(context)
    run(context)
    assert asked_for(puppet, "ADA-USDT") == [(UNTIL - 5 * HOUR, UNTIL)] * 2


def test_half_an_answer_is_not_taken_for_a_hole(puppet: Any, begin_run: Callable[..., Context]) -> None:
    whole = puppet.series["ADA-USDT"]
    run(begin_run(days=50))
    puppet.series["ADA-USDT"] = before(whole, UNTIL - 70 * DAY)
    longer = begin_run(days=90)
    run(longer)
    puppet.series["ADA-USDT"] = whole
    run(longer)
    assert entry(longer)["rows"] == 90 * 24
    assert entry(longer)["gaps"] == []


@pytest.mark.parametrize(("silent", "state"), [(24, "ok"), (25, "failed")])
def test_a_pair_whose_candles_ended_yesterday_is_not_trained(
    context: Context, puppet: Any, silent: int, state: str
) -> None:
    puppet.series["ADA-USDT"] = before(puppet.series["ADA-USDT"], UNTIL - silent * HOUR)
    result = run(context)
    assert entry(context)["state"] == state
    assert entry(context, "BTC-USDT")["state"] == "ok"
    if state == "failed":
        said = "ADA-USDT: its newest candle closed 25 h before the run, candles.fresh_hours is 24"
        assert (result.outcome, result.problems) == (Outcome.PARTLY_FAILED, (said,))
        assert result.summary.startswith("2 of 3 pairs up to date")


def test_how_old_is_too_old_can_be_set(puppet: Any, begin_run: Callable[..., Context]) -> None:
    puppet.series["ADA-USDT"] = before(puppet.series["ADA-USDT"], UNTIL - 40 * HOUR)
    assert run(begin_run(fresh_hours=48)).outcome is Outcome.DONE


def test_a_day_may_miss_its_last_two_bars(puppet: Any, begin_run: Callable[..., Context]) -> None:
    for symbol, series in puppet.series.items():
        puppet.series[symbol] = series.take(series.timestamp % DAY == 0)
    puppet.series["ADA-USDT"] = before(puppet.series["ADA-USDT"], UNTIL - 2 * DAY)
    assert run(begin_run(timeframe="1d")).outcome is Outcome.DONE


def test_a_reference_that_cannot_be_had_is_not_counted_as_up_to_date(context: Context, puppet: Any) -> None:
    puppet.series["ETH-USDT"] = before(puppet.series["ETH-USDT"], UNTIL - 3 * DAY)
    result = run(context)
    assert result.summary.startswith("2 of 3 pairs up to date")
    written = json.loads(context.paths.candle_report(context.current_run.run_date).read_text())
    assert written["references"] == ["BTC-USDT"]
    assert np.isin(["ADA-USDT", "BTC-USDT"], list(written["symbols"])).all()
