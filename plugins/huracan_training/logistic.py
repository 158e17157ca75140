"""The trainer ``logistic``: a regularised logistic regression, the baseline that trees have to beat.

It needs NumPy alone, a few MiB and a few milliseconds: small machines use it (``trainer: auto``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from huracan.errors import DataError
from huracan.paths import canonical_json
from huracan.types import FittedModel, FloatRange, Space, Trainer, TrainingData
from huracan_training.linear import CLIP, Linear, fit_linear, probability, read_linear

__all__ = ["logistic_trainer"]

DEFAULTS: Mapping[str, Any] = {"l2": 0.01, "clip": CLIP}
"""``l2`` is the penalty per row; scaled features are clipped at ``clip`` standard deviations."""

SPACE: Mapping[str, Space] = {"l2": FloatRange(1e-4, 1.0, log=True)}


@dataclass(frozen=True, slots=True)
class _Logistic:
    """A :class:`Linear` as a :class:`huracan.types.ExplainedModel`."""

    linear: Linear

    def predict(self, x: np.ndarray) -> np.ndarray:
        return probability(self.linear.log_odds(x))

    def contributions(self, x: np.ndarray) -> np.ndarray:
        return self.linear.contributions(x)

    def importance(self) -> Mapping[str, float]:
        """Return the size of each coefficient as a share of all."""
        return {name: round(share, 6) for name, share in self.linear.shares().items()}

    def dumps(self) -> bytes:
        return canonical_json({"model": "logistic", **self.linear.document()})


def logistic_trainer() -> Trainer:
    return Trainer("logistic", DEFAULTS, SPACE, _fit, _load)


def _fit(data: TrainingData, parameters: Mapping[str, Any], _seed: int) -> FittedModel:
    """Nothing is drawn at random: the seed has no say."""
    return _Logistic(fit_linear(data, parameters["l2"], parameters["clip"]))


def _load(content: bytes) -> FittedModel:
    """Read what ``dumps`` wrote. Raises DataError for anything else."""
    try:
        told = json.loads(content)
        if told["model"] != "logistic":
            raise DataError("model.bin", "is not a logistic regression")
        return _Logistic(read_linear(told))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError("model.bin", f"is not a logistic regression: {error}") from None
