from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from huracan.market.candles import Candles
from huracan.types import FeatureSet
from huracan_training.backtest import STAY_OUT, backtest
from huracan_training.dataset import Dataset
from huracan_training.evaluate import FoldResult
from huracan_training.measure import Tried, measure
from huracan_training.splits import walk_forward
from huracan_training.thresholds import Threshold

HORIZON = 4
TRIED = Tried(coins=20, variants=6, correlation=0.8)


@pytest.fixture(scope="module")
def data(
    make_walk: Callable[..., Candles],
    noise_set: Callable[[int, int], FeatureSet],
    make_dataset: Callable[..., Dataset],
) -> Dataset:
    return make_dataset(make_walk(700, 3), noise_set(700, 3), HORIZON)


def folds_with(data: Dataset, threshold: float) -> list[FoldResult]:
    results = []
    for fold in walk_forward(len(data), folds=2, test_share=0.5, horizon=HORIZON, embargo=2, min_train=50):
        scores = np.random.default_rng(fold.number).random(fold.test_rows)
        result = backtest(data.prices, data.outcomes, scores, threshold, fold.start, fold.stop, HORIZON)
        results.append(FoldResult(fold, Threshold(threshold, 0, 0, 0.0), scores, result, {}))
    return results


def test_the_measures_of_a_night_are_those_of_its_trades(data: Dataset) -> None:
    results = folds_with(data, 0.7)
    metrics = measure(data, results, "1h", TRIED)
    trades = np.concatenate([each.result.trades for each in results])
    assert metrics["samples"] == len(trades) == sum(fold["samples"] for fold in metrics["folds"])
    stakes = np.concatenate([each.result.stakes for each in results])
    assert metrics["net_pnl"] == pytest.approx(np.prod(1 + stakes * trades) - 1)
    assert metrics["hit_rate"] == pytest.approx((trades > 0).mean())
    assert metrics["exposure"] == pytest.approx(HORIZON * len(trades) / metrics["test_rows"])
    assert metrics["cost_share"] > 0
    assert metrics["turnover"] == pytest.approx(2 * stakes.sum() * 8760 / metrics["test_rows"])


def test_a_model_that_never_trades_has_no_sharpe_and_no_hit_rate(data: Dataset) -> None:
    metrics = measure(data, folds_with(data, STAY_OUT), "1h", TRIED)
    undefined = {name for name, value in metrics.items() if value is None}
    assert undefined == {
        "sharpe", "sortino", "calmar", "hit_rate", "cost_share", "profit_factor", "mean_trade_net_bps", "mean_stake",
        "skewness", "kurtosis", "probabilistic_sharpe", "deflated_sharpe",
    }  # fmt: skip
    assert (metrics["samples"], metrics["net_pnl"], metrics["last_7d_net_bps"]) == (0, 0.0, 0.0)
    assert [(fold["stayed_out"], fold["threshold"]) for fold in metrics["folds"]] == [(True, None), (True, None)]


def test_the_last_seven_days_are_those_before_the_last_candle(data: Dataset) -> None:
    results = folds_with(data, 0.5)
    last = results[-1].result.returns[-168:]
    assert measure(data, results, "1h", TRIED)["last_7d_net_bps"] == pytest.approx((np.prod(1 + last) - 1) * 1e4)


def test_rows_without_a_label_yet_are_tested_but_not_compared(data: Dataset) -> None:
    results = folds_with(data, 0.5)
    unlabelled = replace(data, y=np.full(len(data), np.nan))
    assert measure(unlabelled, results, "1h", TRIED)["log_loss"] is None
    assert measure(data, results, "1h", TRIED)["log_loss"] > 0


def test_every_coin_and_every_variant_that_was_tried_raises_what_luck_alone_would_show(data: Dataset) -> None:
    results = folds_with(data, 0.7)
    few, many = (measure(data, results, "1h", Tried(coins, 6, 0.8)) for coins in (1, 100))
    assert many["effective_trials"] == 100 * few["effective_trials"] == pytest.approx(200)
    assert many["luck_sharpe"] > few["luck_sharpe"]
    assert many["deflated_sharpe"] < few["deflated_sharpe"] < few["probabilistic_sharpe"]


def test_variants_that_agree_count_as_one() -> None:
    assert Tried(20, 6, 1.0).effective == 20
    assert Tried(20, 6, 0.0).effective == 120
