from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_training.backtest import backtest
from huracan_training.outcomes import Outcomes, Prices, find_outcomes
from huracan_training.settings import LabelSettings

FORWARD = LabelSettings()
RISKY = 1e9
"""So much risk that every trade takes the whole equity."""


def prices(opens: np.ndarray, closes: np.ndarray, enter: float = 0.0, leave: float = 0.0, due: float = 0.0) -> Prices:
    high, low = np.maximum(opens, closes), np.minimum(opens, closes)
    rows = len(opens)
    return Prices(opens, high, low, closes, np.full(rows, enter), np.full(rows, leave), np.full(rows, 1.0 - due))


def outcomes_of(given_prices: Prices, horizon: int, stake: float = 1.0, label: LabelSettings = FORWARD) -> Outcomes:
    found = find_outcomes(given_prices, horizon, label, RISKY)
    return Outcomes(
        found.exit_row, found.exit_price, found.inside, found.gross, found.net, found.scale,
        np.full(len(found.net), stake),
    )  # fmt: skip


def in_plain_python(
    given_prices: Prices, outcomes: Outcomes, scores: list[float], threshold: float, start: int, stop: int,
    horizon: int,
) -> tuple[list[int], list[float], list[float]]:  # fmt: skip
    """Walk bar by bar with a wallet of 1, as a person would: (signals, returns of the stakes, returns per bar)."""
    p, signals, earned, returns = given_prices, [], [], []
    coins, money, put_in, signal = 0.0, 1.0, 0.0, -1
    before = 1.0

    def sell(row: int, price: float) -> None:
        nonlocal coins, money
        got = coins * price * (1 - p.leave[row])
        earned.append(got / put_in - 1)
        money, coins = money + got, 0.0

    for row in range(start, stop):
        due = signal >= 0 and coins and row == outcomes.exit_row[signal]
        if due and not outcomes.inside[signal]:
            sell(row, outcomes.exit_price[signal])
        if row > start and not coins and scores[row - 1 - start] > threshold and row + horizon <= stop - 1:
            signal = row - 1
            signals.append(signal)
            put_in = money * outcomes.stake[signal]
            coins, money = put_in * (1 - p.enter[row]) / p.open[row], money - put_in
            due = row == outcomes.exit_row[signal]
        if due and coins and outcomes.inside[signal]:
            sell(row, outcomes.exit_price[signal])
        coins *= p.carry[row]
        wealth = money + coins * p.close[row]
        returns.append(wealth / before - 1)
        before = wealth
    return signals, earned, returns


PRICES = st.lists(st.floats(0.5, 2.0), min_size=2, max_size=60)


@settings(max_examples=300, deadline=None)
@given(data=st.data(), closes=PRICES, horizon=st.integers(1, 9), cost=st.floats(0, 0.02), threshold=st.floats(0, 1))
def test_the_backtest_earns_what_a_walk_bar_by_bar_earns(
    data: st.DataObject, closes: list[float], horizon: int, cost: float, threshold: float
) -> None:
    rows = len(closes)
    opens = data.draw(st.lists(st.floats(0.5, 2.0), min_size=rows, max_size=rows))
    start = data.draw(st.integers(0, rows - 2))
    stop = data.draw(st.integers(start + 2, rows))
    scores = data.draw(st.lists(st.floats(0, 1), min_size=stop - start, max_size=stop - start))
    stake = data.draw(st.floats(0.05, 1.0))
    label = LabelSettings(kind=data.draw(st.sampled_from(["forward", "barrier"])), take_profit=0.1, stop_loss=0.1)
    given_prices = prices(np.array(opens), np.array(closes), cost, cost * 1.5, data.draw(st.floats(-0.001, 0.001)))
    outcomes = outcomes_of(given_prices, horizon, stake, label)
    signals, earned, returns = in_plain_python(given_prices, outcomes, scores, threshold, start, stop, horizon)
    result = backtest(given_prices, outcomes, np.array(scores), threshold, start, stop, horizon)
    assert result.signals.tolist() == signals
    np.testing.assert_allclose(result.trades, earned, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(result.returns, returns, rtol=1e-9, atol=1e-12)


def test_the_bar_that_gives_the_signal_is_not_traded() -> None:
    opens = np.array([1.0, 10.0, 20.0, 20.0])
    given_prices = prices(opens, opens)
    result = backtest(given_prices, outcomes_of(given_prices, 1), np.array([1.0, 0.0, 0.0, 0.0]), 0.5, 0, 4, 1)
    assert result.signals.tolist() == [0]
    assert result.trades.tolist() == [1.0]


def test_a_position_never_outlives_its_fold() -> None:
    """The prices after the fold are poison: nothing that is reported may have touched them."""
    rng = np.random.default_rng(1)
    opens, closes = rng.uniform(1, 2, 50), rng.uniform(1, 2, 50)
    opens[30:] = closes[30:] = np.nan
    given_prices = prices(opens, closes, 0.001, 0.001)
    outcomes = outcomes_of(given_prices, 3)
    result = backtest(given_prices, outcomes, np.ones(20), 0.5, 10, 30, 3)
    assert np.isfinite(result.returns).all()
    assert np.isfinite(result.trades).all()
    assert outcomes.exit_row[result.signals].max() <= 29


def test_costs_are_paid_on_both_sides_of_every_trade() -> None:
    flat = np.full(12, 5.0)
    given_prices = prices(flat, flat, 0.01, 0.02)
    result = backtest(given_prices, outcomes_of(given_prices, 2), np.ones(12), 0.5, 0, 12, 2)
    assert len(result.trades) == 5
    np.testing.assert_allclose(result.trades, 0.99 * 0.98 - 1)
    np.testing.assert_allclose(np.prod(1 + result.returns), (0.99 * 0.98) ** 5)


def test_the_equity_moves_by_what_was_put_in() -> None:
    opens = np.array([1.0, 1.0, 2.0, 2.0])
    given_prices = prices(opens, np.array([1.0, 1.5, 2.0, 2.0]))
    outcomes = outcomes_of(given_prices, 1, stake=0.5)
    result = backtest(given_prices, outcomes, np.array([1.0, 0.0, 0.0, 0.0]), 0.5, 0, 4, 1)
    assert result.trades.tolist() == [1.0]
    np.testing.assert_allclose(np.cumprod(1 + result.returns), [1.0, 1.25, 1.5, 1.5])


def test_funding_is_paid_for_every_bar_held() -> None:
    flat = np.full(8, 5.0)
    given_prices = prices(flat, flat, due=0.001)
    result = backtest(given_prices, outcomes_of(given_prices, 3), np.ones(8), 0.5, 0, 8, 3)
    assert result.trades == pytest.approx([0.999**3 - 1] * len(result.trades))
