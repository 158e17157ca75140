"""The trade that each row stands for, against plain loops and cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_training.outcomes import Prices, find_outcomes, forward_returns, trailing_volatility
from huracan_training.settings import LabelSettings

BARRIER = LabelSettings(kind="barrier", take_profit=1.0, stop_loss=1.0)


def flat_until(rows: int, **changed: tuple[int, float]) -> Prices:
    """Prices that waver by 1 % around 100, so that the volatility is known, with single values changed."""
    base = 100.0 * np.exp(0.01 * (np.arange(rows) % 2))
    columns = {name: base.copy() for name in ("open", "high", "low", "close")}
    for name, (row, value) in changed.items():
        columns[name][row] = value
    zero = np.zeros(rows)
    return Prices(columns["open"], columns["high"], columns["low"], columns["close"], zero, zero, np.ones(rows))


def by_hand(prices: Prices, row: int, horizon: int, width: float) -> tuple[int, float, bool]:
    """Follow one trade bar by bar: (row and price of the exit, whether a barrier ended it)."""
    entry = prices.open[row + 1]
    above, below = entry * (1 + width), max(entry * (1 - width), 0.0)
    for bar in range(row + 1, row + 1 + horizon):
        if prices.low[bar] <= below:
            return bar, min(below, prices.open[bar]), True
        if prices.high[bar] >= above:
            return bar, max(above, prices.open[bar]), True
    return row + 1 + horizon, prices.open[row + 1 + horizon], False


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 10_000), horizon=st.integers(1, 12), rows=st.integers(20, 80))
def test_the_first_barrier_touched_ends_the_trade(seed: int, horizon: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, rows)))
    opens = np.concatenate([[100.0], close[:-1]]) * np.exp(rng.normal(0, 0.003, rows))
    high = np.maximum(opens, close) * np.exp(np.abs(rng.normal(0, 0.005, rows)))
    low = np.minimum(opens, close) * np.exp(-np.abs(rng.normal(0, 0.005, rows)))
    prices = Prices(opens, high, low, close, np.zeros(rows), np.zeros(rows), np.ones(rows))
    found = find_outcomes(prices, horizon, BARRIER, 0.01)
    for row in range(rows - horizon - 1):
        width = found.scale[row] if np.isfinite(found.scale[row]) else np.inf
        exit_row, price, inside = by_hand(prices, row, horizon, width)
        assert (found.exit_row[row], found.inside[row]) == (exit_row, inside)
        assert found.exit_price[row] == pytest.approx(price)
    assert np.isnan(found.net[rows - horizon - 1 :]).all(), "what reaches past the end is not known"


def test_a_bar_that_touches_both_barriers_counts_as_a_loss() -> None:
    prices = flat_until(60, high=(52, 150.0), low=(52, 50.0))
    found = find_outcomes(prices, 4, BARRIER, 0.01)
    assert found.net[50] < 0
    assert found.exit_row[50] == 52


def test_a_gap_beyond_the_stop_is_sold_at_the_open_not_at_the_stop() -> None:
    prices = flat_until(60, open=(53, 60.0), low=(53, 60.0))
    found = find_outcomes(prices, 4, BARRIER, 0.01)
    assert found.exit_price[50] == 60.0


def test_the_forward_rule_is_the_return_between_two_opens() -> None:
    prices = flat_until(60)
    found = find_outcomes(prices, 8, LabelSettings(), 0.01)
    np.testing.assert_allclose(found.gross, forward_returns(prices.open, 8))


def test_net_is_what_is_left_after_both_sides_and_funding() -> None:
    rows = 40
    flat = np.full(rows, 10.0)
    prices = Prices(flat, flat, flat, flat, np.full(rows, 0.01), np.full(rows, 0.02), np.full(rows, 0.999))
    found = find_outcomes(prices, 5, LabelSettings(), 0.01)
    np.testing.assert_allclose(found.net[:-6], 0.99 * 0.98 * 0.999**5 - 1)


def test_a_stake_risks_the_same_share_in_quiet_and_in_wild_times() -> None:
    rng = np.random.default_rng(1)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 1, 600) * np.repeat([0.002, 0.02], 300)))
    zero = np.zeros(600)
    prices = Prices(close, close, close, close, zero, zero, np.ones(600))
    found = find_outcomes(prices, 8, LabelSettings(), 0.01)
    assert found.stake[250] == 1.0, "never more than the whole equity"
    assert found.stake[500] * found.scale[500] == pytest.approx(0.01)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1000), cut=st.integers(20, 290))
def test_the_volatility_of_a_row_does_not_know_later_rows(seed: int, cut: int) -> None:
    close = 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, 300)))
    np.testing.assert_array_equal(trailing_volatility(close)[:cut], trailing_volatility(close[:cut]))
