"""A regularised logistic regression on scaled columns: the trainer ``logistic``, and where boosted trees start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from huracan.types import TrainingData

__all__ = ["CLIP", "Linear", "fit_linear", "probability", "read_linear"]

CLIP = 4.0
"""Standard deviations at which scaled columns are clipped: one wild hour must not move every prediction."""

ROUNDS, CLOSE_ENOUGH = 50, 1e-10
DIGITS = 6
"""Significant digits of a coefficient: sums that processors round in their own way end in the same model."""


@dataclass(frozen=True, slots=True)
class Linear:
    """Scaling and coefficients; ``gain`` is the log loss that it takes from its training rows, in all."""

    names: tuple[str, ...]
    mean: np.ndarray
    scale: np.ndarray
    clip: float
    coefficients: np.ndarray
    intercept: float
    gain: float

    def log_odds(self, x: np.ndarray) -> np.ndarray:
        """Sum row by row: a matrix product may round one row in another way than a thousand."""
        scaled = _scaled(x, self.mean, self.scale, self.clip)
        odds: np.ndarray = (scaled * self.coefficients).sum(axis=1) + self.intercept
        return odds

    def contributions(self, x: np.ndarray) -> np.ndarray:
        """Return the terms of each row, float64 of (rows, columns); the mean of a column adds nothing."""
        terms: np.ndarray = _scaled(x, self.mean, self.scale, self.clip) * self.coefficients
        return terms

    def shares(self) -> Mapping[str, float]:
        """Return the size of each coefficient as a share of all."""
        sizes = np.abs(self.coefficients)
        total = float(sizes.sum()) or 1.0
        return {name: float(size) / total for name, size in zip(self.names, sizes, strict=True)}

    def document(self) -> dict[str, Any]:
        return {
            "features": list(self.names),
            "mean": self.mean.tolist(),
            "scale": self.scale.tolist(),
            "clip": self.clip,
            "coefficients": self.coefficients.tolist(),
            "intercept": self.intercept,
            "gain": self.gain,
        }


def read_linear(document: Mapping[str, Any]) -> Linear:
    """Read what ``Linear.document`` gave. Raises KeyError, TypeError or ValueError for anything else."""
    arrays = [np.array(document[name], dtype=np.float64) for name in ("mean", "scale", "coefficients")]
    mean, scale, coefficients = arrays
    names = tuple(str(name) for name in document["features"])
    if {array.shape for array in arrays} != {(len(names),)}:
        raise ValueError("it has arrays of different lengths")
    clip, intercept, gain = (float(document[name]) for name in ("clip", "intercept", "gain"))
    return Linear(names, mean, scale, clip, coefficients, intercept, gain)


def fit_linear(data: TrainingData, l2: float, clip: float = CLIP) -> Linear:
    """Minimise the mean weighted log loss plus ``l2 / 2 * |coefficients|^2`` by Newton's method.

    Iteratively reweighted least squares: Hastie, Tibshirani and Friedman 2009, The Elements of Statistical Learning,
    section 4.4.1. Nothing is drawn at random.
    """
    mean, scale = _scaling(data.x)
    rows = _scaled(data.x, mean, scale, clip)
    weight = np.ones(len(data.y)) if data.weight is None else data.weight
    total = float(weight.sum())
    weight = weight / total
    design = np.column_stack([rows, np.ones(len(rows))])
    penalty = np.append(np.full(rows.shape[1], float(l2)), 1e-9)
    solution = np.zeros(design.shape[1])
    loss = _loss(design, data.y, weight, penalty, solution)
    for _ in range(ROUNDS):
        p = probability(design @ solution)
        gradient = design.T @ (weight * (p - data.y)) + penalty * solution
        curvature = (design * (weight * p * (1 - p))[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        size = 1.0
        while (after := _loss(design, data.y, weight, penalty, solution - size * step)) > loss and size > 1e-6:
            size /= 2.0
        solution, gained, loss = solution - size * step, loss - after, after
        if gained < CLOSE_ENOUGH:
            break
    gain = total * (_entropy(float(weight @ data.y)) - _loss(design, data.y, weight, 0.0 * penalty, solution))
    *coefficients, intercept = (_rounded(each) for each in solution)
    return Linear(data.feature_names, mean, scale, clip, np.array(coefficients), intercept, _rounded(max(gain, 0.0)))


def probability(log_odds: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * log_odds)), dtype=np.float64)


def _loss(design: np.ndarray, y: np.ndarray, weight: np.ndarray, penalty: np.ndarray, solution: np.ndarray) -> float:
    logit = design @ solution
    return float(weight @ (np.logaddexp(0.0, logit) - y * logit) + 0.5 * penalty @ solution**2)


def _entropy(share: float) -> float:
    """Return the log loss of a model that knows nothing but the share of ones."""
    return -sum(p * float(np.log(p)) for p in (share, 1.0 - share) if p > 0.0)


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS - 1}e}")


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
