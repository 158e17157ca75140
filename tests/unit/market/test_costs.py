"""What a trade costs."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan.market.costs import FUNDING_BPS_PER_DAY, Costs, estimate_costs
from huracan.paths import canonical_json

SOL = {
    "taker_fee_bps": 10.0,
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
    assert found.side_bps >= found.fee_bps


@given(order=st.floats(1, 1e8), more=st.floats(1, 100), volume=st.floats(1, 1e12))
def test_more_volume_never_slips_more_and_a_larger_order_never_less(order: float, more: float, volume: float) -> None:
    here = costs(order_quote=order, quote_volume_24h=volume).slippage_bps
    assert costs(order_quote=order, quote_volume_24h=volume * more).slippage_bps <= here
    assert costs(order_quote=order * more, quote_volume_24h=volume).slippage_bps >= here


def test_holding_a_perpetual_costs_funding() -> None:
    assert costs(perpetual=True).funding_bps_per_day == FUNDING_BPS_PER_DAY > 0
    assert costs(perpetual=True).round_trip_bps == costs().round_trip_bps
