"""Boosted trees that start from a linear model."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import lightgbm
import numpy as np
import pytest
import xgboost
from scipy.optimize import minimize

from huracan.errors import DataError
from huracan.market.measures import information_coefficient
from huracan.types import Trainer, TrainingData
from huracan_training.boosting import lightgbm_trainer
from huracan_training.linear import fit_linear, probability
from huracan_training.xgboosting import xgboost_trainer

both = pytest.mark.parametrize("make", [lightgbm_trainer, xgboost_trainer])
Make = Callable[[], Trainer]

SLOPE = np.array([0.4, -0.3, 0.2, 0.0, 0.0, 0.0])


def straight(rows: int, seed: int) -> TrainingData:
    """Rows whose log odds are a weighted sum of the columns, some values unknown."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 6))
    y = (rng.random(rows) < probability(x @ SLOPE)).astype(np.float64)
    x[rng.random(x.shape) < 0.02] = np.nan
    return TrainingData(x, y, tuple("abcdef"), rng.uniform(0.5, 1.5, rows))


def test_the_linear_model_is_the_least_of_its_loss() -> None:
    """An optimiser that knows nothing of Newton's steps finds the same coefficients."""
    data, l2 = straight(1500, 1), 0.1
    found = fit_linear(data, l2)
    known = np.isfinite(data.x)
    mean = np.nanmean(data.x, axis=0)
    rows = np.where(known, np.clip((data.x - mean) / np.nanstd(data.x, axis=0), -4, 4), 0.0)
    assert data.weight is not None
    weight = data.weight / data.weight.sum()

    def loss(solution: np.ndarray) -> float:
        odds = rows @ solution[:-1] + solution[-1]
        return float(weight @ (np.logaddexp(0, odds) - data.y * odds) + l2 / 2 * solution[:-1] @ solution[:-1])

    expected = minimize(loss, np.zeros(7), method="BFGS", options={"gtol": 1e-9}).x
    np.testing.assert_allclose([*found.coefficients, found.intercept], expected, atol=2e-5)


@both
def test_a_straight_line_is_learned_better_from_a_linear_start(make: Make) -> None:
    trainer, data, seen = make(), straight(1500, 2), straight(4000, 3)
    truth = np.nan_to_num(seen.x) @ SLOPE
    agree = [
        information_coefficient(trainer.fit(data, {**trainer.defaults, "linear_l2": l2}, 7).predict(seen.x), truth) or 0
        for l2 in (0.0, 1.0)
    ]
    assert agree[1] > agree[0] + 0.03


@both
def test_trees_that_cannot_split_leave_the_linear_model_as_it_is(make: Make) -> None:
    trainer, data = make(), straight(600, 4)
    model = trainer.fit(data, {**trainer.defaults, "leaf_share": 10.0, "linear_l2": 0.3}, 7)
    alone = probability(fit_linear(data, 0.3).log_odds(data.x))
    np.testing.assert_allclose(model.predict(data.x), alone, atol=2e-3)


@both
def test_a_straight_line_is_credited_to_its_columns(make: Make) -> None:
    trainer = make()
    told = trainer.fit(straight(1500, 5), trainer.defaults, 7).importance()
    assert set(told) == set("abcdef")
    assert sum(told.values()) == pytest.approx(1.0, abs=1e-4)
    assert sorted(told, key=lambda name: -told[name])[:2] == ["a", "b"]
    assert min(told["a"], told["b"], told["c"]) > max(told["d"], told["e"], told["f"])


@both
def test_without_a_linear_start_the_trees_are_the_whole_model(make: Make) -> None:
    """The library reads its own text and says the same."""
    trainer, seen = make(), straight(10, 7).x
    told = json.loads(trainer.fit(straight(300, 6), {**trainer.defaults, "linear_l2": 0.0}, 7).dumps())
    assert told["linear"] is None
    predicted = trainer.load(json.dumps(told).encode()).predict(seen)
    assert predicted.shape == (10,)
    if trainer.name == "lightgbm":
        expected = lightgbm.Booster(model_str=told["trees"]).predict(seen)
    else:
        booster = xgboost.Booster(model_file=bytearray(told["trees"].encode()))
        expected = booster.inplace_predict(seen.astype(np.float32))
    np.testing.assert_allclose(predicted, np.asarray(expected), rtol=1e-6)


def _without(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda told: told.pop(name)


@both
@pytest.mark.parametrize(
    "spoil",
    [
        _without("trees"),
        _without("linear"),
        lambda told: told.update(model="another"),
        lambda told: told.update(learning_rate="fast"),
        lambda told: told["linear"].update(coefficients=[1.0]),
        lambda told: told["linear"].pop("scale"),
        lambda told: told.update(trees=told["trees"][:40]),
    ],
)
def test_a_spoilt_model_is_refused_in_one_line(make: Make, spoil: Callable[[dict[str, Any]], None]) -> None:
    trainer = make()
    told = json.loads(trainer.fit(straight(300, 8), trainer.defaults, 7).dumps())
    spoil(told)
    with pytest.raises(DataError, match=r"model\.bin: is not an? (LightGBM|XGBoost) model") as refused:
        trainer.load(json.dumps(told).encode())
    assert "\n" not in str(refused.value)


def test_a_watched_model_is_that_of_its_trees_where_rounds_grew_none() -> None:
    """With the line taken out, a round may find nothing to split; the model of its parameters has the same rounds."""
    trainer = lightgbm_trainer()
    rng = np.random.default_rng(1)
    x = rng.normal(size=(600, 6))
    y = (x[:, 0] + 0.5 * rng.normal(size=600) > 0).astype(np.float64)
    data, seen = TrainingData(x[:400], y[:400], tuple("abcdef")), TrainingData(x[400:], y[400:], tuple("abcdef"))
    assert trainer.fit_watched is not None
    for leaf_share in (0.02, 0.1, 0.2, 0.3, 0.4):
        parameters = {**trainer.defaults, "trees": 120, "leaf_share": leaf_share}
        watched = trainer.fit_watched(data, seen, parameters, 7, lambda _step, _loss: False)
        assert watched is not None
        again = trainer.fit(data, watched.parameters, 7)
        np.testing.assert_allclose(watched.model.predict(seen.x), again.predict(seen.x), atol=1e-12)
        np.testing.assert_allclose(watched.scores, again.predict(seen.x), atol=1e-12)


@both
def test_a_watched_model_whose_best_round_is_its_first_has_the_fewest_trees_all_the_same(make: Make) -> None:
    """On noise the loss rises from the first round on; ten trees are kept then, those of the parameters."""
    trainer = make()
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(600, 6)), (rng.random(600) > 0.5).astype(np.float64)
    data, seen = TrainingData(x[:400], y[:400], tuple("abcdef")), TrainingData(x[400:], y[400:], tuple("abcdef"))
    parameters = {**trainer.defaults, "trees": 120, "learning_rate": 0.3, "leaf_share": 0.02}
    assert trainer.fit_watched is not None
    watched = trainer.fit_watched(data, seen, parameters, 7, lambda _step, _loss: False)
    assert watched is not None
    assert watched.parameters["trees"] == 10, "the least that is kept, so the best round was earlier"
    np.testing.assert_allclose(watched.scores, trainer.fit(data, watched.parameters, 7).predict(seen.x), atol=1e-6)
