"""One piece of work on one coin, wherever it runs: what is asked for is done, what goes wrong becomes a message."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from typing import Any

from huracan.errors import HuracanError, TryAgainError
from huracan.types import FeatureSet, Trainer
from huracan_training.carried import Files
from huracan_training.coin import CoinTask, coin_moments, train_coin
from huracan_training.errors import CoinSkippedError
from huracan_training.proof import PROOF, prove

__all__ = ["explained", "perform"]


def perform(
    message: Mapping[str, Any],
    sets: Mapping[str, FeatureSet],
    trainers: Mapping[str, Trainer],
    files: Files,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """Do what a task asks for and return the answer, JSON values only."""
    task = CoinTask.from_json(message)
    if task.work.startswith(PROOF):
        return prove(task, sets, files)
    if task.work == "moments":
        return coin_moments(task, sets, files, tell)
    return train_coin(task, sets, trainers, files, tell)


def explained(error: Exception) -> dict[str, Any]:
    """Return what is said of an error: that the coin is skipped, or a line, whether it is for good, and a traceback."""
    if isinstance(error, CoinSkippedError):
        return {"answer": {"skipped": str(error)}}
    known = isinstance(error, HuracanError)
    line = str(error) if known else f"{type(error).__name__}: {error}"
    permanent = known and not isinstance(error, TryAgainError)
    details = "" if known else "".join(traceback.format_exception(error))
    return {"error": " ".join(line.split()), "permanent": permanent, "details": details}
