from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from huracan.market.candles import Candles
from huracan.types import FeatureSet
from huracan_training.backtest import TradeCosts
from huracan_training.boosting import lightgbm_trainer
from huracan_training.dataset import Dataset, build_dataset
from huracan_training.errors import CoinSkippedError
from huracan_training.evaluate import FoldResult, evaluate_folds, final_model
from huracan_training.search import Choice, SearchRules, median_choice
from huracan_training.splits import walk_forward

RULES = SearchRules(
    horizon=8, inner_share=0.25, candidates=2, trade_share=0.02, seed=7, costs=TradeCosts(0.0015, 0.0015)
)
ROWS = 2000


def dataset(candles: Candles, sets: FeatureSet) -> Dataset:
    return build_dataset(candles, "1h", {}, [sets], RULES.horizon, RULES.costs.round_trip)


def evaluated(data: Dataset, rules: SearchRules = RULES) -> list[FoldResult]:
    folds = walk_forward(len(data), folds=3, test_share=0.5, horizon=rules.horizon, embargo=8, min_train=300)
    return evaluate_folds(data, folds, lightgbm_trainer(), rules, lambda text: None)


def trades(results: list[FoldResult]) -> np.ndarray:
    return np.concatenate([each.result.trades for each in results])


@pytest.fixture(scope="module")
def edge(planted: Callable[[int, int], tuple[Candles, FeatureSet]]) -> tuple[Candles, FeatureSet]:
    return planted(ROWS, 5)


def test_a_planted_edge_is_learned_and_pays_after_costs(edge: tuple[Candles, FeatureSet]) -> None:
    results = evaluated(dataset(*edge))
    earned = trades(results)
    assert len(earned) > 30
    assert earned.mean() > 0.005
    assert (earned > 0).mean() > 0.55
    model, _, _ = final_model(dataset(*edge), results, lightgbm_trainer(), RULES)
    importance = model.importance()
    assert max(importance, key=lambda name: importance[name]) == "hint"


def test_noise_loses_its_costs(make_walk: Callable[..., Candles], noise_set: Callable[[int, int], FeatureSet]) -> None:
    """Over several coins, so that no single lucky one decides: on average a trade of noise costs what trading costs."""
    earned = [trades(evaluated(dataset(make_walk(ROWS, seed), noise_set(ROWS, seed)))) for seed in range(6)]
    assert np.concatenate(earned).mean() < 0.001
    sums = np.array([np.log1p(each).sum() for each in earned])
    assert (sums <= 0).sum() >= 4


@pytest.mark.parametrize("fold", [0, 1])
def test_what_comes_after_a_fold_changes_nothing_before_it(
    edge: tuple[Candles, FeatureSet], make_walk: Callable[..., Candles], fold: int
) -> None:
    candles, sets = edge
    before = evaluated(dataset(candles, sets))
    stop = before[fold].fold.stop + sets.warmup
    other = make_walk(ROWS, 99)
    changed = Candles.concatenate([candles.take(slice(0, stop)), other.take(slice(stop, None))])
    poisoned = replace(
        sets,
        compute=lambda given: {
            name: np.where(np.arange(ROWS) < stop, column, -column * 3) for name, column in sets.compute(given).items()
        },
    )
    after = evaluated(dataset(changed, poisoned))
    for earlier, later in zip(before[: fold + 1], after[: fold + 1], strict=True):
        assert earlier.choice == later.choice
        np.testing.assert_array_equal(earlier.scores, later.scores)
        np.testing.assert_array_equal(earlier.result.returns, later.result.returns)
    assert not np.array_equal(before[-1].scores, after[-1].scores), "the poison is real"


def test_the_tested_fold_has_no_say_in_its_own_parameters_and_threshold(edge: tuple[Candles, FeatureSet]) -> None:
    candles, sets = edge
    data = dataset(candles, sets)
    results = evaluated(data)
    first = results[0].fold
    flipped = replace(data, y=np.where(np.arange(len(data)) >= first.start, 1 - data.y, data.y))
    assert evaluated(flipped)[0].choice == results[0].choice


def test_one_class_only_is_a_reason_to_skip(edge: tuple[Candles, FeatureSet]) -> None:
    candles, sets = edge
    data = build_dataset(candles, "1h", {}, [sets], RULES.horizon, 50.0)
    with pytest.raises(CoinSkippedError, match="pays not its costs"):
        evaluated(data)


def test_the_final_model_takes_what_most_folds_chose() -> None:
    def choice(candidate: int, threshold: float) -> Choice:
        return Choice(candidate, threshold, (), 0, 0, 0.0)

    assert median_choice([choice(1, 0.5), choice(0, 0.7), choice(1, 0.6)]) == (1, 0.6)
    assert median_choice([choice(1, 0.5), choice(0, 0.7)]) == (0, 0.6), "on a draw the latest"
