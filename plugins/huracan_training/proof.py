"""Proves in a worker that a feature set does not look ahead on a coin's candles; which sets, says ``strange_features``.

Every value of a few thousand rows is computed again with candles cut off, and changed, after a row; what then moves
before that row knew the future.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from huracan.types import FeatureSet
from huracan_training.carried import Files
from huracan_training.coin import CoinTask, read_coin
from huracan_training.leaks import Finding, History, feature_leaks

__all__ = ["PROOF", "prove"]

PROOF = "proof:"
"""What the work of a task begins with that proves a set; its name follows."""

_ROWS, _CUTS, _SEED = 3000, 4, 11
_FEWEST = 400


def prove(task: CoinTask, sets: Mapping[str, FeatureSet], files: Files) -> dict[str, Any]:
    """Return what is wrong with the set that a task names, empty where nothing is; None where nothing could be seen."""
    each = sets.get(task.work.removeprefix(PROOF))
    if each is None:
        return {"wrong": "the workers do not find it"}
    candles, reference = read_coin(task, files)
    rows = slice(-_ROWS, None)
    history = History(
        task.symbol, candles.take(rows), task.timeframe, {base: a[rows] for base, a in reference.items()}, task.costs
    )
    count = len(history.candles)
    first = max(count // 4, each.warmup + 2)
    if count < _FEWEST or first >= count - 2:
        return {"wrong": None}
    cuts = np.sort(np.random.default_rng(_SEED).choice(np.arange(first, count - 2), size=min(_CUTS, count - 2 - first)))
    return {"wrong": _sentence(feature_leaks(history, each, cuts.tolist(), _SEED))}


def _sentence(findings: Sequence[Finding]) -> str:
    """Say it in words that stay the same while the candles change: the owner is told once."""
    if not findings:
        return ""
    worst = findings[0]
    if worst.broken:
        return f"it cannot be computed: {worst.broken}"[:300]
    columns = ", ".join(sorted({each.column for each in findings})[:5])
    if all(each.how == "computed twice" for each in findings):
        return f"{columns}: computed twice from the same candles it is not the same"
    return f"{columns}: values of the past change when only later candles do, so it looks ahead"
