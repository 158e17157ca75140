"""What a trade costs, at each side and at each hour."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan.market.candles import COLUMNS, Candles
from huracan.market.costs import FUNDING_BPS_PER_DAY, IMPACT_COEFFICIENT, Costs, estimate_costs, slippage_series
from huracan.paths import canonical_json

SOL = {
    "taker_fee_bps": 10.0,
    "maker_fee_bps": 2.0,
    "fee_source": "exchange",
    "spread_bps": 4.0,
    "spread_source": "ticker",
    "quote_volume_24h": 4_000_000.0,
    "daily_volatility": 0.05,
    "order_quote": 10_000.0,
}


def costs(**changes: Any) -> Costs:
    return estimate_costs(**{**SOL, **changes})


def test_a_worked_example_by_hand() -> None:
    # 10,000 of 4,000,000 is 1/400, its root 1/20; 5 % a day is 500 bps, a twentieth of that is 25.
    found = costs()
    assert found.slippage_bps == pytest.approx(25.0)
    assert found.side_bps == pytest.approx(10.0 + 2.0 + 25.0)
    assert found.round_trip_bps == pytest.approx(74.0)


def test_a_spot_market_pays_no_funding() -> None:
    assert costs().funding_bps_per_day == 0.0


def test_a_dead_market_slips_like_an_order_of_a_whole_day() -> None:
    assert costs(quote_volume_24h=0.0).slippage_bps == pytest.approx(500.0)
    assert costs(order_quote=1e12).slippage_bps == pytest.approx(500.0)


def test_four_times_the_order_slips_twice_as_much() -> None:
    assert costs(order_quote=40_000.0).slippage_bps == pytest.approx(2 * costs().slippage_bps)


def test_the_file_says_where_each_number_is_from_and_adds_up() -> None:
    document = json.loads(canonical_json(costs().to_json()))
    assert document["fee_source"] == "exchange"
    assert document["spread_source"] == "ticker"
    assert document["slippage_source"] == "estimate"
    assert document["order_quote"] == 10_000.0
    parts = document["fee_bps"] + document["half_spread_bps"] + document["slippage_bps"]
    assert document["round_trip_bps"] == pytest.approx(2 * parts)


@given(
    volume=st.floats(0, 1e12), volatility=st.floats(0, 10), order=st.floats(0, 1e9), spread=st.floats(0, 1e4)
)  # fmt: skip
def test_costs_are_finite_and_never_below_the_fee(
    volume: float, volatility: float, order: float, spread: float
) -> None:
    found = costs(quote_volume_24h=volume, daily_volatility=volatility, order_quote=order, spread_bps=spread)
    assert math.isfinite(found.round_trip_bps)
    assert found.side_bps >= found.to_json()["fee_bps"]


@given(order=st.floats(1, 1e8), more=st.floats(1, 100), volume=st.floats(1, 1e12))
def test_more_volume_never_slips_more_and_a_larger_order_never_less(order: float, more: float, volume: float) -> None:
    here = costs(order_quote=order, quote_volume_24h=volume).slippage_bps
    assert costs(order_quote=order, quote_volume_24h=volume * more).slippage_bps <= here
    assert costs(order_quote=order * more, quote_volume_24h=volume).slippage_bps >= here


def test_holding_a_perpetual_costs_funding() -> None:
    assert costs(perpetual=True).funding_bps_per_day == FUNDING_BPS_PER_DAY > 0
    assert costs(perpetual=True).round_trip_bps == costs().round_trip_bps


def test_a_maker_waits_and_pays_its_fee_alone() -> None:
    found = costs(entry="maker", exit="taker")
    assert found.entry_bps == 2.0
    assert found.exit_bps == pytest.approx(10.0 + 2.0 + 25.0)
    assert found.round_trip_bps == pytest.approx(39.0)
    assert found.to_json()["entry_side"] == "maker"


def test_a_rebate_lowers_what_a_round_trip_costs() -> None:
    assert costs(entry="maker", exit="maker").round_trip_bps == 4.0
    assert costs(entry="maker", exit="maker", maker_fee_bps=-1.0).round_trip_bps == -2.0


def test_the_file_says_whether_funding_was_known() -> None:
    assert costs().funding_source == "none"
    assert costs(funding_known=True).funding_source == "none", "a spot market has no funding"
    assert costs(perpetual=True).funding_source == "estimate"
    assert costs(perpetual=True, funding_known=True).funding_source == "exchange"


# --------------------------------------------------------------------------------------------------- hour by hour


def make_candles(close: np.ndarray, volume: np.ndarray) -> Candles:
    times = np.arange(len(close)) * 3_600_000
    return Candles.from_columns(dict(zip(COLUMNS, (times, close, close, close, close, volume), strict=True)))


def wandering(rows: int, seed: int = 1) -> Candles:
    generator = np.random.default_rng(seed)
    return make_candles(100 * np.exp(np.cumsum(generator.normal(0, 0.01, rows))), generator.lognormal(3, 1, rows))


def by_definition(candles: Candles, row: int, order: float, day: int) -> float:
    """One row's slippage as the docstring says it, in plain sums."""
    turnover = (candles.close * candles.volume)[max(0, row + 1 - day) : row + 1].mean() * day
    steps = np.diff(np.log(candles.close[: row + 1]))[-7 * day :]
    volatility = math.sqrt(float(np.mean(steps**2)) * day) if len(steps) else 0.0
    share = min(1.0, order / turnover) if turnover > 0 else 1.0
    return IMPACT_COEFFICIENT * volatility * 1e4 * math.sqrt(share)


@pytest.mark.parametrize(("timeframe", "day"), [("1h", 24), ("4h", 6), ("1d", 1)])
def test_every_row_slips_as_the_law_says(timeframe: str, day: int) -> None:
    candles = wandering(400)
    found = slippage_series(candles, timeframe, 500.0)
    assert found == pytest.approx([by_definition(candles, row, 500.0, day) for row in range(400)], rel=1e-9)


def test_a_row_in_the_middle_agrees_with_the_estimate_for_that_night() -> None:
    candles = wandering(400)
    turnover = float((candles.close * candles.volume)[-24:].sum())
    volatility = math.sqrt(float(np.mean(np.diff(np.log(candles.close))[-168:] ** 2)) * 24)
    night = costs(quote_volume_24h=turnover, daily_volatility=volatility, order_quote=500.0)
    assert slippage_series(candles, "1h", 500.0)[-1] == pytest.approx(night.slippage_bps)


@given(rows=st.integers(0, 60), cut=st.integers(0, 60), seed=st.integers(0, 50))
def test_no_row_of_the_past_moves_by_a_bit_when_the_future_comes(rows: int, cut: int, seed: int) -> None:
    candles = wandering(rows, seed)
    whole = slippage_series(candles, "4h", 500.0)
    assert whole.shape == (rows,)
    np.testing.assert_array_equal(slippage_series(candles.take(slice(0, cut)), "4h", 500.0), whole[:cut])


def test_a_row_does_not_depend_on_what_lies_longer_ago_than_a_week() -> None:
    candles = wandering(500)
    late = slippage_series(candles.take(slice(200, 500)), "1h", 500.0)
    np.testing.assert_array_equal(slippage_series(candles, "1h", 500.0)[400:], late[200:])


def test_hours_without_volume_or_movement_slip_a_number() -> None:
    still = make_candles(np.full(50, 100.0), np.zeros(50))
    assert (slippage_series(still, "1h", 500.0) == 0.0).all()
    dead = slippage_series(make_candles(wandering(50).close, np.zeros(50)), "1h", 500.0)
    assert np.isfinite(dead).all()
    assert dead[-1] == pytest.approx(slippage_series(wandering(50), "1h", 1e12)[-1]), "as an order of a whole day"


@pytest.mark.realdata
def test_on_real_hours_a_small_coin_slips_more_than_bitcoin_and_a_crash_more_than_the_days_before(
    realdata: Path,
) -> None:
    def slippage(symbol: str) -> tuple[np.ndarray, np.ndarray]:
        frame = pl.read_parquet(realdata / "crypto_1h" / f"{symbol}.parquet")
        candles = Candles.from_columns({name: frame[name].to_numpy() for name in COLUMNS})
        return candles.timestamp, slippage_series(candles, "1h", 1000.0)

    times, bitcoin = slippage("BTC-USDT")
    crash = (times >= 1_584_057_600_000) & (times < 1_584_144_000_000)
    before = (times >= 1_583_366_400_000) & (times < 1_583_798_400_000)
    assert len(bitcoin) == len(times)
    assert np.isfinite(bitcoin).all()
    assert np.median(bitcoin[crash]) > 2 * np.median(bitcoin[before]), "13 March 2020"
    assert np.median(slippage("XTZ-USDT")[1]) > 3 * np.median(bitcoin)
