"""Whole nights on markets whose truth is known: a smaller draw of ``huracan bench honesty``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from huracan_training.honesty import Plan, Rate, World, play, wilson

from .conftest import ROSTER


@pytest.mark.slow
@pytest.mark.parametrize(("coins", "years", "sharpe"), [(2, 5, 4.0), pytest.param(8, 8, 3.0, marks=pytest.mark.soak)])
def test_noise_becomes_no_champion_and_most_coins_with_an_edge_do(
    coins: int, years: int, sharpe: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HURACAN_PLUGINS_ONLY", ROSTER)  # what is made of a night decides about no champion
    plan = Plan(coins=coins, years=years, sharpe=sharpe, seed=500, workers=2, folder=tmp_path)
    told: list[tuple[str, int]] = []

    def tell(world: World, night: int, nights: int) -> None:
        told.append((world.name, night))

    noise, edge = play(plan, "none", tell), play(plan, "memory", tell)
    assert told == [("none", 1), ("memory", 1)]
    assert (noise.coins, noise.champions) == (coins, 0), noise
    assert edge.coins == coins
    assert edge.champions > coins / 2, edge
    # What was played is read again, not played again.
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("results.json")}
    assert play(plan, "none", tell).champions == noise.champions
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("results.json")} == before
    answer = json.loads((tmp_path / "memory-001" / "results.json").read_text())
    assert all(coin["gates"] for coin in answer["coins"])


@given(successes=st.integers(0, 300), failures=st.integers(0, 300))
def test_the_interval_is_scipys_wilson_interval(successes: int, failures: int) -> None:
    trials = successes + failures
    if not trials:
        assert Rate(0, 0).interval == (0.0, 1.0)
        return
    expected = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    assert wilson(successes, trials) == pytest.approx((expected.low, expected.high), abs=1e-9)
