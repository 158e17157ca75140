"""Measures of performance, each against a worked example and a plain reference."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from huracan.market.measures import equity_curve, hit_rate, max_drawdown, net_pnl, profit_factor, sharpe

RETURNS = arrays(np.float64, st.integers(0, 60), elements=st.floats(-0.9, 2.0))
YEAR = 8760.0


def test_sharpe_of_a_worked_example() -> None:
    # Mean 0.02, squared deviations 0.0001 + 0.0001 over n - 1 = 2, deviation 0.01: 2 a bar, 20 over 100 bars.
    assert sharpe(np.array([0.01, 0.02, 0.03]), 100.0) == pytest.approx(20.0)


@given(RETURNS)
def test_sharpe_is_that_of_the_standard_library(returns: np.ndarray) -> None:
    found = sharpe(returns, YEAR)
    if found is None:
        assert len(returns) < 2 or np.ptp(returns) < 1e-9
    else:
        values = returns.tolist()
        expected = statistics.fmean(values) / statistics.stdev(values) * math.sqrt(YEAR)
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)


@given(RETURNS, st.floats(0.01, 10))
def test_sharpe_does_not_depend_on_the_size_of_the_position(returns: np.ndarray, size: float) -> None:
    assume(len(returns) > 1 and np.std(returns) > 1e-6)
    assert sharpe(returns * size, YEAR) == pytest.approx(sharpe(returns, YEAR), rel=1e-6, abs=1e-9)


@given(RETURNS)
def test_sharpe_of_the_other_side_has_the_other_sign(returns: np.ndarray) -> None:
    assume(len(returns) > 1 and np.std(returns) > 1e-6)
    there, back = sharpe(returns, YEAR), sharpe(-returns, YEAR)
    assert there is not None
    assert back == pytest.approx(-there)


def test_sharpe_grows_with_the_root_of_the_bars_of_a_year() -> None:
    returns = np.array([0.01, -0.02, 0.03])
    hourly, quarterly = sharpe(returns, 8760.0), sharpe(returns, 4 * 8760.0)
    assert hourly is not None
    assert quarterly == pytest.approx(2 * hourly)


@pytest.mark.parametrize("returns", [[], [0.01], [0.0, 0.0], [0.1] * 7, [0.1 + 0.2, 0.3]])
def test_sharpe_does_not_exist_without_variation(returns: list[float]) -> None:
    assert sharpe(np.array(returns), YEAR) is None


def test_drawdown_of_a_worked_example() -> None:
    # 1 -> 1.5 -> 0.75 -> 0.9 -> 1.8: the worst fall is from 1.5 to 0.75.
    assert max_drawdown(np.array([0.5, -0.5, 0.2, 1.0])) == pytest.approx(0.5)


def test_a_loss_on_the_first_bar_is_a_drawdown() -> None:
    assert max_drawdown(np.array([-0.1, 0.5])) == pytest.approx(0.1)


@given(RETURNS)
def test_drawdown_is_that_of_every_pair_of_high_and_later_low(returns: np.ndarray) -> None:
    wealth = [1.0]
    for each in returns.tolist():
        wealth.append(wealth[-1] * (1 + each))
    worst = max(1 - wealth[low] / wealth[high] for high in range(len(wealth)) for low in range(high, len(wealth)))
    assert max_drawdown(returns) == pytest.approx(worst, abs=1e-12)
    assert 0.0 <= max_drawdown(returns) <= 1.0


@given(RETURNS, RETURNS)
def test_drawdown_never_shrinks_as_time_goes_on(returns: np.ndarray, later: np.ndarray) -> None:
    assert max_drawdown(np.concatenate([returns, later])) >= max_drawdown(returns)


def test_losing_everything_is_a_drawdown_of_one() -> None:
    assert max_drawdown(np.array([0.5, -1.0, 0.3])) == 1.0
    assert net_pnl(np.array([0.5, -1.0, 0.3])) == -1.0


def test_wealth_beyond_every_float_is_still_a_number() -> None:
    doubling = np.ones(3000)
    assert net_pnl(doubling) == pytest.approx(1e300)
    assert equity_curve(doubling).max() == pytest.approx(1e300)
    assert max_drawdown(doubling) == 0.0
    # What falls after that is seen all the same, and so is the end of it.
    assert max_drawdown(np.append(doubling, [-0.25, 0.1])) == pytest.approx(0.25)
    assert net_pnl(np.append(doubling, -1.0)) == -1.0


def test_losing_more_than_everything_ends_at_nothing() -> None:
    returns = np.array([0.5, -1.2, -3.0, 4.0])
    assert max_drawdown(returns) == 1.0
    assert net_pnl(returns) == -1.0
    assert equity_curve(returns)[2:].tolist() == [0.0, 0.0, 0.0]


def test_net_pnl_compounds() -> None:
    assert net_pnl(np.array([0.1, 0.1])) == pytest.approx(0.21)
    assert net_pnl(np.array([0.5, -0.5])) == pytest.approx(-0.25)
    assert net_pnl(np.array([])) == 0.0


@given(RETURNS)
def test_the_curve_starts_at_one_and_ends_at_the_net_result(returns: np.ndarray) -> None:
    curve = equity_curve(returns)
    assert curve.shape == (len(returns) + 1,)
    assert curve[0] == 1.0
    assert curve[-1] - 1.0 == pytest.approx(net_pnl(returns), rel=1e-9, abs=1e-12)


def test_a_trade_that_earned_nothing_is_no_hit() -> None:
    assert hit_rate(np.array([0.01, 0.0, -0.01, 0.02])) == 0.5


def test_measures_of_trades_do_not_exist_without_them() -> None:
    nothing = np.array([])
    assert hit_rate(nothing) is None
    assert profit_factor(nothing) is None


def test_profit_factor_of_a_worked_example() -> None:
    assert profit_factor(np.array([0.03, -0.01, 0.01, -0.01])) == pytest.approx(2.0)
    assert profit_factor(np.array([-0.01])) == 0.0


def test_profit_factor_does_not_exist_where_nothing_was_lost() -> None:
    assert profit_factor(np.array([0.01, 0.02])) is None


@given(RETURNS)
def test_no_measure_is_ever_nan_or_infinite(returns: np.ndarray) -> None:
    values = [sharpe(returns, YEAR), max_drawdown(returns), net_pnl(returns), hit_rate(returns), profit_factor(returns)]
    assert all(value is None or math.isfinite(value) for value in values)
