"""Features, trainers and gates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np

    from huracan.context import Context
    from huracan.market.candles import Candles

__all__ = [
    "Choices",
    "ExplainedModel",
    "FeatureInput",
    "FeatureSet",
    "FittedModel",
    "FloatRange",
    "Gate",
    "IntRange",
    "Space",
    "Trainer",
    "TrainingData",
    "Verdict",
    "Watch",
    "WatchedFit",
]


@dataclass(frozen=True, slots=True)
class FeatureInput:
    """What features are computed from. ``reference`` holds BTC and ETH by base name, already aligned to ``candles``:
    one close per row, the last one known at that row's close, NaN before the reference begins."""

    candles: Candles
    timeframe: str
    reference: Mapping[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """Named feature columns. ``compute`` returns one float64 array per column, each as long as the candles.

    The value at row t depends on rows up to t alone. The first ``warmup`` rows are not used for training; NaN
    later on is allowed and left to the trainer.
    """

    name: str
    version: int
    columns: tuple[str, ...]
    warmup: int
    compute: Callable[[FeatureInput], Mapping[str, np.ndarray]]


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Rows for one fit, in order of time.

    ``x`` is (rows, features) float64 with NaN where unknown, ``y`` (rows,) of 0 and 1, ``weight`` (rows,) of numbers
    from 0 up with a mean of about 1 (None: all equal). ``device`` is ``cpu`` or ``cuda``; ``threads`` are what a
    trainer may use, 1 in a worker.
    """

    x: np.ndarray
    y: np.ndarray
    feature_names: tuple[str, ...]
    weight: np.ndarray | None = None
    device: str = "cpu"
    threads: int = 1


class FittedModel(Protocol):
    """A model that can be asked and stored; ``dumps`` is text or JSON of the library's own format, never a pickle."""

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return the probability of label 1 for each row of ``x`` (rows, features), shape (rows,)."""
        ...

    def importance(self) -> Mapping[str, float]: ...

    def dumps(self) -> bytes: ...


@runtime_checkable
class ExplainedModel(FittedModel, Protocol):
    """A model that also tells what its scores are made of; a FittedModel may have this method or not."""

    def contributions(self, x: np.ndarray) -> np.ndarray:
        """Return what each column adds to the log odds of each row, shape (rows, features), float64.

        What a row's columns add and a constant of the model are together the log odds of its probability.
        """
        ...


@dataclass(frozen=True, slots=True)
class IntRange:
    """Whole numbers from ``low`` to ``high``, both included; ``log`` searches their logarithm evenly."""

    low: int
    high: int
    log: bool = False


@dataclass(frozen=True, slots=True)
class FloatRange:
    """Numbers from ``low`` to ``high``; ``log`` searches their logarithm evenly."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True, slots=True)
class Choices:
    """One of some JSON values."""

    values: tuple[Any, ...]


Space = IntRange | FloatRange | Choices

Watch = Callable[[int, float], bool]
"""Told of a step's number and the loss on the validation rows so far; answers True where fitting may stop for good."""


@dataclass(frozen=True, slots=True)
class WatchedFit:
    """A model fitted with an eye on validation rows.

    ``parameters`` are those of the fit with what it settled itself (the number of rounds) filled in; ``scores`` are
    the model's probabilities for the validation rows and ``loss`` its weighted log loss there.
    """

    model: FittedModel
    parameters: Mapping[str, Any]
    scores: np.ndarray
    loss: float


@dataclass(frozen=True, slots=True)
class Trainer:
    """A kind of model. ``defaults`` are its parameters, ``space`` says within which bounds a search may vary them.

    ``fit(data, parameters, seed)`` gets all parameters; same input, same bytes. ``load`` reads what ``dumps`` wrote
    and raises DataError for anything else. ``fit_watched(data, validation, parameters, seed, watch)`` is for trainers
    that work in rounds: it stops early where the validation rows say so, and returns None where ``watch`` gave up.
    """

    name: str
    defaults: Mapping[str, Any]
    space: Mapping[str, Space]
    fit: Callable[[TrainingData, Mapping[str, Any], int], FittedModel]
    load: Callable[[bytes], FittedModel]
    fit_watched: Callable[[TrainingData, TrainingData, Mapping[str, Any], int, Watch], WatchedFit | None] | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate said: measured ``value``, its ``limit``, whether it ``passed`` and a sentence for the owner."""

    gate: str
    value: float | None
    limit: float | None
    passed: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition a model must meet to be traded. ``judge`` gets the out-of-sample metrics of ``metrics.json``."""

    name: str
    judge: Callable[[Context, Mapping[str, Any]], Verdict]
