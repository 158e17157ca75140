"""Choices made inside a fold, on its training rows alone: parameters, and the score from which to trade."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from huracan.types import FittedModel, Trainer, TrainingData
from huracan_training.backtest import TradeCosts, backtest
from huracan_training.dataset import Dataset
from huracan_training.errors import CoinSkippedError
from huracan_training.splits import inner_split

__all__ = ["Choice", "SearchRules", "choose", "choose_threshold", "fit", "log_loss", "median_choice"]

QUANTILES = np.array([0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98])
"""Shares of validation rows below a threshold that are tried: from every other row to one in fifty."""


@dataclass(frozen=True, slots=True)
class SearchRules:
    """What a fold's search may do. ``trade_share`` is the least number of trades per validation row."""

    horizon: int
    inner_share: float
    candidates: int
    trade_share: float
    seed: int
    costs: TradeCosts


@dataclass(frozen=True, slots=True)
class Choice:
    """What a fold chose: index of the candidate, threshold, and what each candidate's validation said."""

    candidate: int
    threshold: float
    losses: tuple[float, ...]
    validation_rows: int
    validation_trades: int
    validation_net: float


def choose(
    data: Dataset, train: np.ndarray, trainer: Trainer, rules: SearchRules, tell: Callable[[str], None]
) -> Choice:
    """Fit every candidate on the earlier training rows, keep the one with the least log loss on the later ones, and
    take the threshold that earns most there after costs.

    Log loss chooses the candidate because it uses every row; a few dozen overlapping trades are too few to compare
    models by. Raises CoinSkippedError where the rows hold one class only.
    """
    rows, start, stop = inner_split(train, rules.inner_share, rules.horizon)
    validate = train[train >= start]
    losses, scores = [], []
    for number, parameters in enumerate(trainer.candidates[: rules.candidates]):
        model = fit(data, rows, trainer, parameters, rules.seed)
        score = np.full(stop - start, -np.inf)
        score[validate - start] = model.predict(data.x[validate])
        losses.append(log_loss(data.y[validate], score[validate - start]))
        scores.append(score)
        tell(f"candidate {number + 1}")
    best = int(np.argmin(losses))
    threshold, trades, net = choose_threshold(data, scores[best], start, stop, rules)
    return Choice(best, threshold, tuple(losses), len(validate), trades, net)


def fit(data: Dataset, rows: np.ndarray, trainer: Trainer, parameters: Mapping[str, Any], seed: int) -> FittedModel:
    """Fit one model on the given rows. Raises CoinSkippedError where they hold one class only."""
    y = data.y[rows]
    if y.min() == y.max():
        outcome = "pays" if y.max() else "pays not"
        raise CoinSkippedError(f"every trade of {len(rows)} training rows {outcome} its costs: nothing to tell apart")
    return trainer.fit(TrainingData(data.x[rows], y, data.names), parameters, seed)


def choose_threshold(
    data: Dataset, scores: np.ndarray, start: int, stop: int, rules: SearchRules
) -> tuple[float, int, float]:
    """Return (threshold, trades, net result as log growth) that is best on rows ``start <= row < stop``.

    Thresholds that trade too rarely to be judged are left out; where all do, the one that trades most is taken.
    """
    known = scores[np.isfinite(scores)]
    floor = min(math.ceil(rules.trade_share * (stop - start)), (stop - start) // (2 * rules.horizon))
    tried: list[tuple[float, int, float]] = []
    for threshold in np.unique(np.quantile(known, QUANTILES)):
        result = backtest(data.opens, data.closes, scores, float(threshold), start, stop, rules.horizon, rules.costs)
        tried.append((float(threshold), len(result.trades), float(np.log1p(result.trades).sum())))
    enough = [each for each in tried if each[1] >= floor]
    if not enough:
        return max(tried, key=lambda each: (each[1], each[0]))
    return max(enough, key=lambda each: (each[2], each[0]))


def log_loss(y: np.ndarray, probability: np.ndarray) -> float:
    """Return the mean negative log likelihood, probabilities clipped to 1e-6 from 0 and 1."""
    p = np.clip(probability, 1e-6, 1 - 1e-6)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log1p(-p)))


def median_choice(choices: Sequence[Choice]) -> tuple[int, float]:
    """Return what the final model takes over: the candidate most folds chose (on a draw the one chosen last), and
    the median of the thresholds."""
    chosen = [choice.candidate for choice in choices]
    most = max(chosen.count(each) for each in chosen)
    candidate = next(each for each in reversed(chosen) if chosen.count(each) == most)
    return candidate, float(np.median([choice.threshold for choice in choices]))
