"""Tests of luck are right about luck: they agree with scipy, with counting, and with what is known beforehand."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from huracan.market.significance import benjamini_hochberg, permutation_p_values, stationary_bootstrap

P_VALUES = arrays(np.float64, st.integers(1, 30), elements=st.floats(0.0, 1.0))


@settings(deadline=None)
@given(P_VALUES)
def test_adjusted_p_values_are_those_of_scipy(p_values: np.ndarray) -> None:
    from scipy.stats import false_discovery_control

    assert benjamini_hochberg(p_values) == pytest.approx(false_discovery_control(p_values))


def test_nothing_to_adjust_is_nothing() -> None:
    assert len(benjamini_hochberg(np.zeros(0))) == 0


def test_shuffling_finds_the_share_that_counting_all_choices_finds() -> None:
    values = np.array([3.0, 1.0, 4.0, 1.5, 5.0, 9.0, 2.0, 6.0])
    chosen = np.array([0, 0, 0, 0, 1, 1, 0, 1], dtype=bool)
    sums = np.array([values[list(each)].sum() for each in combinations(range(8), 3)])
    exact = np.mean(sums >= values[chosen].sum())
    found = permutation_p_values(values[:, None], chosen, rounds=20_000, greater=True)[0]
    assert found == pytest.approx(exact, abs=0.004)
    centre = values.mean() * 3
    both = np.mean(np.abs(sums - centre) >= abs(values[chosen].sum() - centre) - 1e-9)
    assert permutation_p_values(values[:, None], chosen, rounds=20_000)[0] == pytest.approx(both, abs=0.006)


def test_columns_do_not_change_each_others_answer_and_a_seed_gives_one_answer() -> None:
    random = np.random.default_rng(3)
    values, chosen = random.normal(size=(60, 4)), random.random(60) < 0.4
    together = permutation_p_values(values, chosen, rounds=499)
    assert [permutation_p_values(values[:, [i]], chosen, rounds=499)[0] for i in range(4)] == pytest.approx(together)


def test_chance_is_called_significant_as_often_as_promised_and_a_difference_is_found() -> None:
    random = np.random.default_rng(5)
    chosen = np.arange(80) < 30
    noise = random.standard_t(3, size=(80, 400))
    assert 0.02 < np.mean(permutation_p_values(noise, chosen, rounds=999) <= 0.05) < 0.085
    shifted = noise + 2.0 * chosen[:, None]
    assert np.mean(permutation_p_values(shifted, chosen, rounds=999) <= 0.05) > 0.9
    assert np.mean(permutation_p_values(-shifted, chosen, rounds=999, greater=True) <= 0.05) == 0.0


def test_all_or_none_chosen_says_nothing() -> None:
    values = np.arange(5.0)[:, None]
    for chosen in (np.zeros(5, dtype=bool), np.ones(5, dtype=bool)):
        assert permutation_p_values(values, chosen).tolist() == [1.0]
    assert permutation_p_values(np.ones((6, 1)), np.arange(6) < 3).tolist() == [1.0]


def test_the_interval_of_a_mean_holds_it_about_as_often_as_promised() -> None:
    random = np.random.default_rng(11)
    found = [stationary_bootstrap(random.normal(0.5, 1.0, 120), 3.0, rounds=400, seed=i) for i in range(200)]
    held = np.mean([each is not None and each.low <= 0.5 <= each.high for each in found])
    assert 0.88 < held < 0.99


def test_days_that_are_alike_make_the_interval_wider() -> None:
    random = np.random.default_rng(2)
    steps = random.normal(size=600)
    alike = np.array([steps[max(i - 9, 0) : i + 1].sum() for i in range(600)])
    blocks, single = stationary_bootstrap(alike, 30.0), stationary_bootstrap(alike, 1.0)
    assert blocks is not None
    assert single is not None
    assert blocks.high - blocks.low > 2 * (single.high - single.low)
    assert stationary_bootstrap(alike, 30.0) == blocks


@settings(max_examples=30, deadline=None)
@given(arrays(np.float64, st.integers(2, 60), elements=st.floats(-1e3, 1e3)), st.floats(1.0, 20.0))
def test_resampled_means_stay_within_the_series(series: np.ndarray, block: float) -> None:
    found = stationary_bootstrap(series, block, rounds=50)
    assert found is not None
    assert series.min() - 1e-9 <= found.low <= found.high <= series.max() + 1e-9
    assert 0 < found.p_value <= 1
    assert stationary_bootstrap(series[:1]) is None
