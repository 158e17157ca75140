"""From which score to trade, chosen by what trading would have earned on rows that the model had not seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from huracan_training.backtest import STAY_OUT, signals_above
from huracan_training.dataset import Dataset

__all__ = ["Segment", "Threshold", "choose_threshold"]

SELECTIVE = np.array([0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98])
WIDE = np.array([0.5, 0.6, 0.7, 0.75, 0.8, 0.85])
"""Shares of scores below a threshold that are tried: from one row in ten to one in fifty. The wide ones, down to every
other row, only where the selective ones trade too rarely to be judged: what earned on one row in four was most often a
market that rose as a whole, and falls with it (decision 085)."""

NEUTRAL = 0.5
"""With rows weighted by what they are worth, the probability from which a trade is expected to earn anything."""

LEAST_STRENGTH = 1.0
"""A threshold must have earned more than one standard error of what its trades brought."""


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
    """Return the threshold whose trades earned most for their risk after costs, or STAY_OUT where none is convincing.

    What is compared is the t-statistic of the trades' results: the sum alone would favour many trades that earn next to
    nothing. Few trades make a noisy mean, so that it is averaged with the mean over every row above the threshold, most
    of which were not traded because a position was open. Scores below one half say that a trade is expected to lose,
    and are not traded whatever the past brought; thresholds with less than ``trade_share`` trades per row are too rare
    to be judged.
    """
    rows = sum(each.stop - each.start for each in segments)
    scores = np.concatenate([each.scores for each in segments])
    finite = scores[np.isfinite(scores)]
    gains = np.concatenate([(data.outcomes.net * data.outcomes.stake)[each.start : each.stop] for each in segments])
    known = np.isfinite(gains) & np.isfinite(scores)
    floor = max(2, min(math.ceil(trade_share * rows), rows // (2 * horizon)))
    best, highest, judged = Threshold(STAY_OUT, rows, 0, 0.0), LEAST_STRENGTH, False
    for shares in (SELECTIVE, WIDE):
        if judged:
            break
        for value in np.unique(np.maximum(np.quantile(finite, shares), NEUTRAL)):
            traded = _tried(data, segments, float(value), horizon)
            above = gains[known & (scores > value)]
            if len(traded) < floor or not len(above):
                continue
            judged = True
            strength = _strength(traded, above)
            if strength > highest:
                best, highest = Threshold(float(value), rows, len(traded), float(np.log1p(traded).sum())), strength
    return best


def _strength(traded: np.ndarray, above: np.ndarray) -> float:
    """Return the t-statistic of the trades, their mean averaged with that of every row above the threshold."""
    mean, spread = (float(traded.mean()) + float(above.mean())) / 2, float(np.sqrt(np.square(traded).mean()))
    return mean / spread * math.sqrt(len(traded)) if spread > 0 else 0.0


def _tried(data: Dataset, segments: Sequence[Segment], value: float, horizon: int) -> np.ndarray:
    """Return what each trade added to the equity."""
    signals = np.concatenate(
        [signals_above(data.outcomes, each.scores, value, each.start, each.stop, horizon) for each in segments]
    )
    added: np.ndarray = data.outcomes.net[signals] * data.outcomes.stake[signals]
    return added
