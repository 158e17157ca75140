"""``check_trainer``: what every trainer must do, as numbered rules. For tests of plugins that bring one.

====  ==============================================================================================================
rule  what must hold
====  ==============================================================================================================
T1    the same rows, parameters and seed give the same bytes
T2    another seed gives a valid model as well
T3    predictions are probabilities: finite, from 0 to 1, one per row
T4    a row is predicted alike alone, in any company and in any order
T5    what ``dumps`` writes, ``load`` reads: the same predictions, and the same bytes again
T6    what is no such model is refused with DataError, nothing is run from it: no pickles
T7    unknown values (NaN), a column of nothing else, and columns that do not vary are borne
T8    a target of one class gives a model of constant direction, or one clear error
T9    5 rows give a model or one clear error
T10   columns in another order, names with them, give nearly the same predictions
T11   a plain edge is learned: rows are told apart better than by chance
T12   rows of weight zero have no say
T13   no thread is left behind, none is started but what ``data.threads`` allows
T14   every corner of the search space is accepted
T15   a watched fit stops when told, and its scores and loss are those of its parameters' model on the validation rows
T16   importance names the columns and sums to 1 at most
T17   contributions, where a model tells them, and a constant are together the log odds of each row
====  ==============================================================================================================
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from huracan.errors import DataError, HuracanError
from huracan.testing.rules import Rule, RuleResult, ask_rules, assert_rules
from huracan.types import Choices, ExplainedModel, FittedModel, Trainer, TrainingData

__all__ = ["RuleResult", "assert_trainer", "check_trainer"]

ROWS, COLUMNS = 600, 6


def check_trainer(
    trainer: Trainer, *, skip: Mapping[str, str] | None = None, same_order: float = 0.98
) -> list[RuleResult]:
    """Hold a trainer against every rule.

    ``skip`` names rules that are not asked, each with a reason; ``same_order`` is the rank correlation that T10 asks
    for, below 1 where columns are drawn at random.
    """
    return ask_rules(_rules(trainer, same_order), skip)


def assert_trainer(trainer: Trainer, *, skip: Mapping[str, str] | None = None, same_order: float = 0.98) -> None:
    """Fail with every broken rule in one message."""
    assert_rules(f"trainer {trainer.name}", check_trainer(trainer, skip=skip, same_order=same_order))


def _rules(trainer: Trainer, same_order: float) -> Iterator[Rule]:
    check = _Check(trainer, same_order)
    yield "T1", "same seed, same bytes", check.same_bytes
    yield "T2", "another seed", check.another_seed
    yield "T3", "probabilities", check.probabilities
    yield "T4", "rows are independent", check.independent_rows
    yield "T5", "save and load", check.save_and_load
    yield "T6", "nothing but models is loaded", check.refuses
    yield "T7", "unknown and constant columns", check.odd_columns
    yield "T8", "one class", check.one_class
    yield "T9", "tiny data", check.tiny
    yield "T10", "order of columns", check.shuffled
    yield "T11", "learns", check.learns
    yield "T12", "weights", check.weights
    yield "T13", "threads", check.threads
    yield "T14", "search space", check.space
    yield "T15", "watched fit", check.watched
    yield "T16", "importance", check.importance
    yield "T17", "contributions", check.contributions


def example(rows: int = ROWS, seed: int = 1) -> TrainingData:
    """Return rows whose label follows the first column, four noisy ones and some that are unknown."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, COLUMNS))
    y = (x[:, 0] + 0.5 * rng.normal(size=rows) > 0).astype(np.float64)
    x[rng.random(rows) < 0.05, 1] = np.nan
    weight = rng.uniform(0.5, 1.5, rows)
    return TrainingData(x, y, tuple(f"column_{i}" for i in range(COLUMNS)), weight / weight.mean())


class _Check:
    """The rules, one method each: what is wrong, or None."""

    def __init__(self, trainer: Trainer, same_order: float) -> None:
        self._trainer = trainer
        self._same_order = same_order
        self._data = example()

    def _fit(self, data: TrainingData, parameters: Mapping[str, Any] | None = None, seed: int = 7) -> FittedModel:
        return self._trainer.fit(data, {**self._trainer.defaults, **(parameters or {})}, seed)

    def same_bytes(self) -> str | None:
        first, second = self._fit(self._data).dumps(), self._fit(self._data).dumps()
        return None if first == second else "two fits of the same rows differ"

    def another_seed(self) -> str | None:
        return _not_probabilities(self._fit(self._data, seed=8).predict(self._data.x), ROWS)

    def probabilities(self) -> str | None:
        return _not_probabilities(self._fit(self._data).predict(example(101, 2).x), 101)

    def independent_rows(self) -> str | None:
        model, x = self._fit(self._data), example(40, 3).x
        together = model.predict(x)
        alone = np.concatenate([model.predict(row[None, :]) for row in x])
        if not np.array_equal(together, alone):
            return "a row alone is predicted otherwise than in company"
        return None if np.array_equal(model.predict(x[::-1]), together[::-1]) else "the order of rows matters"

    def save_and_load(self) -> str | None:
        model = self._fit(self._data)
        content: Any = model.dumps()
        if not isinstance(content, bytes):
            return f"dumps returned {type(content).__name__}, not bytes"
        again = self._trainer.load(content)
        x = example(50, 4).x
        if not np.array_equal(again.predict(x), model.predict(x)):
            return "a loaded model predicts otherwise"
        return None if self._trainer.load(again.dumps()).dumps() == again.dumps() else "bytes change from load to load"

    def refuses(self) -> str | None:
        for content in (b"", b"not a model", b"\x80\x04\x95\x00\x00.", b"{}", b"\xff\xfe\x00"):
            try:
                self._trainer.load(content)
            except DataError:
                continue
            return f"load accepted {content!r}"
        return "dumps writes a pickle" if self._fit(self._data).dumps()[:1] == b"\x80" else None

    def odd_columns(self) -> str | None:
        x = self._data.x.copy()
        x[:, 2], x[:, 3] = np.nan, 5.0
        model = self._fit(replace(self._data, x=x))
        odd = example(20, 5).x
        odd[:, 0] = np.nan
        return _not_probabilities(model.predict(odd), 20)

    def one_class(self) -> str | None:
        try:
            model = self._fit(replace(self._data, y=np.ones(ROWS)))
        except (HuracanError, ValueError) as error:
            return None if str(error) else "the error says nothing"
        scores = model.predict(self._data.x)
        return _not_probabilities(scores, ROWS) or (None if scores.min() > 0.5 else "it predicts what it never saw")

    def tiny(self) -> str | None:
        few = example(5, 6)
        few = replace(few, y=np.array([0.0, 1.0, 0.0, 1.0, 1.0]), weight=None)
        try:
            return _not_probabilities(self._fit(few).predict(few.x), 5)
        except (HuracanError, ValueError) as error:
            return None if str(error) else "the error says nothing"

    def shuffled(self) -> str | None:
        order = np.array([3, 0, 5, 1, 4, 2])
        data = self._data
        names = tuple(data.feature_names[i] for i in order)
        x = example(300, 7).x
        before = self._fit(data).predict(x)
        after = self._fit(replace(data, x=np.ascontiguousarray(data.x[:, order]), feature_names=names)).predict(
            np.ascontiguousarray(x[:, order])
        )
        found = _rank_correlation(before, after)
        return None if found >= self._same_order else f"the order of rows agrees by {found:.3f} only"

    def learns(self) -> str | None:
        seen = example(400, 8)
        auc = _auc(seen.y, self._fit(self._data).predict(seen.x))
        return None if auc > 0.8 else f"the area under the curve is {auc:.2f}, where 0.9 can be had"

    def weights(self) -> str | None:
        """Half of the rows lie; with a weight of zero they must not be believed."""
        lies = np.arange(ROWS) % 2 == 0
        y = np.where(lies, 1 - self._data.y, self._data.y)
        told = self._fit(replace(self._data, y=y, weight=np.where(lies, 0.0, 2.0)))
        seen = example(400, 9)
        auc = _auc(seen.y, told.predict(seen.x))
        return None if auc > 0.75 else f"rows of weight zero count: area under the curve {auc:.2f}"

    def threads(self) -> str | None:
        self._fit(self._data).predict(self._data.x)  # what a library starts once and keeps is not a leak
        before = _threads()
        for _ in range(3):
            self._fit(self._data).predict(self._data.x)
        left = _threads() - before
        return None if left <= 0 else f"{left} threads are left behind"

    def space(self) -> str | None:
        names = sorted(self._trainer.space)
        if unknown := set(names) - set(self._trainer.defaults):
            return f"the space varies {', '.join(sorted(unknown))}, which has no default"
        draw = random.Random(7)
        corners: list[dict[str, Any]] = [
            {name: _end(self._trainer.space[name], upper=upper) for name in names} for upper in (False, True)
        ]
        corners += [{name: _end(self._trainer.space[name], upper=draw.random() < 0.5) for name in names} for _ in "12"]
        small = example(200, 10)
        for corner in corners:
            if wrong := _not_probabilities(self._fit(small, corner).predict(small.x), 200):
                return f"{wrong} with {corner}"
        return None

    def watched(self) -> str | None:
        if self._trainer.fit_watched is None:
            return None
        seen, defaults = example(200, 11), self._trainer.defaults
        if self._trainer.fit_watched(self._data, seen, defaults, 7, lambda _step, _loss: True) is not None:
            return "it goes on although it was told to stop"
        told: list[tuple[int, float]] = []

        def watch(step: int, loss: float) -> bool:
            told.append((step, loss))
            return False

        fitted = self._trainer.fit_watched(self._data, seen, defaults, 7, watch)
        if fitted is None:
            return "it gave up although nobody told it to"
        if not told or any(later[0] <= earlier[0] for earlier, later in pairwise(told)):
            return "its steps are not told in order"
        again = self._trainer.fit(self._data, fitted.parameters, 7).predict(seen.x)
        if not np.allclose(fitted.scores, again, atol=1e-6):
            return "a fit with the parameters it returned gives other scores"
        return (
            None if abs(_log_loss(seen, fitted.scores) - fitted.loss) < 1e-3 else "its loss is not that of its scores"
        )

    def importance(self) -> str | None:
        told = self._fit(self._data).importance()
        if unknown := set(told) - set(self._data.feature_names):
            return f"it names columns that do not exist: {', '.join(sorted(unknown))}"
        return None if all(v >= 0 for v in told.values()) and sum(told.values()) < 1.001 else "it is no share"

    def contributions(self) -> str | None:
        model, x = self._fit(self._data), example(60, 12).x
        if not isinstance(model, ExplainedModel):
            return None
        told: Any = model.contributions(x)
        if not isinstance(told, np.ndarray) or told.shape != x.shape:
            return f"{getattr(told, 'shape', type(told).__name__)} in place of {x.shape}"
        p = np.clip(model.predict(x), 1e-6, 1 - 1e-6)
        left = np.log(p / (1 - p)) - told.sum(axis=1)
        return None if float(np.ptp(left)) < 1e-3 else "they do not add up to the log odds and a constant"


def _not_probabilities(scores: Any, rows: int) -> str | None:
    if not isinstance(scores, np.ndarray) or scores.shape != (rows,):
        return f"{getattr(scores, 'shape', type(scores).__name__)} in place of ({rows},)"
    return None if np.isfinite(scores).all() and (scores >= 0).all() and (scores <= 1).all() else "no probabilities"


def _end(space: Any, *, upper: bool) -> Any:
    if isinstance(space, Choices):
        return space.values[-1 if upper else 0]
    return space.high if upper else space.low


def _rank_correlation(left: np.ndarray, right: np.ndarray) -> float:
    from huracan.market.measures import information_coefficient

    return information_coefficient(left, right) or 0.0


def _auc(y: np.ndarray, scores: np.ndarray) -> float:
    """The chance that a row of class 1 is scored above one of class 0 (Mann and Whitney 1947)."""
    ones, zeros = scores[y == 1], scores[y == 0]
    wins = (ones[:, None] > zeros[None, :]).mean() + 0.5 * (ones[:, None] == zeros[None, :]).mean()
    return float(wins)


def _log_loss(data: TrainingData, scores: np.ndarray) -> float:
    p = np.clip(scores, 1e-6, 1 - 1e-6)
    return float(-np.average(data.y * np.log(p) + (1 - data.y) * np.log1p(-p), weights=data.weight))


def _threads() -> int:
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - one system call
