"""One fit: rows of a dataset, handed to a trainer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from huracan.market.measures import paired_gain
from huracan.types import FittedModel, Trainer, TrainingData, Watch, WatchedFit
from huracan_training.dataset import Dataset
from huracan_training.errors import CoinSkippedError

__all__ = ["Fitter", "clearly_better", "log_loss"]

CLEAR = 2.0
"""Standard errors that a validation loss must be lower by before it counts: the least of several is low by luck."""


@dataclass(frozen=True, slots=True)
class Fitter:
    """A trainer with what stays the same from fit to fit."""

    trainer: Trainer
    seed: int
    device: str = "cpu"

    def fit(self, data: Dataset, rows: np.ndarray, parameters: Mapping[str, Any]) -> FittedModel:
        """Fit on the given rows. Raises CoinSkippedError where they hold one class only."""
        return self.trainer.fit(self._rows(data, rows), parameters, self.seed)

    def fit_watched(
        self, data: Dataset, rows: np.ndarray, validate: np.ndarray, parameters: Mapping[str, Any], watch: Watch
    ) -> WatchedFit | None:
        """Fit with an eye on the rows ``validate``; None where ``watch`` gave up."""
        given = self._rows(data, rows)
        seen = TrainingData(data.x[validate], data.y[validate], data.names, _weight(data, validate), self.device)
        if self.trainer.fit_watched is not None:
            return self.trainer.fit_watched(given, seen, parameters, self.seed, watch)
        model = self.trainer.fit(given, parameters, self.seed)
        scores = np.asarray(model.predict(seen.x), dtype=np.float64)
        return WatchedFit(model, parameters, scores, log_loss(seen.y, scores, seen.weight))

    def _rows(self, data: Dataset, rows: np.ndarray) -> TrainingData:
        y = data.y[rows]
        if y.min() == y.max():
            outcome = "pays" if y.max() else "pays not"
            raise CoinSkippedError(f"every trade of {len(rows)} training rows {outcome} its costs: nothing to learn")
        return TrainingData(data.x[rows], y, data.names, _weight(data, rows), self.device)


def _weight(data: Dataset, rows: np.ndarray) -> np.ndarray | None:
    """Weights of mean 1; None where all are zero, which says nothing."""
    weight = data.weight[rows]
    mean = float(weight.mean())
    return weight / mean if mean > 0 else None


def clearly_better(data: Dataset, rows: np.ndarray, scores: np.ndarray, usual: np.ndarray, horizon: int) -> bool:
    """Say whether ``scores`` of these rows lose less than the ``usual`` ones by more than noise.

    Outcomes of neighbouring rows overlap for ``horizon`` bars, which the standard error allows for.
    """
    y, weight = data.y[rows], _weight(data, rows)
    lost, usually = (_losses(y, each) * (1.0 if weight is None else weight) for each in (scores, usual))
    gain = paired_gain(usually, lost, horizon)
    return gain is not None and gain.t_statistic > CLEAR


def log_loss(y: np.ndarray, probability: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Return the weighted mean negative log likelihood, probabilities clipped to 1e-6 from 0 and 1."""
    return float(np.average(_losses(y, probability), weights=weight))


def _losses(y: np.ndarray, probability: np.ndarray) -> np.ndarray:
    p = np.clip(probability, 1e-6, 1 - 1e-6)
    losses: np.ndarray = -(y * np.log(p) + (1 - y) * np.log1p(-p))
    return losses
