"""Markets of known truth: nothing to be foretold in one, an edge of known worth in the other."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest

from huracan.clock import milliseconds
from huracan_exchanges.catalogue import Coin, Sort, permanent_coins
from huracan_exchanges.planted import HOLD, cost_of, direction_of, memory_of, remember, rule_sharpe, signal
from huracan_exchanges.settings import SimulatedSettings
from huracan_exchanges.simulated import SimulatedExchange
from huracan_exchanges.world import World, typical_volatility

NOW = datetime(2023, 6, 1, tzinfo=UTC)
ORDINARY = [coin for coin in permanent_coins(80) if coin.sort is Sort.COIN]


def exchange(edge: str, now: datetime = NOW, start: date = date(2022, 1, 1)) -> SimulatedExchange:
    settings = SimulatedSettings.model_validate({"seed": 5, "edge": edge, "coins": 60, "start": start})
    return SimulatedExchange(settings, now)


@pytest.mark.parametrize("sharpe", [2.0, 3.0])
def test_the_plain_rule_earns_what_was_planted(sharpe: float) -> None:
    """Over several coins of both directions and all costs, in worlds that the table was not made from."""
    earned = []
    for seed, coin in enumerate(ORDINARY[1:13]):
        world = World(900 + seed, date(1990, 1, 1), milliseconds(datetime(2020, 1, 1, tzinfo=UTC)))
        volatility = typical_volatility(coin)
        memory = memory_of(coin, sharpe, volatility)
        returns, loud = world.unremembered(coin)
        remembered = remember(returns, loud, memory)
        earned.append(rule_sharpe(remembered, loud, direction_of(coin), cost_of(coin, volatility)))
    assert np.mean(earned) == pytest.approx(sharpe, abs=0.2)
    assert np.std(earned) < 0.6


def test_where_nothing_is_planted_the_rules_signal_foretells_nothing() -> None:
    market = exchange(
        "none", start=date(2005, 1, 1)
    )  # long: coins share the market, so that many are hardly more than one
    coefficients = []
    for coin in ORDINARY[:20]:
        pages = list(market.candles(coin.symbol, "1h", 0, milliseconds(NOW)))
        close = np.concatenate([page.close for page in pages])
        past = np.log(close[20:-HOLD] / close[: -20 - HOLD])
        coming = np.log(close[20 + HOLD :] / close[20:-HOLD])
        coefficients.append(float(np.corrcoef(past, coming)[0, 1]))
    assert abs(np.mean(coefficients)) < 0.03


def test_memory_shows_in_the_candles_in_the_planted_direction() -> None:
    market = exchange("memory")
    for coin in ORDINARY[2:10]:
        pages = list(market.candles(coin.symbol, "1h", 0, milliseconds(NOW)))
        close = np.concatenate([page.close for page in pages])
        steps = np.diff(np.log(close))
        summed = np.convolve(steps, np.ones(20))[19:-20]
        assert np.sign(np.corrcoef(summed, steps[20:])[0, 1]) == direction_of(coin), coin.symbol


def test_a_history_with_memory_does_not_depend_on_how_far_it_goes_on() -> None:
    early, late = exchange("memory", datetime(2023, 1, 1, tzinfo=UTC)), exchange("memory")
    until = milliseconds(datetime(2023, 1, 1, tzinfo=UTC))
    for symbol in ("AURA-USDT", "X003-USDT"):
        a, b = (np.concatenate([p.close for p in m.candles(symbol, "1h", 0, until)]) for m in (early, late))
        np.testing.assert_array_equal(a, b)


def test_the_demo_world_is_what_it_was() -> None:
    coin = ORDINARY[3]
    world = World(7, date(2022, 1, 1), milliseconds(NOW))
    np.testing.assert_array_equal(world.candles(coin).close, world.candles(replace(coin, memory=0.0)).close)
    assert isinstance(coin, Coin)


def test_the_signal_is_the_scaled_sum_of_the_last_twenty_returns() -> None:
    returns = np.arange(40.0)
    z = signal(returns, np.full(40, 2.0))
    assert z[30] == pytest.approx(returns[11:31].sum() / 2.0 / np.sqrt(20))
