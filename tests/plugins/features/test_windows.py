"""Rolling windows against a loop over every window."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from huracan_features.windows import lag, ratio, rolling, rolling_beta, rolling_correlation, rolling_rank

VALUES = arrays(np.float64, st.integers(0, 40), elements=st.floats(-1e3, 1e3, width=32))
ROWS = st.integers(2, 12)


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
    np.testing.assert_allclose(rolling(values, rows, what), each_window(values, rows, answer), rtol=1e-9, atol=1e-9)


@given(values=VALUES, rows=ROWS)
def test_a_rank_counts_the_values_of_its_window_below_the_newest(values: np.ndarray, rows: int) -> None:
    def share_below(window: list[float]) -> float:
        return sum(value < window[-1] for value in window) / rows

    np.testing.assert_allclose(rolling_rank(values, rows), each_window(values, rows, share_below))


@pytest.mark.parametrize("what", ["mean", "std", "min", "max", "sum"])
def test_an_unknown_value_spoils_only_the_windows_that_hold_it(what: str) -> None:
    values = np.arange(20.0)
    values[7] = np.nan
    assert np.flatnonzero(np.isnan(rolling(values, 5, what))).tolist() == [0, 1, 2, 3, 7, 8, 9, 10, 11]
    assert np.flatnonzero(np.isnan(rolling_rank(values, 5))).tolist() == [0, 1, 2, 3, 7, 8, 9, 10, 11]


@given(st.integers(0, 2**32), st.integers(3, 30))
def test_correlation_and_beta_are_those_of_the_standard_library(seed: int, rows: int) -> None:
    left, right = np.random.default_rng(seed).normal(0.001, 0.01, (2, 50))
    correlation, beta = rolling_correlation(left, right, rows), rolling_beta(left, right, rows)
    for t in range(rows - 1, 50):
        a, b = left[t - rows + 1 : t + 1].tolist(), right[t - rows + 1 : t + 1].tolist()
        assert correlation[t] == pytest.approx(statistics.correlation(a, b), rel=1e-7, abs=1e-9)
        assert beta[t] == pytest.approx(statistics.linear_regression(b, a).slope, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1 / 3, -1e-7])
def test_values_that_do_not_vary_have_no_correlation(constant: float) -> None:
    steady = np.full(60, constant) * (1 + np.finfo(float).eps * np.arange(60) % 3)
    lively = np.sin(np.arange(60.0))
    assert np.isnan(rolling_correlation(steady, lively, 10)).all()
    assert np.isnan(rolling_beta(lively, steady, 10)).all()
    np.testing.assert_allclose(rolling_beta(steady, lively, 10)[9:], 0.0, atol=1e-9)


def test_a_lag_longer_than_the_array_knows_nothing() -> None:
    assert np.isnan(lag(np.arange(3.0), 5)).all()
    np.testing.assert_array_equal(lag(np.arange(3.0), 1), [np.nan, 0.0, 1.0])


def test_a_ratio_to_nothing_or_to_the_unknown_is_unknown() -> None:
    found = ratio(np.array([1.0, 1.0, np.nan, np.inf, 3.0]), np.array([0.0, np.nan, 1.0, 1.0, 2.0]))
    np.testing.assert_array_equal(found, [np.nan, np.nan, np.nan, np.nan, 1.5])
