"""Trades, regimes and rules as the worker writes them: right by counting, blind to the future, in step with metrics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan.market.candles import Candles
from huracan.market.measures import hit_rate, net_pnl
from huracan.types import FeatureSet
from huracan_features import market as words
from huracan_training.backtest import backtest
from huracan_training.carried import LocalFiles
from huracan_training.dataset import Dataset, build_dataset
from huracan_training.evaluate import FoldResult
from huracan_training.measure import Tried, measure
from huracan_training.patterns import find_patterns
from huracan_training.records import read_trades, trade_columns, write_trades
from huracan_training.regimes import MARKET_REGIMES, TRENDS, VOLATILITY_REGIMES, regimes_at, trends, volatility_regimes
from huracan_training.settings import LabelSettings
from huracan_training.splits import walk_forward
from huracan_training.thresholds import Threshold

HOUR = 3_600_000
HORIZON = 8
Planted = Callable[[int, int], tuple[Candles, FeatureSet]]


@pytest.fixture
def coin(planted: Planted, make_prices: Callable[..., Any]) -> Callable[..., Dataset]:
    def make(kind: str = "forward", rows: int = 1500, seed: int = 1) -> Dataset:
        candles, hinted = planted(rows, seed)
        wider = candles.columns()
        wider |= {"high": wider["high"] * 1.004, "low": wider["low"] * 0.996}
        candles = Candles.from_columns(wider)
        rule = LabelSettings(kind=kind, take_profit=1.0, stop_loss=1.0)
        return build_dataset(candles, "1h", {}, [hinted], make_prices(candles, 0.001, 0.001), HORIZON, rule, 0.01)

    return make


def folds_of(data: Dataset, count: int = 3) -> list[Any]:
    return walk_forward(len(data), folds=count, test_share=0.6, horizon=HORIZON, embargo=8, min_train=300)


def results_of(data: Dataset) -> list[FoldResult]:
    """Folds that trade whatever the hint favours."""
    results = []
    for fold in folds_of(data):
        scores = 1 / (1 + np.exp(-data.x[fold.start : fold.stop, 0]))
        found = backtest(data.prices, data.outcomes, scores, 0.6, fold.start, fold.stop, HORIZON)
        importance = {"hint": 0.7, "noise_1": 0.2, "noise_0": 0.1, "code_0": 0.5}
        results.append(FoldResult(fold, Threshold(0.6, 10, 5, 0.01), scores, found, importance))
    return results


@pytest.mark.parametrize("kind", ["forward", "barrier"])
def test_the_trades_written_compound_to_what_the_metrics_say(
    coin: Callable[..., Dataset], tmp_path: Path, kind: str
) -> None:
    data = coin(kind)
    results = results_of(data)
    metrics = measure(data, results, "1h", Tried(1, 1, 0.0))
    write_trades(LocalFiles(tmp_path), data, results, "1h")
    trades = read_trades(tmp_path, "A-USDT/1", "A-USDT", date(2023, 12, 30))
    assert len(trades) == metrics["samples"] > 30
    net = np.array([each.net_bps for each in trades]) / 1e4
    stakes = np.array([each.stake for each in trades])
    assert net_pnl(stakes * net) == pytest.approx(metrics["net_pnl"], rel=1e-9)
    assert hit_rate(net) == metrics["hit_rate"] == np.mean([each.won for each in trades])
    assert [each.number for each in trades] == list(range(1, len(trades) + 1))
    assert all(each.gross_bps - each.cost_bps == pytest.approx(each.net_bps) for each in trades)
    assert all(each.exit / each.entry - 1 == pytest.approx(each.gross_bps / 1e4) for each in trades)
    assert all(each.score > each.threshold for each in trades)


@pytest.mark.parametrize("kind", ["forward", "barrier"])
def test_a_trade_is_what_its_candles_say(coin: Callable[..., Dataset], tmp_path: Path, kind: str) -> None:
    data = coin(kind)
    write_trades(LocalFiles(tmp_path), data, results_of(data), "1h")
    rows = {int(each): i for i, each in enumerate(data.timestamp)}
    reasons = set()
    for each in read_trades(tmp_path, "A-USDT/1", "A-USDT", date(2023, 12, 30)):
        entered, p = rows[each.entered_ms], data.prices
        left = rows[each.exited_ms] if each.exit_reason == "horizon" else rows[each.exited_ms - HOUR]
        assert each.entry == p.open[entered]
        held = slice(entered, left)
        low = min([each.entry, each.exit, *p.low[held]])
        high = max([each.entry, each.exit, *p.high[held]])
        assert each.mae_bps == pytest.approx((low / each.entry - 1) * 1e4)
        assert each.mfe_bps == pytest.approx((high / each.entry - 1) * 1e4)
        assert each.mae_bps <= 0 <= each.mfe_bps
        assert each.mae_bps <= each.gross_bps + 1e-9
        assert each.gross_bps <= each.mfe_bps + 1e-9
        if each.exit_reason == "horizon":
            assert (each.bars_held, each.exit) == (HORIZON, p.open[left])
        else:
            assert p.low[left] <= each.exit <= p.high[left]
            assert each.bars_held == left - entered + 1 <= HORIZON
            assert (each.exit > each.entry) == (each.exit_reason == "take-profit")
        assert each.features["hint"] == data.x[entered - 1, 0]
        assert list(each.features) == ["hint", "noise_1", "noise_0", "noise_2", "noise_3"]
        reasons.add(each.exit_reason)
    assert reasons == ({"horizon"} if kind == "forward" else {"horizon", "take-profit", "stop-loss"})


def test_no_trades_are_written_as_an_empty_table_with_its_columns(coin: Callable[..., Dataset], tmp_path: Path) -> None:
    data = coin()
    fold = folds_of(data)[0]
    nothing = backtest(
        data.prices, data.outcomes, np.zeros(fold.test_rows), float("inf"), fold.start, fold.stop, HORIZON
    )
    results = [FoldResult(fold, Threshold(float("inf"), 0, 0, 0.0), np.zeros(fold.test_rows), nothing, {})]
    write_trades(LocalFiles(tmp_path), data, results, "1h")
    assert read_trades(tmp_path, "A-USDT/1", "A-USDT", date(2023, 12, 30)) == []
    assert {"entry", "mae_bps", "market_regime", "feature.hint"} <= set(
        pl.read_parquet(tmp_path / "trades.parquet").columns
    )
    assert read_trades(tmp_path / "older", "A-USDT/1", "A-USDT", date(2023, 12, 30)) == []


@pytest.mark.parametrize("factor", [4.0, 0.25])
def test_what_was_known_at_entry_does_not_change_with_what_came_later(
    coin: Callable[..., Dataset], factor: float
) -> None:
    data = coin()
    results = results_of(data)
    signal = int(results[1].result.signals[3])
    later = np.arange(len(data)) > signal
    spoiled = {name: getattr(data.prices, name).copy() for name in ("open", "high", "low", "close")}
    for values in spoiled.values():
        values[later] *= factor
    x = data.x.copy()
    x[later] = -9.0
    changed = replace(data, x=x, prices=replace(data.prices, **spoiled))
    before, after = trade_columns(data, results, "1h"), trade_columns(changed, results, "1h")
    at = len(results[0].result.signals) + 3
    known = [n for n in before if n.startswith("feature.")] + [
        "score",
        "threshold",
        "market_regime",
        "volatility_regime",
        "trend",
    ]
    assert {name: before[name][at] for name in known} == {name: after[name][at] for name in known}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(300, 700), st.floats(0.0, 0.05))
def test_a_regime_is_known_at_its_rows_close(seed: int, row: int, size: float) -> None:
    close = 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, size, 800)))
    rows = np.array([row])
    assert trends(close, rows) == trends(close[: row + 1], rows)
    assert volatility_regimes(close, rows) == volatility_regimes(close[: row + 1], rows)


def test_regimes_are_called_what_they_look_like() -> None:
    random = np.random.default_rng(4)
    quiet, wild = random.normal(0, 0.002, 900), random.normal(0, 0.02, 100)
    close = 100 * np.exp(np.cumsum(np.concatenate([quiet, wild])))
    assert volatility_regimes(close, np.array([999])) == ["high"]
    calmed = 100 * np.exp(np.cumsum(np.concatenate([quiet * 10, wild / 10])))
    assert volatility_regimes(calmed, np.array([999])) == ["low"]
    for drift, name in ((0.002, "rising"), (-0.002, "falling")):
        path = 100 * np.exp(np.cumsum(random.normal(drift, 0.005, 400)))
        assert trends(path, np.array([399])) == [name]
    assert trends(close, np.array([100])) == volatility_regimes(close, np.array([100])) == ["unknown"]
    walk = 100 * np.exp(np.cumsum(random.normal(0, 0.01, 20_000)))
    rows = np.arange(1000, 20_000)
    for told, names in (
        (trends(walk, rows), TRENDS),
        (volatility_regimes(walk, rows), VOLATILITY_REGIMES),
    ):
        assert all(0.2 < told.count(name) / len(rows) < 0.5 for name in names)


def test_regimes_are_the_words_of_the_features_of_the_same_names(coin: Callable[..., Dataset]) -> None:
    data = coin()
    rows = np.arange(300, 308)
    market, volatility = regimes_at(data, rows)
    assert market == ["unknown"] * 8, "the features of this coin tell none"
    assert volatility == volatility_regimes(data.prices.close, rows)
    numbers = np.full((len(data), 2), np.nan)
    numbers[rows] = np.array([[0, 1, 2, 3, np.nan, 1, 1, 7], [0, 1, 2, 0, np.nan, 1, 1, 0]]).T
    told = data.with_columns(("market_regime", "volatility_regime"), numbers)
    market, volatility = regimes_at(told, rows)
    assert market == ["TREND", "RANGE", "PANIC", "ILLIQUID", "unknown", "RANGE", "RANGE", "unknown"]
    assert volatility == ["low", "medium", "high", "low", "unknown", "medium", "medium", "low"]
    assert regimes_at(told, rows[:0]) == ([], [])
    assert words.MARKET_REGIMES == MARKET_REGIMES, "one meaning for one word"
    assert words.VOLATILITY_REGIMES == VOLATILITY_REGIMES


def test_what_each_feature_added_is_kept_of_every_trade(coin: Callable[..., Dataset], tmp_path: Path) -> None:
    data = coin()
    told = [
        replace(each, contributions={name: data.x[each.result.signals, i] * 0.5 for i, name in enumerate(data.names)})
        for each in results_of(data)
    ]
    write_trades(LocalFiles(tmp_path), data, told, "1h")
    for each in read_trades(tmp_path, "A-USDT/1", "A-USDT", date(2023, 12, 30)):
        assert each.contributions == {name: value and value * 0.5 for name, value in each.features.items()}
    write_trades(LocalFiles(tmp_path), data, [*told[:2], replace(told[2], contributions=None)], "1h")
    kept = {each.contributions for each in read_trades(tmp_path, "A-USDT/1", "A-USDT", date(2023, 12, 30))}
    assert kept == {None}, "half an answer is none"


def test_a_planted_rule_is_found_before_each_fold_and_holds_on_it(coin: Callable[..., Dataset]) -> None:
    data = coin(rows=4000)
    found = find_patterns(data, folds_of(data), HORIZON, HOUR)["rules"]
    first = [each for each in found if each["number"] == 1]
    assert len(first) == 3
    for each in first:
        assert ("hint", "above") in {(c["feature"], c["side"]) for c in each["conditions"]}
        assert each["tested"]["mean_net_bps"] > each["tested"]["base_net_bps"] + 50
    assert all(each["tested"]["significant"] for each in first)
    for each, fold in zip(first, folds_of(data), strict=True):
        assert each["tested"]["rows"] <= fold.test_rows / 4 / (HORIZON + 1) + 1, "no two outcomes share a bar"
        assert each["found"]["rows"] <= len(fold.train) / 4 / (HORIZON + 1) + 1


def test_rules_of_noise_do_not_hold(make_walk: Callable[..., Candles], noise_set: Any, make_prices: Any) -> None:
    held = tried = 0
    for seed in range(6):
        candles = make_walk(2500, seed)
        data = build_dataset(
            candles,
            "1h",
            {},
            [noise_set(2500, seed)],
            make_prices(candles, 0.001, 0.001),
            HORIZON,
            LabelSettings(),
            0.01,
        )
        rules = find_patterns(data, folds_of(data), HORIZON, HOUR)["rules"]
        held += sum(each["tested"]["significant"] for each in rules)
        tried += len(rules)
        assert all(each["found"]["mean_net_bps"] > each["found"]["base_net_bps"] for each in rules)
    assert tried > 30
    assert held <= 2


def test_a_rule_is_made_of_rows_before_its_fold_alone(coin: Callable[..., Dataset]) -> None:
    data = coin()
    fold = folds_of(data)[1]
    x, net = data.x.copy(), data.outcomes.net.copy()
    x[fold.start :] = 5.0
    net[fold.start - HORIZON - 1 :] = 7.0
    spoiled = replace(data, x=x, outcomes=replace(data.outcomes, net=net))
    before, after = (find_patterns(each, [fold], HORIZON, HOUR)["rules"] for each in (data, spoiled))
    assert [(each["rule"], each["found"]) for each in before] == [(each["rule"], each["found"]) for each in after]
    assert [each["tested"] for each in before] != [each["tested"] for each in after]
