"""Measures against independent libraries and the examples of the papers they come from."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
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
    paired_gain,
    probabilistic_sharpe,
    sharpe,
    skewness,
    sortino,
)

RETURNS = np.random.default_rng(2014).standard_t(4, 500) * 0.01 + 0.0005
"""As in ``tests/references/make_measures.py``, which made the values below with empyrical-reloaded 0.7.1 and
statsmodels 0.15.0."""

ANY_RETURNS = st.one_of(
    arrays(np.float64, st.integers(0, 60), elements=st.floats(-1.0, 2.0)),
    arrays(np.float64, st.integers(0, 60), elements=st.sampled_from([-1.0, -1e-9, 0.0, 1e-300, 1e-9, 1.0, 1e9])),
)


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
    falls, size = (grid.ravel() for grid in np.meshgrid(np.arange(6, 251), np.linspace(2.0, 12.0, 60), indexing="ij"))
    ups = (count - falls + 1) // 2
    values = np.stack([-size, np.ones_like(size), -np.ones_like(size)])
    shares = np.stack([falls, ups, count - falls - ups]) / count
    centred = values - (shares * values).sum(axis=0)
    second, third, fourth = ((shares * centred**power).sum(axis=0) for power in (2, 3, 4))
    best = int(np.argmin(np.abs(third / second**1.5 - skew) + np.abs(fourth / second**2 - tails)))
    counts = (falls[best], ups[best], count - falls[best] - ups[best])
    draws = np.concatenate([np.full(number, value) for number, value in zip(counts, values[:, best], strict=True)])
    series: np.ndarray = (draws - draws.mean()) / draws.std(ddof=1) * 0.01 + ratio * 0.01
    return series


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


@pytest.mark.parametrize(
    ("lags", "statistic", "two_sided"),
    [(0, 1.2569169486491525, 0.20878371061826762), (8, 1.0660229339286784, 0.2864132748218755)],
)
def test_a_paired_gain_is_a_regression_on_a_constant_with_errors_after_newey_and_west(
    lags: int, statistic: float, two_sided: float
) -> None:
    gain = paired_gain(RETURNS, RETURNS[::-1].cumsum() / 100, lags)
    assert gain is not None
    assert gain.t_statistic == pytest.approx(statistic, rel=1e-9)
    assert gain.p_value == pytest.approx(two_sided / 2, rel=1e-9)


def test_no_difference_is_found_about_as_often_as_the_error_says() -> None:
    """Positions held over 8 bars: of 400 pairs without a difference about 5 % look better at 5 %."""
    rng = np.random.default_rng(11)
    found = 0
    for _ in range(400):
        left, right = (np.repeat(rng.standard_t(4, 125), 8) * 0.01 for _ in range(2))
        gain = paired_gain(left, right, 8)
        found += gain is not None and gain.p_value < 0.05
    assert 8 <= found <= 48


@given(ANY_RETURNS, st.floats(1, 1e6), st.integers(1, 400))
def test_no_measure_of_luck_is_ever_nan_or_out_of_its_range(returns: np.ndarray, trials: float, year: int) -> None:
    ratios = [sortino(returns, year), calmar(returns, year), skewness(returns), kurtosis(returns)]
    assert all(value is None or math.isfinite(value) for value in ratios)
    for chance in (probabilistic_sharpe(returns), deflated_sharpe(returns, trials)):
        assert chance is None or 0.0 <= chance <= 1.0


@given(ANY_RETURNS, st.floats(1, 1e5), st.floats(1, 100))
def test_more_trials_never_make_a_result_less_likely_to_be_luck(
    returns: np.ndarray, trials: float, more: float
) -> None:
    few, many = deflated_sharpe(returns, trials), deflated_sharpe(returns, trials * more)
    assert (few is None) == (many is None)
    assert few is None or many is None or many <= few


@given(ANY_RETURNS, ANY_RETURNS, st.integers(0, 20))
def test_the_gain_of_one_over_the_other_is_the_loss_of_the_other(
    left: np.ndarray, right: np.ndarray, lags: int
) -> None:
    rows = min(len(left), len(right))
    there, back = paired_gain(left[:rows], right[:rows], lags), paired_gain(right[:rows], left[:rows], lags)
    assert (there is None) == (back is None)
    if there is not None and back is not None:
        assert there.mean == pytest.approx(-back.mean)
        assert 0.0 <= there.p_value <= 1.0
        assert there.p_value + back.p_value == pytest.approx(1.0)


@given(ANY_RETURNS, st.floats(0.01, 100))
def test_sortino_and_moments_do_not_depend_on_the_size_of_the_position(returns: np.ndarray, size: float) -> None:
    for measure in (lambda x: sortino(x, 365), skewness, kurtosis):
        one, other = measure(returns), measure(returns * size)
        if one is not None and other is not None:
            assert other == pytest.approx(one, rel=1e-6, abs=1e-9)


@given(arrays(np.float64, st.integers(2, 40), elements=st.floats(-1, 1)), st.integers(0, 9))
def test_the_information_coefficient_asks_for_order_alone(scores: np.ndarray, seed: int) -> None:
    outcomes = np.random.default_rng(seed).normal(size=len(scores))
    found = information_coefficient(scores, outcomes)
    bent = information_coefficient(np.sign(scores) * np.sqrt(np.abs(scores)), outcomes)
    if found is not None and bent is not None:
        assert bent == pytest.approx(found)
        assert -1.0 <= found <= 1.0
