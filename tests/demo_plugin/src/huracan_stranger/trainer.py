"""The trainer `stranger-bayes`: naive Bayes, a normal distribution for each column (Hand and Yu 2001).

A value that is unknown says nothing, and no single value says more than ``most`` (log odds).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from huracan.errors import DataError
from huracan.paths import canonical_json
from huracan.types import FittedModel, FloatRange, Space, TrainingData

__all__ = ["DEFAULTS", "SPACE", "fit", "load"]

MODEL = "stranger-bayes"
DEFAULTS: Mapping[str, Any] = {"smoothing": 0.05, "most": 4.0}
"""``smoothing`` is the share of a column's whole variance that is added to that of each class."""
SPACE: Mapping[str, Space] = {"smoothing": FloatRange(1e-3, 1.0, log=True), "most": FloatRange(0.5, 8.0)}
TINY = 1e-12


@dataclass(frozen=True, slots=True)
class NaiveBayes:
    """``mean`` and ``variance`` have a row for each class; ``prior`` are the log odds before anything is known."""

    names: tuple[str, ...]
    prior: float
    most: float
    mean: np.ndarray
    variance: np.ndarray
    shares: tuple[float, ...] = ()

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return the probability of label 1 for each row."""
        log_odds = np.clip(self.prior + self.contributions(x).sum(axis=1), -30.0, 30.0)
        return np.asarray(1.0 / (1.0 + np.exp(-log_odds)))

    def contributions(self, x: np.ndarray) -> np.ndarray:
        """Return what each column adds to the log odds of each row."""
        known = np.ascontiguousarray(np.where(np.isfinite(x), x, np.nan))  # a row alone is summed as among others
        likelihood = [
            -0.5 * (np.log(variance) + (known - mean) ** 2 / variance)
            for mean, variance in zip(self.mean, self.variance, strict=True)
        ]
        told = np.clip(likelihood[1] - likelihood[0], -self.most, self.most)
        return np.asarray(np.nan_to_num(told))

    def importance(self) -> Mapping[str, float]:
        """Return the mean size of each column's contribution on the training rows, as a share of all."""
        return dict(zip(self.names, self.shares, strict=True))

    def dumps(self) -> bytes:
        return canonical_json(
            {
                "model": MODEL,
                "names": list(self.names),
                "prior": self.prior,
                "most": self.most,
                "mean": self.mean.tolist(),
                "variance": self.variance.tolist(),
                "shares": list(self.shares),
            }
        )


def fit(data: TrainingData, parameters: Mapping[str, Any], seed: int) -> FittedModel:
    """Fit a model; nothing is drawn at random, so ``seed`` has no say."""
    del seed
    weight = np.ones(len(data.y)) if data.weight is None else data.weight
    known = np.isfinite(data.x)
    x = np.where(known, data.x, 0.0)
    whole = _moments(x, known * weight[:, None], np.zeros(x.shape[1]), np.ones(x.shape[1]))
    smoothing = parameters["smoothing"] * whole[1] + TINY
    classes = [_moments(x, known * (weight * (data.y == label))[:, None], *whole) for label in (0, 1)]
    zeros, ones = (float(weight[data.y == label].sum()) for label in (0, 1))
    model = NaiveBayes(
        names=tuple(data.feature_names),
        prior=float(np.log((ones + 1.0) / (zeros + 1.0))),
        most=float(parameters["most"]),
        mean=np.stack([mean for mean, _ in classes]),
        variance=np.stack([variance + smoothing for _, variance in classes]),
    )
    sizes = np.abs(model.contributions(data.x)).mean(axis=0)
    shares = sizes / max(float(sizes.sum()), TINY)
    return NaiveBayes(model.names, model.prior, model.most, model.mean, model.variance, tuple(shares.tolist()))


def _moments(
    x: np.ndarray, weight: np.ndarray, mean_else: np.ndarray, variance_else: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance of each column; where nothing of it is known, what stands there else."""
    total = weight.sum(axis=0)
    is_known = total > 0
    total = np.where(is_known, total, 1.0)
    mean = (weight * x).sum(axis=0) / total
    variance = (weight * (x - mean) ** 2).sum(axis=0) / total
    return np.where(is_known, mean, mean_else), np.where(is_known, variance, variance_else)


def load(content: bytes) -> FittedModel:
    """Read what ``dumps`` wrote. Raises DataError for anything else."""
    try:
        told = json.loads(content)
        if told["model"] != MODEL:
            raise ValueError("it is another kind of model")
        names = tuple(str(name) for name in told["names"])
        mean, variance = (np.array(told[key], dtype=np.float64).reshape(2, len(names)) for key in ("mean", "variance"))
        shares = tuple(float(share) for share in told["shares"])
        return NaiveBayes(names, float(told["prior"]), float(told["most"]), mean, variance, shares)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError("model.bin", f"is no model of {MODEL}: {error}") from None
