from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from huracan.market.candles import Candles
from huracan.types import FeatureSet
from huracan_training.backtest import TradeCosts, backtest
from huracan_training.dataset import Dataset, build_dataset
from huracan_training.evaluate import FoldResult
from huracan_training.measure import measure
from huracan_training.search import Choice
from huracan_training.splits import walk_forward

COSTS = TradeCosts(0.001, 0.002)
HORIZON = 4


@pytest.fixture(scope="module")
def data(make_walk: Callable[..., Candles], noise_set: Callable[[int, int], FeatureSet]) -> Dataset:
    return build_dataset(make_walk(700, 3), "1h", {}, [noise_set(700, 3)], HORIZON, COSTS.round_trip)


def folds_with(data: Dataset, threshold: float) -> list[FoldResult]:
    results = []
    for fold in walk_forward(len(data), folds=2, test_share=0.5, horizon=HORIZON, embargo=2, min_train=50):
        scores = np.random.default_rng(fold.number).random(fold.test_rows)
        result = backtest(data.opens, data.closes, scores, threshold, fold.start, fold.stop, HORIZON, COSTS)
        results.append(FoldResult(fold, Choice(0, threshold, (), 0, 0, 0.0), scores, result))
    return results


def test_the_measures_of_a_night_are_those_of_its_trades(data: Dataset) -> None:
    results = folds_with(data, 0.7)
    metrics = measure(data, results, "1h")
    trades = np.concatenate([each.result.trades for each in results])
    assert metrics["samples"] == len(trades) == sum(fold["samples"] for fold in metrics["folds"])
    assert metrics["net_pnl"] == pytest.approx(np.prod(1 + trades) - 1)
    assert metrics["hit_rate"] == pytest.approx((trades > 0).mean())
    assert metrics["exposure"] == pytest.approx(HORIZON * len(trades) / metrics["test_rows"])
    assert metrics["gross_pnl"] > metrics["net_pnl"]
    assert metrics["cost_share"] > 0
    assert metrics["turnover"] == pytest.approx(2 * len(trades) * 8760 / metrics["test_rows"])


def test_a_model_that_never_trades_has_no_sharpe_and_no_hit_rate(data: Dataset) -> None:
    metrics = measure(data, folds_with(data, 2.0), "1h")
    undefined = {name for name, value in metrics.items() if value is None}
    assert undefined == {"sharpe", "hit_rate", "cost_share", "profit_factor", "mean_trade_net_bps"}
    assert (metrics["samples"], metrics["net_pnl"], metrics["last_7d_net_bps"]) == (0, 0.0, 0.0)


def test_the_last_seven_days_are_those_before_the_last_candle(data: Dataset) -> None:
    results = folds_with(data, 0.5)
    last = results[-1].result.returns[-168:]
    assert measure(data, results, "1h")["last_7d_net_bps"] == pytest.approx((np.prod(1 + last) - 1) * 1e4)


def test_rows_without_a_label_yet_are_tested_but_not_compared(data: Dataset) -> None:
    results = folds_with(data, 0.5)
    unlabelled = replace(data, y=np.full(len(data), np.nan))
    assert measure(unlabelled, results, "1h")["log_loss"] is None
    assert measure(data, results, "1h")["log_loss"] > 0
