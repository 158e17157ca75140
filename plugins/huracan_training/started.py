"""Boosted trees that start from a linear model: the trees learn what a weighted sum of the columns leaves unexplained.

A tree needs many splits for a straight line, and each split is a chance to fit noise. With the line taken out first,
half the learning rate does (decision 085).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from huracan.errors import DataError
from huracan.paths import canonical_json
from huracan.types import TrainingData
from huracan_training.linear import Linear, fit_linear, probability, read_linear

__all__ = ["Started", "Trees", "linear_start", "read_started", "start_of"]


class Trees(Protocol):
    """The trees of a library."""

    def log_odds(self, x: np.ndarray) -> np.ndarray:
        """Return what the trees add to the log odds, float64 of one per row."""
        ...

    def contributions(self, x: np.ndarray) -> np.ndarray:
        """Return what each column adds to that, float64 of (rows, columns), but for a constant."""
        ...

    def gains(self) -> Mapping[str, float]:
        """Return the total gain of the splits on each column, in the order of the columns."""
        ...

    def text(self) -> str:
        """Return the library's own text form."""
        ...


@dataclass(frozen=True, slots=True)
class Started:
    """A :class:`huracan.types.ExplainedModel` of trees of library ``name``, on a linear model or without one."""

    name: str
    trees: Trees
    linear: Linear | None
    learning_rate: float

    def predict(self, x: np.ndarray) -> np.ndarray:
        start = 0.0 if self.linear is None else self.linear.log_odds(x)
        return probability(start + self.trees.log_odds(x))

    def contributions(self, x: np.ndarray) -> np.ndarray:
        """Return Shapley values in log odds: of the trees after Lundberg, Erion and Lee 2018 (Consistent
        Individualized Feature Attribution for Tree Ensembles), of the linear model its terms."""
        told = self.trees.contributions(x)
        return told if self.linear is None else told + self.linear.contributions(x)

    def importance(self) -> Mapping[str, float]:
        """Return each column's share of the log loss that the model takes from its training rows.

        A split's gain ``G`` is twice what its tree would take at full length; at learning rate ``v`` it takes
        ``G (v - v^2 / 2)``. What the linear model takes is shared out by the size of its coefficients.
        """
        rate = self.learning_rate
        taken = {column: gain * (rate - rate * rate / 2.0) for column, gain in self.trees.gains().items()}
        if self.linear is not None:
            for column, share in self.linear.shares().items():
                taken[column] = taken.get(column, 0.0) + share * self.linear.gain
        total = sum(taken.values()) or 1.0
        return {column: round(each / total, 6) for column, each in taken.items()}

    def dumps(self) -> bytes:
        linear = None if self.linear is None else self.linear.document()
        told = {"model": self.name, "learning_rate": self.learning_rate, "linear": linear, "trees": self.trees.text()}
        return canonical_json(told)


def linear_start(data: TrainingData, parameters: Mapping[str, Any]) -> Linear | None:
    """Fit the linear model that ``linear_l2`` asks for; None where it is 0."""
    return fit_linear(data, parameters["linear_l2"]) if parameters["linear_l2"] > 0 else None


def start_of(linear: Linear | None, data: TrainingData) -> np.ndarray | None:
    """Return the log odds that trees of these rows start from; None where they start from the mean."""
    return None if linear is None else linear.log_odds(data.x)


def read_started(content: bytes, name: str, read_trees: Callable[[str], Trees]) -> Started:
    """Read what ``Started.dumps`` wrote. Raises DataError for anything else; ``read_trees`` raises ValueError."""
    try:
        told = json.loads(content)
        if told["model"] != name:
            raise DataError("model.bin", f"is not a {name} model")
        linear = None if told["linear"] is None else read_linear(told["linear"])
        return Started(name, read_trees(str(told["trees"])), linear, float(told["learning_rate"]))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError("model.bin", f"is not a {name} model: {error}") from None
