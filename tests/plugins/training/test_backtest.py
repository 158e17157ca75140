from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_training.backtest import TradeCosts, backtest

PRICES = st.lists(st.floats(0.5, 2.0), min_size=2, max_size=60)


def in_plain_python(
    opens: list[float], closes: list[float], scores: list[float], threshold: float, start: int, stop: int,
    horizon: int, costs: TradeCosts,
) -> tuple[list[tuple[int, int]], list[float], list[float]]:  # fmt: skip
    """Walk bar by bar with a wallet of 1, as a person would: (trades as rows, their returns, returns per bar)."""
    trades, earned, returns = [], [], []
    coins, money, bought_at, bought_for = 0.0, 1.0, -1, 0.0
    wanted = False
    before = 1.0
    for row in range(start, stop):
        if coins and row == bought_at + horizon:
            money, coins = coins * opens[row] * (1 - costs.exit), 0.0
            trades.append((bought_at, row))
            earned.append(money / bought_for - 1)
        if wanted and not coins and row + horizon <= stop - 1:
            coins, bought_at, bought_for, money = money * (1 - costs.entry) / opens[row], row, money, 0.0
        wealth = money + coins * closes[row]
        returns.append(wealth / before - 1)
        before = wealth
        wanted = scores[row - start] > threshold
    return trades, earned, returns


@settings(max_examples=300)
@given(data=st.data(), closes=PRICES, horizon=st.integers(1, 9), cost=st.floats(0, 0.02), threshold=st.floats(0, 1))
def test_the_backtest_earns_what_a_walk_bar_by_bar_earns(
    data: st.DataObject, closes: list[float], horizon: int, cost: float, threshold: float
) -> None:
    rows = len(closes)
    opens = data.draw(st.lists(st.floats(0.5, 2.0), min_size=rows, max_size=rows))
    start = data.draw(st.integers(0, rows - 2))
    stop = data.draw(st.integers(start + 2, rows))
    scores = data.draw(st.lists(st.floats(0, 1), min_size=stop - start, max_size=stop - start))
    costs = TradeCosts(cost, cost * 1.5)
    trades, earned, returns = in_plain_python(opens, closes, scores, threshold, start, stop, horizon, costs)
    result = backtest(np.array(opens), np.array(closes), np.array(scores), threshold, start, stop, horizon, costs)
    assert list(zip(result.entered.tolist(), result.left.tolist(), strict=True)) == trades
    np.testing.assert_allclose(result.trades, earned, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(result.returns, returns, rtol=1e-9, atol=1e-12)
    assert result.held.sum() == horizon * len(trades)


def test_the_bar_that_gives_the_signal_is_not_traded() -> None:
    opens = np.array([1.0, 10.0, 20.0, 20.0])
    result = backtest(opens, opens, np.array([1.0, 0.0, 0.0, 0.0]), 0.5, 0, 4, 1, TradeCosts(0.0, 0.0))
    assert result.entered.tolist() == [1]
    assert result.trades.tolist() == [1.0]


def test_a_position_never_outlives_its_fold() -> None:
    """The prices after the fold are poison: nothing that is reported may have touched them."""
    rng = np.random.default_rng(1)
    opens, closes = rng.uniform(1, 2, 50), rng.uniform(1, 2, 50)
    opens[:10] = closes[:10] = opens[30:] = closes[30:] = np.nan
    result = backtest(opens, closes, np.ones(20), 0.5, 10, 30, 3, TradeCosts(0.001, 0.001))
    assert np.isfinite(result.returns).all()
    assert np.isfinite(result.trades).all()
    assert result.left.max() <= 29


def test_costs_are_paid_on_both_sides_of_every_trade() -> None:
    flat = np.full(12, 5.0)
    result = backtest(flat, flat, np.ones(12), 0.5, 0, 12, 2, TradeCosts(0.01, 0.02))
    assert len(result.trades) == 5
    np.testing.assert_allclose(result.trades, 0.99 * 0.98 - 1)
    np.testing.assert_allclose(np.prod(1 + result.returns), (0.99 * 0.98) ** 5)
