"""Walk-forward validation of one coin: every tested row is scored by a model that has seen only what came before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from huracan.errors import PluginError
from huracan.types import ExplainedModel, FittedModel
from huracan_training.backtest import Backtest, backtest
from huracan_training.dataset import Dataset
from huracan_training.encoding import View
from huracan_training.fitting import Fitter
from huracan_training.splits import Fold
from huracan_training.thresholds import Segment, Threshold, choose_threshold

__all__ = ["Final", "FoldResult", "Rules", "evaluate_folds", "final_model"]


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for every fold. ``trade_share`` is the least number of trades per row of a threshold worth judging."""

    parameters: Mapping[str, Any]
    horizon: int
    trade_share: float


@dataclass(frozen=True, slots=True, eq=False)
class FoldResult:
    """A test fold: the threshold chosen before it, the scores of its rows, and what trading them brought.

    ``contributions`` are what each column added to the log odds of each signal, by name; None where the model does not
    tell.
    """

    fold: Fold
    threshold: Threshold
    scores: np.ndarray
    result: Backtest
    importance: Mapping[str, float]
    contributions: Mapping[str, np.ndarray] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Final:
    """The model that will be used, fitted on every labelled row, and the score from which it trades."""

    model: FittedModel
    threshold: Threshold


def evaluate_folds(
    view: View, folds: Sequence[Fold], fitter: Fitter, rules: Rules, before: Segment, tell: Callable[[str], None]
) -> list[FoldResult]:
    """Evaluate fold after fold; ``tell`` hears of each finished step.

    A fold's threshold is the one that would have earned most on the rows that were scored out of sample so far:
    ``before`` (the search's validation rows) and the folds before it, but for their last rows, whose trades would not
    have ended. A fold may stay out of the market. Raises CoinSkippedError where training rows cannot be learned from.
    """
    results: list[FoldResult] = []
    segments = [before]
    for fold in folds:
        data = view.before(fold.start)
        threshold = choose_threshold(data, segments, rules.horizon, rules.trade_share)
        model = fitter.fit(data, fold.train[fold.train < data.labelled], rules.parameters)
        scores = np.asarray(model.predict(data.x[fold.start : fold.stop]), dtype=np.float64)
        tested = backtest(data.prices, data.outcomes, scores, threshold.value, fold.start, fold.stop, rules.horizon)
        told = _contributions(model, data, tested.signals)
        results.append(FoldResult(fold, threshold, scores, tested, model.importance(), told))
        segments.append(Segment(fold.start, fold.stop, scores))
        tell(f"fold {fold.number}/{len(folds)}")
    return results


def _contributions(model: FittedModel, data: Dataset, rows: np.ndarray) -> dict[str, np.ndarray] | None:
    """Ask a model what its score is made of, on the rows that it traded alone: that costs more than a prediction.

    Raises PluginError where it answers with another shape than it was asked for.
    """
    if not isinstance(model, ExplainedModel):
        return None
    if not len(rows):
        return {name: np.zeros(0) for name in data.names}
    told = np.asarray(model.contributions(data.x[rows]), dtype=np.float64)
    if told.shape != (len(rows), len(data.names)):
        raise PluginError(f"the model's contributions have the shape {told.shape}, rows are {len(rows)}")
    return {name: told[:, i] for i, name in enumerate(data.names)}


def final_model(data: Dataset, results: Sequence[FoldResult], fitter: Fitter, rules: Rules, before: Segment) -> Final:
    """Fit the model that will be used on every labelled row, with what the search chose.

    Its threshold is the one that would have earned most on all rows that were scored out of sample. Nothing is measured
    on it: its measures are those of the folds.
    """
    segments = [before, *(Segment(each.fold.start, each.fold.stop, each.scores) for each in results)]
    model = fitter.fit(data, np.arange(data.labelled), rules.parameters)
    return Final(model, choose_threshold(data, segments, rules.horizon, rules.trade_share))
