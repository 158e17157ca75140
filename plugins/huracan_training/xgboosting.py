"""The trainer ``xgboost``: gradient boosted trees by histograms, one thread on a CPU, or a GPU where there is one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from huracan.errors import DataError
from huracan.types import FittedModel, FloatRange, IntRange, Space, Trainer, TrainingData, Watch, WatchedFit

if TYPE_CHECKING:
    from xgboost import Booster, DMatrix

__all__ = ["xgboost_trainer"]

DEFAULTS: Mapping[str, Any] = {
    "trees": 80,
    "leaves": 20,
    "learning_rate": 0.08,
    "leaf_weight": 5.0,
    "leaf_share": 0.004,
    "l2": 3.0,
    "bins": 63,
    "column_share": 0.5,
    "row_share": 0.7,
}
"""As those of ``lightgbm``; ``leaf_weight`` is the least sum of second derivatives in a leaf, about a quarter of its
rows where labels are even."""

SPACE: Mapping[str, Space] = {
    "leaves": IntRange(3, 24, log=True),
    "learning_rate": FloatRange(0.02, 0.15, log=True),
    "leaf_share": FloatRange(0.002, 0.05, log=True),
    "l2": FloatRange(0.1, 100.0, log=True),
    "column_share": FloatRange(0.2, 0.9),
}

PATIENCE, WATCH_EVERY, FEWEST_TREES = 20, 5, 10
"""As those of ``lightgbm``."""


@dataclass(frozen=True, slots=True)
class _Boosted:
    """An XGBoost booster as a :class:`huracan.types.FittedModel`."""

    booster: Booster

    def predict(self, x: np.ndarray) -> np.ndarray:
        """XGBoost compares in single precision: two values that are equal there fall on the same side of a split."""
        scores = self.booster.inplace_predict(np.ascontiguousarray(x, dtype=np.float32), validate_features=False)
        return np.asarray(scores, dtype=np.float64)

    def importance(self) -> Mapping[str, float]:
        """Return the total gain of each feature as a share of all gain."""
        told = self.booster.get_score(importance_type="total_gain")
        gain = {name: float(np.sum(value)) for name, value in told.items()}
        total = sum(gain.values()) or 1.0
        return {name: round(gain.get(name, 0.0) / total, 6) for name in self.booster.feature_names or ()}

    def dumps(self) -> bytes:
        return bytes(self.booster.save_raw("json"))


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
    }


def _rows(data: TrainingData) -> DMatrix:
    from xgboost import DMatrix

    return DMatrix(
        np.ascontiguousarray(data.x, dtype=np.float32), data.y, weight=data.weight,
        feature_names=list(data.feature_names), nthread=data.threads,
    )  # fmt: skip


def _fit(data: TrainingData, parameters: Mapping[str, Any], seed: int) -> FittedModel:
    import xgboost

    return _settled(xgboost.train(_settings(parameters, data, seed), _rows(data), parameters["trees"]))


def _settled(booster: Booster) -> _Boosted:
    """Prediction runs where everybody has it: a model of a GPU is asked on a CPU, with one thread."""
    booster.set_param({"device": "cpu", "nthread": 1})
    return _Boosted(booster)


def _fit_watched(
    data: TrainingData, validation: TrainingData, parameters: Mapping[str, Any], seed: int, watch: Watch
) -> WatchedFit | None:
    """Fit until the validation loss stops to fall, and keep the number of trees at which it was least."""
    import xgboost

    rows, seen = _rows(data), _rows(validation)
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
    model = _settled(booster[:trees])
    return WatchedFit(model, {**parameters, "trees": trees}, model.predict(validation.x), losses[trees - 1])


def _load(content: bytes) -> FittedModel:
    """Read what ``dumps`` wrote. Raises DataError for anything else."""
    import xgboost

    try:
        json.loads(content)  # the library aborts the process on some content that is no JSON at all
        booster = xgboost.Booster(model_file=bytearray(content))
    except (xgboost.core.XGBoostError, UnicodeDecodeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise DataError("model.bin", f"is not an XGBoost model: {reason}") from None
    return _settled(booster)
