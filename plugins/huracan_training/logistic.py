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

__all__ = ["logistic_trainer"]

DEFAULTS: Mapping[str, Any] = {"l2": 0.01, "clip": 4.0}
"""``l2`` is the penalty per row; scaled features are clipped at ``clip`` standard deviations."""

SPACE: Mapping[str, Space] = {"l2": FloatRange(1e-4, 1.0, log=True)}

ROUNDS, CLOSE_ENOUGH = 50, 1e-10


@dataclass(frozen=True, slots=True)
class _Linear:
    """Scaling and coefficients as a :class:`huracan.types.FittedModel`."""

    names: tuple[str, ...]
    mean: np.ndarray
    scale: np.ndarray
    clip: float
    coefficients: np.ndarray
    intercept: float

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Sum row by row: a matrix product may round one row in another way than a thousand."""
        scaled = _scaled(x, self.mean, self.scale, self.clip)
        return _probability((scaled * self.coefficients).sum(axis=1) + self.intercept)

    def importance(self) -> Mapping[str, float]:
        """Return the size of each coefficient as a share of all."""
        sizes = np.abs(self.coefficients)
        total = float(sizes.sum()) or 1.0
        return {name: round(float(size) / total, 6) for name, size in zip(self.names, sizes, strict=True)}

    def dumps(self) -> bytes:
        return canonical_json(
            {
                "model": "logistic",
                "features": list(self.names),
                "mean": self.mean.tolist(),
                "scale": self.scale.tolist(),
                "clip": self.clip,
                "coefficients": self.coefficients.tolist(),
                "intercept": self.intercept,
            }
        )


def logistic_trainer() -> Trainer:
    return Trainer("logistic", DEFAULTS, SPACE, _fit, _load)


def _fit(data: TrainingData, parameters: Mapping[str, Any], _seed: int) -> FittedModel:
    """Minimise the mean weighted log loss plus ``l2 / 2 * |coefficients|^2`` by Newton's method.

    Iteratively reweighted least squares: Hastie, Tibshirani and Friedman 2009, The Elements of Statistical Learning,
    section 4.4.1. Nothing is drawn at random: the seed has no say.
    """
    mean, scale = _scaling(data.x)
    rows = _scaled(data.x, mean, scale, parameters["clip"])
    weight = np.ones(len(data.y)) if data.weight is None else data.weight
    weight = weight / weight.sum()
    design = np.column_stack([rows, np.ones(len(rows))])
    penalty = np.append(np.full(rows.shape[1], float(parameters["l2"])), 1e-9)
    solution = np.zeros(design.shape[1])
    loss = _loss(design, data.y, weight, penalty, solution)
    for _ in range(ROUNDS):
        p = _probability(design @ solution)
        gradient = design.T @ (weight * (p - data.y)) + penalty * solution
        curvature = (design * (weight * p * (1 - p))[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        size = 1.0
        while (after := _loss(design, data.y, weight, penalty, solution - size * step)) > loss and size > 1e-6:
            size /= 2.0
        solution, gained, loss = solution - size * step, loss - after, after
        if gained < CLOSE_ENOUGH:
            break
    return _Linear(data.feature_names, mean, scale, parameters["clip"], solution[:-1], float(solution[-1]))


def _loss(design: np.ndarray, y: np.ndarray, weight: np.ndarray, penalty: np.ndarray, solution: np.ndarray) -> float:
    logit = design @ solution
    return float(weight @ (np.logaddexp(0.0, logit) - y * logit) + 0.5 * penalty @ solution**2)


def _scaling(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and 1 / standard deviation of what is known of each column, 0 where it does not vary."""
    known = np.isfinite(x)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, x, 0.0).sum(axis=0) / count
    deviation = np.sqrt(np.square(np.where(known, x - mean, 0.0)).sum(axis=0) / count)
    varies = deviation > 1e-12 * np.maximum(np.abs(mean), 1e-300)
    return mean, np.divide(1.0, deviation, out=np.zeros_like(deviation), where=varies)


def _scaled(x: np.ndarray, mean: np.ndarray, scale: np.ndarray, clip: float) -> np.ndarray:
    """Scale and clip; what is unknown counts as the mean."""
    scaled: np.ndarray = np.nan_to_num(np.clip((x - mean) * scale, -clip, clip))
    return scaled


def _probability(logit: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logit)), dtype=np.float64)


def _load(content: bytes) -> FittedModel:
    """Read what ``dumps`` wrote. Raises DataError for anything else."""
    try:
        told = json.loads(content)
        if told["model"] != "logistic":
            raise DataError("model.bin", "is not a logistic regression")
        arrays = [np.array(told[name], dtype=np.float64) for name in ("mean", "scale", "coefficients")]
        mean, scale, coefficients = arrays
        names = tuple(str(name) for name in told["features"])
        if {array.shape for array in arrays} != {(len(names),)}:
            raise DataError("model.bin", "has arrays of different lengths")
        return _Linear(names, mean, scale, float(told["clip"]), coefficients, float(told["intercept"]))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError("model.bin", f"is not a logistic regression: {error}") from None
