"""The trainer ``xgboost``: gradient boosted trees by histograms, one thread on a CPU, or a GPU where there is one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from huracan.types import FittedModel, FloatRange, IntRange, Space, Trainer, TrainingData, Watch, WatchedFit
from huracan_training.linear import Linear
from huracan_training.started import Started, linear_start, read_started, start_of

if TYPE_CHECKING:
    from xgboost import Booster, DMatrix

__all__ = ["xgboost_trainer"]

DEFAULTS: Mapping[str, Any] = {
    "trees": 40,
    "leaves": 16,
    "learning_rate": 0.035,
    "linear_l2": 1.0,
    "leaf_weight": 5.0,
    "leaf_share": 0.01,
    "l2": 3.0,
    "bins": 63,
    "column_share": 0.5,
    "row_share": 0.7,
}
"""As those of ``lightgbm``; ``leaf_weight`` is the least sum of second derivatives in a leaf, about a quarter of its
rows where labels are even."""

SPACE: Mapping[str, Space] = {
    "leaves": IntRange(3, 48, log=True),
    "learning_rate": FloatRange(0.01, 0.1, log=True),
    "leaf_share": FloatRange(0.002, 0.05, log=True),
    "l2": FloatRange(0.1, 100.0, log=True),
    "column_share": FloatRange(0.2, 0.9),
}

PATIENCE, WATCH_EVERY, FEWEST_TREES = 20, 5, 10
"""As those of ``lightgbm``."""


@dataclass(frozen=True, slots=True)
class _Boosted:
    """An XGBoost booster as :class:`Trees`."""

    booster: Booster

    def log_odds(self, x: np.ndarray) -> np.ndarray:
        """XGBoost compares in single precision: two values that are equal there fall on the same side of a split."""
        rows = np.ascontiguousarray(x, dtype=np.float32)
        odds = self.booster.inplace_predict(rows, predict_type="margin", validate_features=False)
        return np.asarray(odds, dtype=np.float64)

    def contributions(self, x: np.ndarray) -> np.ndarray:
        from xgboost import DMatrix

        rows = np.ascontiguousarray(x, dtype=np.float32)
        matrix = DMatrix(rows, feature_names=self.booster.feature_names, nthread=1)
        return np.asarray(self.booster.predict(matrix, pred_contribs=True), dtype=np.float64)[:, :-1]

    def gains(self) -> Mapping[str, float]:
        told = self.booster.get_score(importance_type="total_gain")
        return {name: float(np.sum(told.get(name, 0.0))) for name in self.booster.feature_names or ()}

    def text(self) -> str:
        return bytes(self.booster.save_raw("json")).decode()


def xgboost_trainer() -> Trainer:
    return Trainer("xgboost", DEFAULTS, SPACE, _fit, _load, _fit_watched)


def _settings(parameters: Mapping[str, Any], data: TrainingData, seed: int) -> dict[str, Any]:
    return {
        "objective": "binary:logistic",
        "eval_metric": "logloss",
        "tree_method": "hist",
        "grow_policy": "lossguide",
        "max_depth": 0,
        "max_leaves": parameters["leaves"],
        "learning_rate": parameters["learning_rate"],
        "min_child_weight": max(parameters["leaf_weight"], parameters["leaf_share"] * len(data.y) / 4),
        "reg_lambda": parameters["l2"],
        "max_bin": parameters["bins"],
        "colsample_bytree": parameters["column_share"],
        "subsample": parameters["row_share"],
        "seed": seed,
        "nthread": data.threads,
        "device": data.device,
        "verbosity": 0,
        # A model that starts from a linear one adds nothing of its own to it.
        **({"base_score": 0.5} if parameters["linear_l2"] > 0 else {}),
    }


def _rows(data: TrainingData, linear: Linear | None) -> DMatrix:
    from xgboost import DMatrix

    return DMatrix(
        np.ascontiguousarray(data.x, dtype=np.float32), data.y, weight=data.weight,
        base_margin=start_of(linear, data), feature_names=list(data.feature_names), nthread=data.threads,
    )  # fmt: skip


def _fit(data: TrainingData, parameters: Mapping[str, Any], seed: int) -> FittedModel:
    import xgboost

    linear = linear_start(data, parameters)
    booster = xgboost.train(_settings(parameters, data, seed), _rows(data, linear), parameters["trees"])
    return Started("XGBoost", _settled(booster), linear, parameters["learning_rate"])


def _settled(booster: Booster) -> _Boosted:
    """Prediction runs where everybody has it: a model of a GPU is asked on a CPU, with one thread."""
    booster.set_param({"device": "cpu", "nthread": 1})
    return _Boosted(booster)


def _fit_watched(
    data: TrainingData, validation: TrainingData, parameters: Mapping[str, Any], seed: int, watch: Watch
) -> WatchedFit | None:
    """Fit until the validation loss stops to fall, and keep the number of trees at which it was least."""
    import xgboost

    linear = linear_start(data, parameters)
    rows, seen = _rows(data, linear), _rows(validation, linear)
    booster = xgboost.Booster(_settings(parameters, data, seed), [rows, seen])
    losses: list[float] = []
    for number in range(parameters["trees"]):
        booster.update(rows, number)
        losses.append(float(booster.eval(seen).rpartition(":")[2]))
        if len(losses) % WATCH_EVERY == 0 and watch(len(losses), losses[-1]):
            return None
        if len(losses) - 1 - int(np.argmin(losses)) >= PATIENCE:
            break
    trees = max(int(np.argmin(losses)) + 1, min(FEWEST_TREES, len(losses)))
    model = Started("XGBoost", _settled(booster[:trees]), linear, parameters["learning_rate"])
    return WatchedFit(model, {**parameters, "trees": trees}, model.predict(validation.x), losses[trees - 1])


def _load(content: bytes) -> FittedModel:
    """Read what ``dumps`` wrote. Raises DataError for anything else."""
    return read_started(content, "XGBoost", _read)


def _read(text: str) -> _Boosted:
    """Read the library's text. Raises ValueError for anything else."""
    import xgboost

    json.loads(text)  # the library aborts the process on some content that is no JSON at all
    try:
        booster = xgboost.Booster(model_file=bytearray(text.encode()))
    except xgboost.core.XGBoostError as error:
        raise ValueError(str(error).strip().splitlines()[0]) from None
    return _settled(booster)
