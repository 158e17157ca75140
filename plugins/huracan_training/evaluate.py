"""Walk-forward validation of one coin: every tested row is scored by a model that has seen only what came before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from huracan.types import FittedModel, Trainer
from huracan_training.backtest import Backtest, backtest
from huracan_training.dataset import Dataset
from huracan_training.search import Choice, SearchRules, choose, fit, median_choice
from huracan_training.splits import Fold

__all__ = ["FoldResult", "evaluate_fold", "evaluate_folds", "final_model"]


@dataclass(frozen=True, slots=True, eq=False)
class FoldResult:
    """A test fold: what was chosen before it, the scores of its rows, and what trading them brought."""

    fold: Fold
    choice: Choice
    scores: np.ndarray
    result: Backtest


def evaluate_folds(
    data: Dataset, folds: Sequence[Fold], trainer: Trainer, rules: SearchRules, tell: Callable[[str], None]
) -> list[FoldResult]:
    """Evaluate fold after fold; ``tell`` hears of each finished step."""
    return [
        evaluate_fold(data, fold, trainer, rules, lambda text, n=fold.number: tell(f"fold {n}/{len(folds)} {text}"))  # type: ignore[misc]
        for fold in folds
    ]


def evaluate_fold(
    data: Dataset, fold: Fold, trainer: Trainer, rules: SearchRules, tell: Callable[[str], None]
) -> FoldResult:
    """Search on the fold's training rows, refit on all of them, then score and trade the test rows once.

    Raises CoinSkippedError where the training rows cannot be learned from.
    """
    train = fold.train[fold.train < data.labelled]
    choice = choose(data, train, trainer, rules, tell)
    model = fit(data, train, trainer, trainer.candidates[choice.candidate], rules.seed)
    scores = np.asarray(model.predict(data.x[fold.start : fold.stop]), dtype=np.float64)
    result = backtest(
        data.opens, data.closes, scores, choice.threshold, fold.start, fold.stop, rules.horizon, rules.costs
    )
    tell("tested")
    return FoldResult(fold, choice, scores, result)


def final_model(
    data: Dataset, results: Sequence[FoldResult], trainer: Trainer, rules: SearchRules
) -> tuple[FittedModel, int, float]:
    """Fit the model that will be used on every labelled row, with what the folds chose.

    Returns (model, index of the candidate, threshold). Nothing is measured on it: its measures are those of the folds.
    """
    candidate, threshold = median_choice([each.choice for each in results])
    model = fit(data, np.arange(data.labelled), trainer, trainer.candidates[candidate], rules.seed)
    return model, candidate, threshold
