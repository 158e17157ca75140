"""Rolling windows against a loop over every window."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from huracan_features.windows import (
    Pairs,
    lag,
    ratio,
    rolling,
    rolling_mean,
    rolling_moments,
    rolling_std,
)

VALUES = arrays(np.float64, st.integers(0, 40), elements=st.floats(-1e3, 1e3, width=32))
ROWS = st.integers(2, 12)


def windowed(what: str, values: np.ndarray, rows: int) -> np.ndarray:
    if what == "std":
        return rolling_std(values, rows)
    joins = {"sum": np.add, "min": np.minimum, "max": np.maximum}
    if what in joins:
        return rolling(joins[what], values, rows)[0]
    return rolling_mean(values, rows)[0] if what == "mean" else rolling_moments(values, rows)[0][1]


def each_window(values: np.ndarray, rows: int, answer: Callable[[list[float]], float]) -> list[float]:
    return [
        answer(values[t - rows + 1 : t + 1].tolist()) if t >= rows - 1 else float("nan") for t in range(len(values))
    ]


@pytest.mark.parametrize(
    ("what", "answer"),
    [("mean", statistics.fmean), ("std", statistics.stdev), ("min", min), ("max", max), ("sum", sum)],
)
@given(values=VALUES, rows=ROWS)
def test_a_rolling_value_is_that_of_its_own_window(
    what: str, answer: Callable[[list[float]], float], values: np.ndarray, rows: int
) -> None:
    np.testing.assert_allclose(windowed(what, values, rows), each_window(values, rows, answer), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("what", ["mean", "std", "min", "max", "sum"])
def test_an_unknown_value_spoils_only_the_windows_that_hold_it(what: str) -> None:
    values = np.arange(20.0)
    values[7] = np.nan
    assert np.flatnonzero(np.isnan(windowed(what, values, 5))).tolist() == [0, 1, 2, 3, 7, 8, 9, 10, 11]


@given(st.integers(0, 2**32), st.integers(3, 30))
def test_correlation_and_beta_are_those_of_the_standard_library(seed: int, rows: int) -> None:
    left, right = np.random.default_rng(seed).normal(0.001, 0.01, (2, 50))
    correlation, beta = (
        Pairs(left, rows).correlation(Pairs(right, rows)),
        Pairs(left, rows).slope_on(Pairs(right, rows)),
    )
    for t in range(rows - 1, 50):
        a, b = left[t - rows + 1 : t + 1].tolist(), right[t - rows + 1 : t + 1].tolist()
        assert correlation[t] == pytest.approx(statistics.correlation(a, b), rel=1e-7, abs=1e-9)
        assert beta[t] == pytest.approx(statistics.linear_regression(b, a).slope, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1 / 3, -1e-7])
def test_values_that_do_not_vary_have_no_correlation(constant: float) -> None:
    steady = np.full(60, constant) * (1 + np.finfo(float).eps * np.arange(60) % 3)
    lively = np.sin(np.arange(60.0))
    still, moving = Pairs(steady, 10), Pairs(lively, 10)
    assert np.isnan(still.correlation(moving)).all()
    assert np.isnan(moving.slope_on(still)).all()
    np.testing.assert_allclose(still.slope_on(moving)[9:], 0.0, atol=1e-9)


@given(
    st.integers(0, 2**32),
    st.integers(2, 130),
    st.integers(1, 200),
    st.sampled_from(["sum", "std", "near_zero_std", "min"]),
)
def test_history_before_a_window_changes_not_one_bit_of_it(seed: int, rows: int, cut: int, what: str) -> None:
    values = np.random.default_rng(seed).lognormal(8, 1, 350)
    whole, later = (windowed(what, each, rows) for each in (values, values[cut:]))
    assert whole[cut + rows - 1 :].tobytes() == later[rows - 1 :].tobytes()


def test_a_deviation_is_not_lost_in_a_large_mean() -> None:
    values = 1e9 + np.tile([0.0, 0.5, 1.0], 20)
    assert rolling_std(values, 3)[2:] == pytest.approx(np.full(58, 0.5), rel=1e-6)
    assert np.flatnonzero(rolling_std(np.full(60, 0.1), 23)[22:] > 1e-16).tolist() == []


@given(st.integers(0, 2**32), st.integers(2, 130), st.floats(0, 10))
def test_near_zero_both_deviations_agree(seed: int, rows: int, mean: float) -> None:
    values = np.random.default_rng(seed).normal(mean, 1, 200)
    ((_, near),) = rolling_moments(values, rows)
    np.testing.assert_allclose(near, rolling_std(values, rows), rtol=1e-6, atol=2e-5 * (1 + mean))


def test_several_lengths_of_one_column_are_as_if_each_were_alone() -> None:
    values = np.random.default_rng(5).normal(size=300)
    lengths = (100, 7, 64, 33, 301)
    for several in (rolling_mean, rolling_moments):
        for rows, found in zip(lengths, several(values, *lengths), strict=True):
            np.testing.assert_array_equal(found, several(values, rows)[0])


def test_a_lag_longer_than_the_array_knows_nothing() -> None:
    assert np.isnan(lag(np.arange(3.0), 5)).all()
    np.testing.assert_array_equal(lag(np.arange(3.0), 1), [np.nan, 0.0, 1.0])


def test_a_ratio_to_nothing_or_to_the_unknown_is_unknown() -> None:
    found = ratio(np.array([1.0, 1.0, np.nan, np.inf, 3.0]), np.array([0.0, np.nan, 1.0, 1.0, 2.0]))
    np.testing.assert_array_equal(found, [np.nan, np.nan, np.nan, np.nan, 1.5])
