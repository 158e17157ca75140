"""The trainer ``lightgbm``: gradient boosted trees, one thread, the same bytes for the same input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from huracan.errors import DataError
from huracan.types import FittedModel, Trainer, TrainingData

if TYPE_CHECKING:
    from lightgbm import Booster

__all__ = ["CANDIDATES", "lightgbm_trainer"]

CANDIDATES: tuple[Mapping[str, Any], ...] = (
    {"leaves": 7, "trees": 60, "learning_rate": 0.05, "rows_per_leaf": 100, "l2": 10.0},
    {"leaves": 7, "trees": 180, "learning_rate": 0.05, "rows_per_leaf": 100, "l2": 10.0},
    {"leaves": 15, "trees": 60, "learning_rate": 0.05, "rows_per_leaf": 60, "l2": 10.0},
    {"leaves": 15, "trees": 150, "learning_rate": 0.05, "rows_per_leaf": 60, "l2": 10.0},
    {"leaves": 4, "trees": 60, "learning_rate": 0.05, "rows_per_leaf": 150, "l2": 20.0},
    {"leaves": 31, "trees": 80, "learning_rate": 0.03, "rows_per_leaf": 40, "l2": 20.0},
)
"""Small models first: returns carry little signal. The number of trees is chosen like any other parameter, on rows
inside the training window, which is what early stopping would do."""


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


def lightgbm_trainer() -> Trainer:
    return Trainer("lightgbm", CANDIDATES, _fit, _load)


def _fit(data: TrainingData, parameters: Mapping[str, Any], seed: int) -> FittedModel:
    import lightgbm

    settings = {
        "objective": "binary",
        "num_iterations": parameters["trees"],
        "num_leaves": parameters["leaves"],
        "learning_rate": parameters["learning_rate"],
        "min_data_in_leaf": parameters["rows_per_leaf"],
        "lambda_l2": parameters["l2"],
        "feature_fraction": 0.5,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "max_bin": 63,
        "seed": seed,
        # One thread, a fixed layout and fixed order of sums: the same bytes on one and on many workers.
        "num_threads": 1,
        "deterministic": True,
        "force_col_wise": True,
        "feature_pre_filter": False,
        "verbosity": -1,
    }
    rows = lightgbm.Dataset(data.x, data.y, feature_name=list(data.feature_names), params=dict(settings))
    return _Boosted(lightgbm.train(settings, rows))


def _load(content: bytes) -> FittedModel:
    """Read what ``dumps`` wrote. Raises DataError for anything else."""
    import lightgbm

    try:
        return _Boosted(lightgbm.Booster(model_str=content.decode()))
    except (lightgbm.basic.LightGBMError, UnicodeDecodeError) as error:
        raise DataError("model.bin", f"is not a LightGBM model: {error}") from None
