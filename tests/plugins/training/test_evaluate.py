from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from huracan.market.candles import Candles
from huracan.types import FeatureSet
from huracan_training.backtest import STAY_OUT
from huracan_training.boosting import lightgbm_trainer
from huracan_training.carried import CarriedFiles
from huracan_training.dataset import Dataset
from huracan_training.encoding import View
from huracan_training.errors import CoinSkippedError
from huracan_training.evaluate import FoldResult, Rules, evaluate_folds, final_model
from huracan_training.fitting import Fitter
from huracan_training.search import Found, SearchRules, search
from huracan_training.splits import Fold, walk_forward
from huracan_training.thresholds import Segment, choose_threshold

Edge = tuple[Candles, FeatureSet]
Make = Callable[..., Dataset]
ROWS, HORIZON, HOUR = 2000, 8, 3_600_000
FITTER = Fitter(lightgbm_trainer(), 7)
SEARCH = SearchRules(2, 0.0, 0.25, HORIZON, {"rows_per_leaf": 40, "random_splits": False})


def folds_of(data: Dataset) -> list[Fold]:
    return walk_forward(len(data), folds=3, test_share=0.5, horizon=HORIZON, embargo=8, min_train=300)


def found_on(data: Dataset) -> Found:
    return search(data, folds_of(data)[0].train, FITTER, SEARCH, CarriedFiles({}), lambda text: None)


def evaluated(data: Dataset) -> list[FoldResult]:
    found = found_on(data)
    rules = Rules(found.parameters, HORIZON, 0.02)
    return evaluate_folds(View(data, None, HOUR), folds_of(data), FITTER, rules, found.validated, lambda text: None)


def trades(results: list[FoldResult]) -> np.ndarray:
    return np.concatenate([each.result.trades for each in results])


@pytest.fixture(scope="module")
def edge(planted: Callable[[int, int], Edge]) -> Edge:
    return planted(ROWS, 5)


def test_a_planted_edge_is_learned_and_pays_after_costs(edge: Edge, make_dataset: Make) -> None:
    data = make_dataset(*edge, HORIZON)
    results = evaluated(data)
    earned = trades(results)
    assert len(earned) > 20
    assert earned.mean() > 0.005
    assert (earned > 0).mean() > 0.55
    found = found_on(data)
    final = final_model(data, results, FITTER, Rules(found.parameters, HORIZON, 0.02), found.validated)
    importance = final.model.importance()
    assert max(importance, key=lambda name: importance[name]) == "hint"
    assert 0.0 < final.threshold.value < 1.0


def test_noise_earns_nothing(
    make_walk: Callable[..., Candles], noise_set: Callable[[int, int], FeatureSet], make_dataset: Make
) -> None:
    """Over several coins, so that no single lucky one decides: folds of noise stay out, or lose what trading costs."""
    results = [evaluated(make_dataset(make_walk(ROWS, seed), noise_set(ROWS, seed), HORIZON)) for seed in range(6)]
    sums = np.array([np.log1p(trades(each)).sum() for each in results])
    assert sums.mean() < 0.02
    assert (sums <= 0).sum() >= 4


def test_a_fold_stays_out_where_nothing_before_it_would_have_paid(edge: Edge, make_dataset: Make) -> None:
    data = make_dataset(*edge, HORIZON, 0.2)
    dear = Segment(100, 900, np.random.default_rng(1).random(800))
    assert choose_threshold(data, [dear], HORIZON, 0.02).value == STAY_OUT


def test_a_threshold_is_selective_where_that_leaves_enough_trades_and_wide_where_not(
    edge: Edge, make_dataset: Make
) -> None:
    """The scores know most of what comes: every threshold would have paid."""
    data = make_dataset(*edge, HORIZON)
    pays = np.nan_to_num(data.outcomes.net[100:1500]) > 0
    draw = np.random.default_rng(2)
    segment = Segment(100, 1500, np.where(pays, 0.5, 0.3) + 0.4 * draw.random(1400))
    selective = choose_threshold(data, [segment], HORIZON, 0.01)
    above = float((segment.scores > selective.value).mean())
    assert 0.02 <= above <= 0.11
    assert selective.trades >= 14
    wide = choose_threshold(data, [segment], HORIZON, 0.06)
    assert wide.trades >= 84 > selective.trades
    assert 0.15 <= float((segment.scores > wide.value).mean()) <= 0.5


@pytest.mark.parametrize("fold", [0, 1])
def test_what_comes_after_a_fold_changes_nothing_before_it(
    edge: Edge, make_walk: Callable[..., Candles], make_dataset: Make, fold: int
) -> None:
    candles, sets = edge
    before = evaluated(make_dataset(candles, sets, HORIZON))
    stop = before[fold].fold.stop + sets.warmup
    other = make_walk(ROWS, 99)
    changed = Candles.concatenate([candles.take(slice(0, stop)), other.take(slice(stop, None))])
    poisoned = replace(
        sets,
        compute=lambda given: {
            name: np.where(np.arange(ROWS) < stop, column, -column * 3) for name, column in sets.compute(given).items()
        },
    )
    after = evaluated(make_dataset(changed, poisoned, HORIZON))
    for earlier, later in zip(before[: fold + 1], after[: fold + 1], strict=True):
        assert earlier.threshold == later.threshold
        np.testing.assert_array_equal(earlier.scores, later.scores)
        np.testing.assert_array_equal(earlier.result.returns, later.result.returns)
    assert not np.array_equal(before[-1].scores, after[-1].scores), "the poison is real"


def test_the_tested_folds_have_no_say_in_parameters_and_first_threshold(edge: Edge, make_dataset: Make) -> None:
    data = make_dataset(*edge, HORIZON)
    first = folds_of(data)[0]
    flipped = replace(data, y=np.where(np.arange(len(data)) >= first.start, 1 - data.y, data.y))
    assert found_on(flipped).parameters == found_on(data).parameters
    assert evaluated(flipped)[0].threshold == evaluated(data)[0].threshold


def test_one_class_only_is_a_reason_to_skip(edge: Edge, make_dataset: Make) -> None:
    with pytest.raises(CoinSkippedError, match="pays not its costs"):
        evaluated(make_dataset(*edge, HORIZON, 0.9))
