"""Measures against independent libraries and the examples of the papers they come from."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from huracan.market.measures import (
    calmar,
    deflated_sharpe,
    effective_trials,
    expected_maximum_sharpe,
    information_coefficient,
    kurtosis,
    max_drawdown,
    net_pnl,
    probabilistic_sharpe,
    sharpe,
    skewness,
    sortino,
)

RETURNS = np.random.default_rng(2014).standard_t(4, 500) * 0.01 + 0.0005
"""As in ``tests/references/make_measures.py``, which made the values below with empyrical-reloaded 0.7.1."""


def test_sharpe_sortino_calmar_and_drawdown_are_those_of_an_independent_library() -> None:
    assert sharpe(RETURNS, 365) == pytest.approx(0.9937107202833044, rel=1e-9)
    assert sortino(RETURNS, 365) == pytest.approx(1.4589151938136098, rel=1e-9)
    assert calmar(RETURNS, 365) == pytest.approx(1.0136358198726756, rel=1e-9)
    assert max_drawdown(RETURNS) == pytest.approx(0.24870605557206218, rel=1e-9)
    assert net_pnl(RETURNS) == pytest.approx(0.3606637816582201, rel=1e-9)


def test_the_sortino_ratio_of_the_worked_example() -> None:
    """Rollinger and Hoffman 2013: eight yearly returns, target 0: 4.417."""
    returns = np.array([0.17, 0.15, 0.23, -0.05, 0.12, 0.09, 0.13, -0.04])
    assert sortino(returns, 1.0) == pytest.approx(4.417, abs=5e-4)


def with_moments(ratio: float, skew: float, tails: float, count: int) -> np.ndarray:
    """Return a series of three values whose Sharpe ratio, skewness and kurtosis are about these."""
    # A rare large fall makes the skewness and the tails: its share p follows from both, see any text on two-point laws.
    best: tuple[float, np.ndarray] = (math.inf, np.zeros(count))
    for share in np.linspace(0.005, 0.2, 400):
        falls = max(1, round(share * count))
        for size in np.linspace(2.0, 12.0, 60):
            draws = np.concatenate([np.full(falls, -size), np.tile([1.0, -1.0], count)[: count - falls]])
            z = (draws - draws.mean()) / draws.std(ddof=1)
            wrong = abs(float(stats.skew(z)) - skew) + abs(float(stats.kurtosis(z, fisher=False)) - tails)
            if wrong < best[0]:
                best = wrong, z
    return best[1] * 0.01 + ratio * 0.01


def test_the_deflated_sharpe_ratio_of_the_papers_example() -> None:
    """Bailey and Lopez de Prado 2014, "A Numerical Example": 100 trials, yearly ratio 2.5 over 1,250 days, variance of
    the trials' yearly ratios 1/2, skewness -3, kurtosis 10: SR0 = 0.1132 a day, DSR = 0.9004."""
    variance = 0.5 / 250
    assert expected_maximum_sharpe(100, variance) == pytest.approx(0.1132, abs=5e-5)
    ratio = 2.5 / math.sqrt(250)
    statistic = (ratio - expected_maximum_sharpe(100, variance)) * math.sqrt(1249)
    spread = math.sqrt(1 + 3 * ratio + 9 / 4 * ratio**2)
    assert stats.norm.cdf(statistic / spread) == pytest.approx(0.9004, abs=5e-5)
    # The same through our own function, on a series with about those moments.
    series = with_moments(ratio, -3.0, 10.0, 1250)
    skew, tails = skewness(series), kurtosis(series)
    assert skew is not None
    assert tails is not None
    exact = math.sqrt(1 - skew * ratio + (tails - 1) / 4 * ratio**2)
    assert deflated_sharpe(series, 100, variance) == pytest.approx(stats.norm.cdf(statistic / exact), abs=1e-6)
    assert deflated_sharpe(series, 100, variance) == pytest.approx(0.9004, abs=0.02)


def test_fewer_trials_need_less_luck_as_the_paper_says() -> None:
    """The same example with 46 trials reaches the usual 95 %: the paper's own comparison."""
    assert expected_maximum_sharpe(46, 0.5 / 250) < expected_maximum_sharpe(100, 0.5 / 250)
    assert expected_maximum_sharpe(1, 0.5 / 250) == 0.0


def test_moments_and_ranks_are_scipys() -> None:
    assert skewness(RETURNS) == pytest.approx(float(stats.skew(RETURNS)))
    assert kurtosis(RETURNS) == pytest.approx(float(stats.kurtosis(RETURNS, fisher=False)))


@given(
    pairs=st.lists(st.tuples(st.integers(0, 5), st.floats(-1, 1)), min_size=2, max_size=60),
)
def test_the_information_coefficient_is_scipys_rank_correlation_with_ties(pairs: list[tuple[int, float]]) -> None:
    left, right = np.array([p[0] for p in pairs], dtype=float), np.array([p[1] for p in pairs])
    found = information_coefficient(left, right)
    if np.ptp(left) == 0 or np.ptp(right) == 0:
        assert found is None
    else:
        assert found == pytest.approx(float(stats.spearmanr(left, right).statistic), abs=1e-9)


@given(trials=st.floats(1.5, 1e5), more=st.floats(1.01, 10))
def test_more_trials_always_raise_what_luck_shows(trials: float, more: float) -> None:
    assert expected_maximum_sharpe(trials * more, 0.01) > expected_maximum_sharpe(trials, 0.01)


def test_what_luck_shows_is_what_the_best_of_many_worthless_series_shows() -> None:
    rng = np.random.default_rng(5)
    best = [max(rng.normal(size=(50, 400)).mean(axis=1) / 1.0) for _ in range(300)]
    assert np.mean(best) == pytest.approx(expected_maximum_sharpe(50, 1 / 399), rel=0.05)


@given(count=st.integers(1, 1000), correlation=st.floats(0, 1))
def test_effective_trials_lie_between_one_and_all(count: int, correlation: float) -> None:
    assert 1.0 - 1e-9 <= effective_trials(count, correlation) <= count + 1e-9


def test_a_probability_against_a_higher_benchmark_is_lower() -> None:
    low, high = probabilistic_sharpe(RETURNS), probabilistic_sharpe(RETURNS, 0.1)
    assert low is not None
    assert high is not None
    assert 0 < high < low < 1


def test_without_trades_there_is_no_luck_to_speak_of() -> None:
    flat = np.zeros(100)
    assert [deflated_sharpe(flat, 20), probabilistic_sharpe(flat), sortino(flat, 365), calmar(flat, 365)] == [None] * 4
