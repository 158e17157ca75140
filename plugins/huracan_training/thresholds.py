"""From which score to trade, chosen by what trading would have earned on rows that the model had not seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from huracan_training.backtest import STAY_OUT, backtest
from huracan_training.dataset import Dataset

__all__ = ["Segment", "Threshold", "choose_threshold"]

QUANTILES = np.array([0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98])
"""Shares of scores below a threshold that are tried: from every other row to one in fifty."""


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """Rows ``start <= row < stop`` that were scored by a model which had not seen them; unscored ones are -inf."""

    start: int
    stop: int
    scores: np.ndarray


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold, and what it would have brought on the rows it was chosen on (``net`` as log growth)."""

    value: float
    rows: int
    trades: int
    net: float


def choose_threshold(data: Dataset, segments: Sequence[Segment], horizon: int, trade_share: float) -> Threshold:
    """Return the threshold whose trades earned most for their risk after costs, or STAY_OUT where none earned anything.

    What is compared is the t-statistic of the trades' results: the sum alone would favour many trades that earn next to
    nothing. Thresholds that trade less than ``trade_share`` trades per row are too rare to be judged and left out.
    """
    rows = sum(each.stop - each.start for each in segments)
    scores = np.concatenate([each.scores for each in segments])
    floor = max(2, min(math.ceil(trade_share * rows), rows // (2 * horizon)))
    best, highest = Threshold(STAY_OUT, rows, 0, 0.0), 0.0
    for value in np.unique(np.quantile(scores[np.isfinite(scores)], QUANTILES)):
        earned = _tried(data, segments, float(value), horizon)
        strength = float(earned.sum()) / (float(np.sqrt(np.square(earned).sum())) or 1.0)
        if len(earned) >= floor and strength > highest:
            best, highest = Threshold(float(value), rows, len(earned), float(np.log1p(earned).sum())), strength
    return best


def _tried(data: Dataset, segments: Sequence[Segment], value: float, horizon: int) -> np.ndarray:
    """Return what each trade added to the equity."""
    results = [
        backtest(data.prices, data.outcomes, each.scores, value, each.start, each.stop, horizon) for each in segments
    ]
    return np.concatenate([each.trades * each.stakes for each in results])
