"""The trainer ``lightgbm``: gradient boosted trees, one thread, the same bytes for the same input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from huracan.errors import DataError
from huracan.types import FittedModel, FloatRange, IntRange, Space, Trainer, TrainingData, Watch, WatchedFit

if TYPE_CHECKING:
    from lightgbm import Booster, Dataset

__all__ = ["lightgbm_trainer"]

DEFAULTS: Mapping[str, Any] = {
    "trees": 80,
    "leaves": 20,
    "learning_rate": 0.08,
    "rows_per_leaf": 20,
    "leaf_share": 0.004,
    "l2": 3.0,
    "bins": 63,
    "column_share": 0.5,
    "row_share": 0.7,
    "random_splits": True,
}
"""Small models: returns carry little signal, and larger ones learn the noise (decision 081). A leaf has at least
``rows_per_leaf`` rows and ``leaf_share`` of all, so that eight years of hours make no finer a tree than one. 63 bins
halve the time of 255."""

SPACE: Mapping[str, Space] = {
    "leaves": IntRange(3, 24, log=True),
    "learning_rate": FloatRange(0.02, 0.1, log=True),
    "leaf_share": FloatRange(0.002, 0.05, log=True),
    "l2": FloatRange(0.1, 100.0, log=True),
    "column_share": FloatRange(0.2, 0.9),
}

PATIENCE, WATCH_EVERY, FEWEST_TREES = 20, 5, 10
"""Rounds without a better validation loss after which a watched fit ends, how often its watcher is told, and the
number of trees that it keeps at least."""


@dataclass(frozen=True, slots=True)
class _Boosted:
    """A LightGBM booster as a :class:`huracan.types.FittedModel`."""

    booster: Booster

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self.booster.predict(x, num_threads=1), dtype=np.float64)

    def importance(self) -> Mapping[str, float]:
        """Return the total gain of each feature as a share of all gain."""
        gain = self.booster.feature_importance("gain")
        total = float(gain.sum()) or 1.0
        return {
            name: round(float(each) / total, 6) for name, each in zip(self.booster.feature_name(), gain, strict=True)
        }

    def dumps(self) -> bytes:
        return str(self.booster.model_to_string(num_iteration=-1)).encode()


class _GivenUpError(Exception):
    """The watcher has seen enough."""


def lightgbm_trainer() -> Trainer:
    return Trainer("lightgbm", DEFAULTS, SPACE, _fit, _load, _fit_watched)


def _settings(parameters: Mapping[str, Any], data: TrainingData, seed: int) -> dict[str, Any]:
    return {
        "objective": "binary",
        "metric": "binary_logloss",
        "num_iterations": parameters["trees"],
        "num_leaves": parameters["leaves"],
        "learning_rate": parameters["learning_rate"],
        "min_data_in_leaf": max(parameters["rows_per_leaf"], round(parameters["leaf_share"] * len(data.y))),
        "min_sum_hessian_in_leaf": 0.0,
        "lambda_l2": parameters["l2"],
        "feature_fraction": parameters["column_share"],
        "bagging_fraction": parameters["row_share"],
        "bagging_freq": 1 if parameters["row_share"] < 1 else 0,
        "max_bin": parameters["bins"],
        # Split points drawn at random, the best feature chosen among them: noise has fewer places to be fitted at.
        "extra_trees": parameters["random_splits"],
        "seed": seed,
        # One thread, a fixed layout and fixed order of sums: the same bytes on one and on many workers.
        "num_threads": data.threads,
        "deterministic": True,
        "force_col_wise": True,
        "feature_pre_filter": False,
        "verbosity": -1,
    }


def _rows(data: TrainingData, settings: Mapping[str, Any], reference: Dataset | None = None) -> Dataset:
    import lightgbm

    return lightgbm.Dataset(
        data.x, data.y, weight=data.weight, feature_name=list(data.feature_names), params=dict(settings),
        reference=reference,
    )  # fmt: skip


def _fit(data: TrainingData, parameters: Mapping[str, Any], seed: int) -> FittedModel:
    import lightgbm

    settings = _settings(parameters, data, seed)
    return _Boosted(lightgbm.train(settings, _rows(data, settings)))


def _fit_watched(
    data: TrainingData, validation: TrainingData, parameters: Mapping[str, Any], seed: int, watch: Watch
) -> WatchedFit | None:
    """Fit until the validation loss stops to fall, and keep the number of trees at which it was least."""
    import lightgbm

    settings = _settings(parameters, data, seed)
    rows = _rows(data, settings)
    losses: list[float] = []

    def told(state: Any) -> None:
        losses.append(float(state.evaluation_result_list[0][2]))
        if len(losses) % WATCH_EVERY == 0 and watch(len(losses), losses[-1]):
            raise _GivenUpError
        if len(losses) - 1 - int(np.argmin(losses)) >= PATIENCE:
            raise lightgbm.callback.EarlyStopException(int(np.argmin(losses)), state.evaluation_result_list)

    try:
        booster = lightgbm.train(
            settings,
            rows,
            valid_sets=[_rows(validation, settings, rows)],
            callbacks=[told],
            keep_training_booster=False,
        )
    except _GivenUpError:
        return None
    trees = max(int(np.argmin(losses)) + 1, min(FEWEST_TREES, len(losses)))
    scores = np.asarray(booster.predict(validation.x, num_iteration=trees, num_threads=1), dtype=np.float64)
    return WatchedFit(_Boosted(booster), {**parameters, "trees": trees}, scores, losses[trees - 1])


def _load(content: bytes) -> FittedModel:
    """Read what ``dumps`` wrote. Raises DataError for anything else."""
    import lightgbm

    try:
        return _Boosted(lightgbm.Booster(model_str=content.decode()))
    except (lightgbm.basic.LightGBMError, UnicodeDecodeError) as error:
        raise DataError("model.bin", f"is not a LightGBM model: {error}") from None
