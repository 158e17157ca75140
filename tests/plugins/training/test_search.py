"""The search: seeded, pruned, resumable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from huracan.market.candles import Candles
from huracan.types import FeatureSet, FittedModel, TrainingData
from huracan_training.boosting import lightgbm_trainer
from huracan_training.carried import CarriedFiles
from huracan_training.dataset import Dataset
from huracan_training.fitting import Fitter
from huracan_training.search import Found, SearchRules, Trial, mean_correlation, search

HORIZON = 8
RULES = SearchRules(6, 0.0, 0.3, HORIZON, {"trees": 30}, "key")
TRAIN = np.arange(900)


@pytest.fixture(scope="module")
def data(planted: Callable[[int, int], tuple[Candles, FeatureSet]], make_dataset: Callable[..., Dataset]) -> Dataset:
    return make_dataset(*planted(1200, 5), HORIZON)


def found(data: Dataset, files: CarriedFiles, rules: SearchRules = RULES, fitter: Fitter | None = None) -> Found:
    return search(data, TRAIN, fitter or Fitter(lightgbm_trainer(), 7), rules, files, lambda text: None)


def plain(trials: tuple[Trial, ...]) -> list[tuple[Any, ...]]:
    return [(each.number, each.parameters, each.loss) for each in trials]


def test_the_same_seed_tries_the_same_and_another_one_does_not(data: Dataset) -> None:
    first, again = found(data, CarriedFiles({})), found(data, CarriedFiles({}))
    assert plain(first.trials) == plain(again.trials)
    assert len({str(each.parameters) for each in first.trials}) == 6
    other = found(data, CarriedFiles({}), fitter=Fitter(lightgbm_trainer(), 8))
    assert plain(other.trials) != plain(first.trials)


def test_the_first_trial_is_the_trainers_defaults_and_fixed_parameters_stay(data: Dataset) -> None:
    trials = found(data, CarriedFiles({})).trials
    assert {**trials[0].parameters, "trees": 0} == {**lightgbm_trainer().defaults, "trees": 0}
    assert found(data, CarriedFiles({})).parameters["trees"] == 30


class Killed(CarriedFiles):
    """Files of a worker that is killed when it has written so many trials."""

    def __init__(self, after: int) -> None:
        super().__init__({})
        self._after = after

    def write(self, name: str, content: bytes) -> None:
        if len(self.written) == self._after:
            raise KeyboardInterrupt
        super().write(name, content)


@pytest.mark.parametrize("after", [1, 3, 5])
def test_a_search_that_was_killed_goes_on_and_ends_the_same(data: Dataset, after: int) -> None:
    whole = found(data, CarriedFiles({}))
    killed = Killed(after)
    with pytest.raises(KeyboardInterrupt):
        found(data, killed)
    assert len(killed.written) == after
    fits: list[int] = []

    def counted(*given: Any) -> Any:
        fits.append(1)
        fit_watched = lightgbm_trainer().fit_watched
        assert fit_watched is not None
        return fit_watched(*given)

    resumed = CarriedFiles({})
    resumed.written = dict(killed.written)
    fitter = Fitter(replace(lightgbm_trainer(), fit_watched=counted), 7)
    again = found(data, resumed, fitter=fitter)
    assert plain(again.trials) == plain(whole.trials)
    assert again.parameters == whole.parameters
    np.testing.assert_array_equal(again.validated.scores, whole.validated.scores)
    assert len(fits) == 6 - after, "what was tried is not tried again"
    assert resumed.written == {}, "nothing of the search is left"


def test_trials_of_other_data_are_not_believed(data: Dataset) -> None:
    files = Killed(3)
    with pytest.raises(KeyboardInterrupt):
        found(data, files, replace(RULES, key="another"))
    carried = CarriedFiles({})
    carried.written = dict(files.written)
    assert plain(found(data, carried).trials) == plain(found(data, CarriedFiles({})).trials)


def test_a_hopeless_trial_is_pruned_and_never_chosen(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """With dozens of trials some lie above the median of those before them; a few hundred rows make no gain clear."""
    monkeypatch.setattr("huracan_training.fitting.CLEAR", 0.0)
    result = found(data, CarriedFiles({}), replace(RULES, trials=25, fixed={}))
    pruned = [each for each in result.trials if each.loss is None]
    assert pruned
    assert all(each.parameters != result.parameters for each in pruned)
    best = min(each.loss for each in result.trials if each.loss is not None)
    assert [each.loss for each in result.trials if each.parameters == result.parameters][0] == best  # noqa: RUF015


def test_no_trial_begins_after_the_time_is_up_but_the_first(data: Dataset) -> None:
    assert len(found(data, CarriedFiles({}), replace(RULES, seconds=1e-9)).trials) == 1


def test_a_trainer_without_rounds_is_searched_as_well(data: Dataset) -> None:
    from huracan_training.logistic import logistic_trainer

    result = found(data, CarriedFiles({}), replace(RULES, fixed={}), Fitter(logistic_trainer(), 7))
    assert len(result.trials) == 6
    assert result.parameters["l2"] > 0


def test_trials_that_agree_count_as_one() -> None:
    rng = np.random.default_rng(1)
    scores = rng.random(50)
    same = [Trial(i, {}, {}, 0.5, {}, scores.tolist()) for i in range(4)]
    others = [Trial(i, {}, {}, 0.5, {}, rng.random(50).tolist()) for i in range(4)]
    assert mean_correlation(same) == pytest.approx(1.0)
    assert mean_correlation(others) < 0.3
    assert mean_correlation(same[:1]) == 1.0


def test_importance_and_models_are_not_needed_for_a_search(data: Dataset) -> None:
    """A model that only predicts is enough."""

    class Bare:
        def predict(self, x: np.ndarray) -> np.ndarray:
            return np.full(len(x), 0.5)

        def importance(self) -> Mapping[str, float]:
            raise AssertionError("nobody asked")

        def dumps(self) -> bytes:
            raise AssertionError("nobody asked")

    def fit(rows: TrainingData, parameters: Mapping[str, Any], seed: int) -> FittedModel:
        return Bare()

    trainer = replace(lightgbm_trainer(), fit=fit, fit_watched=None)
    assert found(data, CarriedFiles({}), fitter=Fitter(trainer, 1)).correlation == 1.0
