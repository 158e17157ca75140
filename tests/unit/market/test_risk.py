"""Measures of risk, each against a worked example, another way to compute it, and what must hold for all returns."""

from __future__ import annotations

import math
from itertools import groupby

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from huracan.market.measures import drawdown_curve, max_drawdown, net_pnl
from huracan.market.risk import (
    correlations,
    excursion_summary,
    expected_shortfall,
    longest_underwater,
    omega_ratio,
    tail_ratio,
    ulcer_index,
    value_at_risk,
)

RETURNS = arrays(np.float64, st.integers(0, 60), elements=st.floats(-0.9, 2.0))
SOME = arrays(np.float64, st.integers(1, 60), elements=st.floats(-0.9, 2.0))
SHARE = st.floats(0.01, 0.5)


def test_omega_of_a_worked_example() -> None:
    # Gains 0.03 + 0.01, losses 0.02: 2. Against 0.01: 0.02 above, 0.03 below.
    returns = np.array([0.03, -0.02, 0.01])
    assert omega_ratio(returns) == pytest.approx(2.0)
    assert omega_ratio(returns, 0.01) == pytest.approx(0.02 / 0.03)


@given(SOME)
def test_omega_is_one_at_the_mean_and_above_one_exactly_where_the_mean_is_a_gain(returns: np.ndarray) -> None:
    assume(np.ptp(returns) > 1e-6)
    assert omega_ratio(returns, float(returns.mean())) == pytest.approx(1.0, rel=1e-6)
    found = omega_ratio(returns)
    if found is not None and abs(returns.mean()) > 1e-9:
        assert (found > 1.0) == (returns.mean() > 0.0)


def test_omega_is_that_of_the_integrals_of_the_distribution() -> None:
    # Keating and Shadwick define it by the areas above and below the distribution function: integrate those.
    returns = np.random.default_rng(3).standard_t(5, 200) * 0.01
    grid = np.linspace(-0.2, 0.2, 400_001)
    below = np.searchsorted(np.sort(returns), grid, side="right") / len(returns)
    step = grid[1] - grid[0]
    expected = (1.0 - below)[grid >= 0].sum() * step / (below[grid < 0].sum() * step)
    assert omega_ratio(returns) == pytest.approx(expected, rel=1e-3)


def test_tail_ratio_of_a_worked_example() -> None:
    # 101 bars: the sixth of them is -5, the sixth from above 170 (every second number from 0 on).
    returns = np.concatenate([np.arange(-10.0, 0.0), np.arange(0.0, 182.0, 2.0)]) / 1000
    assert tail_ratio(returns) == pytest.approx(170.0 / 5.0)


@given(SOME, st.floats(0.1, 10))
def test_tail_ratio_does_not_depend_on_size_and_turns_over_with_the_side(returns: np.ndarray, size: float) -> None:
    found, turned = tail_ratio(returns), tail_ratio(-returns)
    assume(found is not None and turned is not None and found > 1e-6)
    assert tail_ratio(returns * size) == pytest.approx(found, rel=1e-6)
    assert turned == pytest.approx(1.0 / found, rel=1e-6)  # type: ignore[operator]


def test_value_at_risk_and_shortfall_of_a_worked_example() -> None:
    returns = np.array([-0.10, -0.05, -0.01] + [0.01] * 37)
    # A twentieth of 40 bars are the two worst; a sixteenth are two and a half.
    assert value_at_risk(returns) == pytest.approx(0.05)
    assert expected_shortfall(returns) == pytest.approx(0.075)
    assert expected_shortfall(returns, 1 / 16) == pytest.approx((0.10 + 0.05 + 0.005) / 2.5)


@given(SOME, SHARE)
def test_value_at_risk_is_the_quantile_of_numpy(returns: np.ndarray, share: float) -> None:
    assume(abs(len(returns) * share - round(len(returns) * share)) > 1e-6)
    expected = -np.quantile(returns, share, method="inverted_cdf")
    assert value_at_risk(returns, share) == pytest.approx(expected)


@given(SOME, SHARE)
def test_shortfall_is_the_least_loss_that_rockafellar_and_uryasev_find(returns: np.ndarray, share: float) -> None:
    # Rockafellar and Uryasev 2000: the minimum over c of c + mean(max(loss - c, 0)) / share, reached at a bar.
    assume(len(returns) * share >= 1.0)
    losses = -returns
    expected = min(c + np.maximum(losses - c, 0.0).mean() / share for c in losses)
    assert expected_shortfall(returns, share) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(SOME, SHARE)
def test_shortfall_is_no_less_than_value_at_risk_and_no_more_than_the_worst_bar(
    returns: np.ndarray, share: float
) -> None:
    shortfall, risk = expected_shortfall(returns, share), value_at_risk(returns, share)
    assert shortfall is not None
    assert risk is not None
    assert risk - 1e-12 <= shortfall <= -returns.min() + 1e-12


@given(SOME)
def test_the_curve_of_drawdowns_has_the_largest_one_and_ends_where_wealth_does(returns: np.ndarray) -> None:
    curve = drawdown_curve(returns)
    assert len(curve) == len(returns) + 1
    assert curve.max() == pytest.approx(max_drawdown(returns))
    wealth = np.concatenate([[1.0], np.cumprod(1.0 + returns)])
    assert curve[-1] == pytest.approx(1.0 - (1.0 + net_pnl(returns)) / wealth.max(), abs=1e-9)


def test_ulcer_index_of_a_worked_example() -> None:
    # Wealth 1.0, 0.9, 0.8, 1.0: drawdowns 0, 0.1, 0.2, 0.
    returns = np.array([0.0, -0.1, 0.8 / 0.9 - 1.0, 0.25])
    assert ulcer_index(returns) == pytest.approx(math.sqrt((0.01 + 0.04) / 4))


@given(SOME)
def test_ulcer_index_is_between_nothing_and_the_largest_drawdown(returns: np.ndarray) -> None:
    found = ulcer_index(returns)
    assert found is not None
    assert 0.0 <= found <= max_drawdown(returns) + 1e-12


def test_what_is_still_under_water_counts() -> None:
    assert longest_underwater(np.array([-0.1, 0.2, -0.1, -0.1, 0.05])) == 3
    assert longest_underwater(np.array([0.1, 0.1])) == 0


@given(RETURNS)
def test_the_longest_time_under_water_is_that_of_the_runs_of_the_curve(returns: np.ndarray) -> None:
    runs = [len(list(bars)) for below, bars in groupby(drawdown_curve(returns) > 1e-12) if below]
    assert longest_underwater(returns) == max(runs, default=0)


@given(st.integers(2, 5), st.integers(3, 40), st.integers(0, 2**32 - 1))
def test_correlations_are_those_of_numpy(columns: int, bars: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(0.0, 0.02, (columns, bars))
    np.testing.assert_allclose(np.array(correlations(list(values)), dtype=float), np.corrcoef(values), atol=1e-9)


def test_a_coin_that_never_traded_correlates_with_nothing() -> None:
    traded = np.array([0.01, -0.02, 0.03])
    found = correlations([traded, np.zeros(3), -2.0 * traded, np.full(3, 0.1)])
    assert [row[1] for row in found] == [None] * 4
    assert [row[3] for row in found] == [None] * 4
    assert found[0][0] == pytest.approx(1.0)
    assert found[0][2] == pytest.approx(-1.0)
    assert correlations([]) == []


def test_excursions_of_a_worked_example() -> None:
    against, ahead, gross = np.array([-10.0, -30.0, -20.0]), np.array([40.0, 10.0, 30.0]), np.array([35.0, -25.0, 10.0])
    found = excursion_summary(against, ahead, gross)
    assert found is not None
    assert (found.trades, found.mean_mae_bps) == (3, -20.0)
    assert found.mean_mfe_bps == pytest.approx(80 / 3)
    assert found.edge_ratio == pytest.approx(4 / 3)
    assert found.captured == pytest.approx(20 / 80)
    assert found.losers_mfe_mean_bps == pytest.approx(10.0)
    # Winners went 10 and 20 bps against: a twentieth of the way from the worse one.
    assert found.winners_mae_p95_bps == pytest.approx(-19.5)


@pytest.mark.parametrize("returns", [[], [0.0], [0.1, 0.2], [-1.0, 0.5], [-2.0, 0.5], [1e308] * 3, [0.0] * 5])
def test_no_measure_of_risk_is_ever_nan_or_infinite(returns: list[float]) -> None:
    values = np.array(returns)
    measures = (omega_ratio, tail_ratio, ulcer_index, value_at_risk, expected_shortfall)
    for each in measures:
        with np.errstate(over="ignore"):
            found = each(values)
        assert found is None or math.isfinite(found), each.__name__
    assert np.isfinite(drawdown_curve(values)).all()
    assert excursion_summary(np.zeros(0), np.zeros(0), np.zeros(0)) is None
