"""A stranger's plugin for tests of training: two features, and trainers that hang, raise or die.

It is copied into a folder of its own and found there by its entry point, in the test's process as in every worker.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from huracan import hookimpl
from huracan.types import FeatureInput, FeatureSet, FittedModel, FloatRange, Trainer, TrainingData

DEFAULTS: Mapping[str, Any] = {"scale": 1.0}
SPACE = {"scale": FloatRange(0.5, 2.0)}


@dataclass(frozen=True)
class Following:
    """Trusts the first feature."""

    scale: float

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(1 / (1 + np.exp(-self.scale * np.nan_to_num(x[:, 0]))), dtype=np.float64)

    def importance(self) -> Mapping[str, float]:
        return {"hint": 1.0}

    def dumps(self) -> bytes:
        return f"following {self.scale}\n".encode()


def _follow(data: TrainingData, parameters: Mapping[str, Any], seed: int) -> FittedModel:
    return Following(parameters["scale"])


def _misbehaving(act: Callable[[], None], when: Callable[[TrainingData], bool]) -> Any:
    def fit(data: TrainingData, parameters: Mapping[str, Any], seed: int) -> FittedModel:
        if when(data):
            act()
        return Following(parameters["scale"])

    return fit


def _without_edge(data: TrainingData) -> bool:
    """True for the coins of the tests whose hint says nothing: their second feature is 0."""
    return bool(np.all(data.x[:, 1] == 0.0))


def _hang() -> None:
    time.sleep(600)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_once() -> None:
    mark = Path(os.environ["TRAINING_TEST_MARK"])
    if not mark.exists():
        mark.touch()
        _die()


def _raise() -> None:
    raise RuntimeError("this trainer knows no better")


def _slow() -> None:
    time.sleep(0.15)


def _features(given: FeatureInput) -> Mapping[str, np.ndarray]:
    """The tests hide the hint in the volume; ``edge`` is 1 where closes follow it."""
    hint = (given.candles.volume - 100) / 10
    moves = np.log(given.candles.close / given.candles.open)
    follows = abs(np.corrcoef(hint[:-1][:300], moves[1:][:300])[0, 1]) > 0.2
    return {"hint": hint, "edge": np.full(len(hint), float(follows))}


@hookimpl
def huracan_features() -> Sequence[FeatureSet]:
    return [FeatureSet("kit", 1, ("hint", "edge"), 10, _features)]


@hookimpl
def huracan_trainers() -> Sequence[Trainer]:
    always: Callable[[TrainingData], bool] = lambda data: True  # noqa: E731
    fits = {
        "follow": _follow,
        "hang": _misbehaving(_hang, _without_edge),
        "die": _misbehaving(_die, _without_edge),
        "die-once": _misbehaving(_die_once, _without_edge),
        "raise": _misbehaving(_raise, _without_edge),
        "slow": _misbehaving(_slow, always),
    }
    return [
        Trainer(name, DEFAULTS, SPACE, fit, lambda content: Following(float(content.split()[1])))
        for name, fit in fits.items()
    ]
