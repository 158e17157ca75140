"""The trainer ``lightgbm``: gradient boosted trees, one thread, the same bytes for the same input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from huracan.types import FittedModel, FloatRange, IntRange, Space, Trainer, TrainingData, Watch, WatchedFit
from huracan_training.linear import Linear
from huracan_training.started import Started, linear_start, read_started, start_of

if TYPE_CHECKING:
    from lightgbm import Booster, Dataset

__all__ = ["lightgbm_trainer"]

DEFAULTS: Mapping[str, Any] = {
    "trees": 40,
    "leaves": 16,
    "learning_rate": 0.035,
    "linear_l2": 1.0,
    "rows_per_leaf": 20,
    "leaf_share": 0.01,
    "l2": 3.0,
    "bins": 63,
    "bin_rows": 2000,
    "column_share": 0.5,
    "row_share": 0.7,
    "random_splits": True,
}
"""Small models: returns carry little signal, and larger ones learn the noise (decision 081). A leaf has at least
``rows_per_leaf`` rows and ``leaf_share`` of all, so that eight years of hours make no finer a tree than one. The trees
start from a linear model with the penalty ``linear_l2`` per row; with 0 they start from the mean. 63 bins halve the
time of 255; their edges are taken from ``bin_rows`` rows, since a year of hours takes as long to sort as to grow."""

SPACE: Mapping[str, Space] = {
    "leaves": IntRange(3, 48, log=True),
    "learning_rate": FloatRange(0.01, 0.1, log=True),
    "leaf_share": FloatRange(0.002, 0.05, log=True),
    "l2": FloatRange(0.1, 100.0, log=True),
    "column_share": FloatRange(0.2, 0.9),
}

PATIENCE, WATCH_EVERY, FEWEST_TREES = 20, 5, 10
"""Rounds without a better validation loss after which a watched fit ends, how often its watcher is told, and the
number of trees that it keeps at least."""


@dataclass(frozen=True, slots=True)
class _Boosted:
    """A LightGBM booster as :class:`Trees`."""

    booster: Booster

    def log_odds(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self.booster.predict(x, raw_score=True, num_threads=1), dtype=np.float64)

    def contributions(self, x: np.ndarray) -> np.ndarray:
        told = np.asarray(self.booster.predict(x, pred_contrib=True, num_threads=1), dtype=np.float64)
        return told[:, :-1]  # the last is the constant

    def gains(self) -> Mapping[str, float]:
        gains = self.booster.feature_importance("gain")
        return {name: float(gain) for name, gain in zip(self.booster.feature_name(), gains, strict=True)}

    def text(self) -> str:
        return str(self.booster.model_to_string(num_iteration=-1))


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
        "bin_construct_sample_cnt": parameters["bin_rows"],
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


def _rows(
    data: TrainingData, settings: Mapping[str, Any], linear: Linear | None, reference: Dataset | None = None
) -> Dataset:
    import lightgbm

    return lightgbm.Dataset(
        data.x, data.y, weight=data.weight, feature_name=list(data.feature_names), params=dict(settings),
        reference=reference, init_score=start_of(linear, data),
    )  # fmt: skip


def _fit(data: TrainingData, parameters: Mapping[str, Any], seed: int) -> FittedModel:
    import lightgbm

    settings, linear = _settings(parameters, data, seed), linear_start(data, parameters)
    trees = _Boosted(lightgbm.train(settings, _rows(data, settings, linear)))
    return Started("LightGBM", trees, linear, parameters["learning_rate"])


def _fit_watched(
    data: TrainingData, validation: TrainingData, parameters: Mapping[str, Any], seed: int, watch: Watch
) -> WatchedFit | None:
    """Fit until the validation loss stops to fall, and keep the number of trees at which it was least."""
    import lightgbm

    settings, linear = _settings(parameters, data, seed), linear_start(data, parameters)
    rows = _rows(data, settings, linear)
    losses: list[float] = []
    grown: list[int] = []  # a round that finds nothing to split grows no tree

    def told(state: Any) -> None:
        grown.append(state.model.num_trees())
        losses.append(float(state.evaluation_result_list[0][2]))
        if len(losses) % WATCH_EVERY == 0 and watch(len(losses), losses[-1]):
            raise _GivenUpError
        if len(losses) - 1 - int(np.argmin(losses)) >= PATIENCE:
            raise lightgbm.callback.EarlyStopException(int(np.argmin(losses)), state.evaluation_result_list)

    try:
        booster = lightgbm.train(
            settings,
            rows,
            valid_sets=[_rows(validation, settings, linear, rows)],
            callbacks=[told],
            keep_training_booster=True,  # it is read back below, with the trees that are kept
        )
    except _GivenUpError:
        return None
    trees = max(int(np.argmin(losses)) + 1, min(FEWEST_TREES, len(losses)))
    kept = _Boosted(lightgbm.Booster(model_str=booster.model_to_string(num_iteration=grown[trees - 1])))
    model = Started("LightGBM", kept, linear, parameters["learning_rate"])
    return WatchedFit(model, {**parameters, "trees": trees}, model.predict(validation.x), losses[trees - 1])


def _load(content: bytes) -> FittedModel:
    """Read what ``dumps`` wrote. Raises DataError for anything else."""
    return read_started(content, "LightGBM", _read)


def _read(text: str) -> _Boosted:
    """Read the library's text. Raises ValueError for anything else."""
    import lightgbm

    try:
        return _Boosted(lightgbm.Booster(model_str=text))
    except lightgbm.basic.LightGBMError as error:
        raise ValueError(error) from None
