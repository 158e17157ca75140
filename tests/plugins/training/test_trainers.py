"""Trainers that break a rule are named with it, and what is special about ours, which tests/contract holds to all."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from huracan.errors import DataError, UsageError
from huracan.testing.trainers import check_trainer, example
from huracan.types import ExplainedModel, FittedModel, Trainer, TrainingData
from huracan_training.boosting import lightgbm_trainer
from huracan_training.devices import usable_device
from huracan_training.logistic import logistic_trainer
from huracan_training.xgboosting import xgboost_trainer


def broken_rules(**changed: Any) -> set[str]:
    return {each.rule for each in check_trainer(replace(logistic_trainer(), **changed)) if each.failed}


class Wrapped:
    """A model with one thing changed."""

    def __init__(self, model: FittedModel, predict: Callable[[np.ndarray], np.ndarray]) -> None:
        self._model, self.predict = model, predict

    def importance(self) -> Mapping[str, float]:
        return self._model.importance()

    def dumps(self) -> bytes:
        return self._model.dumps()


def wrapped(change: Callable[[np.ndarray], np.ndarray]) -> Callable[..., FittedModel]:
    def fit(data: TrainingData, parameters: Mapping[str, Any], seed: int) -> FittedModel:
        model = logistic_trainer().fit(data, parameters, seed)
        return Wrapped(model, lambda x: change(model.predict(x)))

    return fit


class Telling(Wrapped):
    """A model that tells what its scores are made of, twice as much of it as there is."""

    def contributions(self, x: np.ndarray) -> np.ndarray:
        assert isinstance(self._model, ExplainedModel)
        return 2.0 * self._model.contributions(x)


def telling(data: TrainingData, parameters: Mapping[str, Any], seed: int) -> FittedModel:
    model = logistic_trainer().fit(data, parameters, seed)
    return Telling(model, model.predict)


def unseeded(data: TrainingData, parameters: Mapping[str, Any], seed: int) -> FittedModel:
    noise = np.random.default_rng().normal(size=data.x.shape) * 0.1
    return logistic_trainer().fit(replace(data, x=data.x + noise), parameters, seed)


def leaving_threads(data: TrainingData, parameters: Mapping[str, Any], seed: int) -> FittedModel:
    threading.Thread(target=time.sleep, args=(1.5,), daemon=True).start()
    return logistic_trainer().fit(data, parameters, seed)


def weightless(data: TrainingData, parameters: Mapping[str, Any], seed: int) -> FittedModel:
    return logistic_trainer().fit(replace(data, weight=None), parameters, seed)


def lenient(content: bytes) -> FittedModel:
    try:
        return logistic_trainer().load(content)
    except DataError:
        return logistic_trainer().fit(example(), logistic_trainer().defaults, 7)


@pytest.mark.parametrize(
    ("rule", "changed"),
    [
        ("T1", {"fit": unseeded}),
        ("T3", {"fit": wrapped(lambda p: p * 3 - 1)}),
        ("T4", {"fit": wrapped(lambda p: p / p.max())}),
        ("T6", {"load": lenient}),
        ("T11", {"fit": wrapped(lambda p: np.full(len(p), 0.5))}),
        ("T12", {"fit": weightless}),
        ("T13", {"fit": leaving_threads}),
        ("T14", {"space": {"unheard_of": logistic_trainer().space["l2"]}}),
        ("T17", {"fit": telling}),
    ],
)
def test_a_trainer_that_breaks_a_rule_is_told_which(rule: str, changed: dict[str, Any]) -> None:
    assert rule in broken_rules(**changed)


def test_a_rule_is_skipped_only_with_its_reason() -> None:
    results = {each.rule: each for each in check_trainer(logistic_trainer(), skip={"T12": "has no weights"})}
    assert results["T12"].skipped == "has no weights"
    with pytest.raises(ValueError, match="no such rule: T99"):
        check_trainer(logistic_trainer(), skip={"T99": "what"})


@pytest.mark.parametrize(
    ("make", "small"),
    [(lightgbm_trainer, {"rows_per_leaf": 10}), (xgboost_trainer, {"leaf_weight": 3.0}), (logistic_trainer, {})],
)
def test_a_bundled_trainer_tells_what_its_scores_are_made_of(
    make: Callable[[], Trainer], small: dict[str, float]
) -> None:
    trainer, data = make(), example()
    model = trainer.load(trainer.fit(data, {**trainer.defaults, **small}, 7).dumps())
    assert isinstance(model, ExplainedModel)
    sizes = np.abs(model.contributions(data.x)).mean(axis=0)
    assert int(np.argmax(sizes)) == 0, "the label follows the first column"
    assert not isinstance(Wrapped(model, model.predict), ExplainedModel)


def test_logistic_finds_the_coefficients_that_scipy_finds() -> None:
    from scipy.optimize import minimize

    data = example()
    data = replace(data, x=np.nan_to_num(data.x))
    model = json.loads(logistic_trainer().fit(data, {"l2": 0.05, "clip": 4.0}, 1).dumps())
    z = np.clip((data.x - model["mean"]) * np.array(model["scale"]), -4, 4)
    assert data.weight is not None
    weight = data.weight / data.weight.sum()

    def loss(beta: np.ndarray) -> float:
        logit = z @ beta[:-1] + beta[-1]
        return float(weight @ (np.logaddexp(0, logit) - data.y * logit) + 0.025 * beta[:-1] @ beta[:-1])

    found = minimize(loss, np.zeros(7), method="BFGS", options={"gtol": 1e-8})
    np.testing.assert_allclose([*model["coefficients"], model["intercept"]], found.x, atol=1e-4)


def test_a_row_exactly_on_a_split_of_xgboost_is_predicted_as_after_loading() -> None:
    trainer = xgboost_trainer()
    trainer = replace(trainer, defaults={**trainer.defaults, "leaf_weight": 3.0})
    data = example()
    data = replace(data, x=np.round(data.x, 1))
    model = trainer.fit(data, trainer.defaults, 7)
    odd = np.array([[np.inf] * 6, [-np.inf] * 6, [np.nan] * 6, *np.round(data.x[:20], 1)])
    again = trainer.load(model.dumps()).predict(odd)
    np.testing.assert_array_equal(model.predict(odd), again)
    assert np.isfinite(again).all()


def test_logistic_loads_no_boosting_library() -> None:
    program = (
        "import sys; from huracan_training.logistic import logistic_trainer as make\n"
        "from huracan.testing.trainers import example\n"
        "t = make(); t.fit(example(), t.defaults, 1)\n"
        "print(sorted({'lightgbm', 'xgboost', 'scipy', 'optuna'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"


def test_a_gpu_is_used_only_where_there_is_one() -> None:
    assert usable_device("auto", "xgboost", gpu=False) == "cpu"
    assert usable_device("cpu", "xgboost", gpu=True) == "cpu"
    assert usable_device("auto", "lightgbm", gpu=True) == "cpu"
    with pytest.raises(UsageError, match="shows no NVIDIA GPU"):
        usable_device("cuda", "xgboost", gpu=False)
    with pytest.raises(UsageError, match="built without it"):
        usable_device("cuda", "lightgbm", gpu=True)
