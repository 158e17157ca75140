"""The search for parameters: seeded, pruned and resumable trials on the training rows of the first fold alone.

Every later fold trains on those rows too, so that no fold is tested with parameters that have seen its rows. The
trials' scores on their validation rows are out of sample, and the first fold takes its threshold from them.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from huracan.paths import canonical_json
from huracan.types import Choices, FloatRange, IntRange, Space, WatchedFit
from huracan_training.carried import Files
from huracan_training.dataset import Dataset
from huracan_training.fitting import Fitter, clearly_better
from huracan_training.splits import inner_split
from huracan_training.thresholds import Segment

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import Trial as OptunaTrial

__all__ = ["SEARCH_FOLDER", "Found", "SearchRules", "Trial", "mean_correlation", "search"]

SEARCH_FOLDER = "search"
"""Below the model folder while the search goes on: one file per finished trial, gone when it ends."""

FIRST_PRUNED, WARMUP_ROUNDS = 3, 20
"""Trials before any is pruned, and rounds before one is compared with the median of those before it."""


@dataclass(frozen=True, slots=True)
class SearchRules:
    """How far a search may go. ``key`` says what it searches on: trials kept from a killed attempt must agree."""

    trials: int
    seconds: float
    inner_share: float
    horizon: int
    fixed: Mapping[str, Any]
    key: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """A parameter set and how it did on the validation rows; ``loss`` is None where it was pruned."""

    number: int
    proposed: Mapping[str, Any]
    parameters: Mapping[str, Any]
    loss: float | None
    watched: Mapping[int, float] = field(default_factory=dict)
    scores: Sequence[float] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What the search ended with: scores of the best trial, and the mean correlation between the scores of all."""

    parameters: Mapping[str, Any]
    trials: tuple[Trial, ...]
    correlation: float
    validated: Segment


def search(
    data: Dataset, train: np.ndarray, fitter: Fitter, rules: SearchRules, files: Files, tell: Callable[[str], None],
    usual: WatchedFit | None = None,
) -> Found:  # fmt: skip
    """Try parameter sets on the earlier training rows; keep what loses clearly least on the later ones.

    The loss counts every row by what its trade was worth; a few dozen overlapping trades are too few to compare
    models by. The first trial takes the trainer's defaults, and they stay as they are unless another one is better by
    more than noise: on a year of hours the least of six losses is most often luck (decision 084). Where it is the only
    trial, ``usual`` is taken for it: the same fit, where somebody has made it already.
    Raises CoinSkippedError where the rows hold one class.
    """
    fit, start, stop = inner_split(train, rules.inner_share, rules.horizon)
    validate = train[train >= start]
    # Optuna takes a quarter of a second to import: a single trial does without.
    study, kept = _Study(fitter, rules) if rules.trials > 1 else None, _Kept(files, rules.key)
    trials: list[Trial] = []
    began = time.monotonic()
    while len(trials) < rules.trials and (not trials or not _late(began, rules.seconds)):
        number = len(trials)
        trial = kept.read(number)
        if trial is None:
            if study is None and usual is not None:
                trial = _finished(usual, number)
            else:
                trial = _try(data, fit, validate, fitter, rules, study.ask(number) if study else None, number)
            kept.write(trial)
        if study:
            study.add(trial)
        trials.append(trial)
        tell(f"trial {number + 1}")
    files.drop(SEARCH_FOLDER)
    best = min((each for each in trials if each.loss is not None), key=lambda each: (each.loss, each.number))
    first, tried = (np.asarray(each.scores) for each in (trials[0], best))
    if best.number and not clearly_better(data, validate, tried, first, rules.horizon):
        best = trials[0]
    scores = np.full(stop - start, -np.inf)
    scores[validate - start] = best.scores
    # The defaults' rounds were watched as well, but the defaults are what was asked for.
    parameters = {**fitter.trainer.defaults, **(best.parameters if best.number else {}), **rules.fixed}
    return Found(parameters, tuple(trials), mean_correlation(trials), Segment(start, stop, scores))


def _late(began: float, seconds: float) -> bool:
    return seconds > 0 and time.monotonic() - began >= seconds


def _try(
    data: Dataset, rows: np.ndarray, validate: np.ndarray, fitter: Fitter, rules: SearchRules,
    asked: OptunaTrial | None, number: int,
) -> Trial:  # fmt: skip
    """Fit one parameter set; the first one is the trainer's own and is never pruned."""
    proposed = dict(asked.params) if asked is not None else {}
    parameters = {**fitter.trainer.defaults, **proposed, **rules.fixed}
    watched: dict[int, float] = {}

    def watch(step: int, loss: float) -> bool:
        watched[step] = loss
        if asked is None:
            return False
        asked.report(loss, step)
        return asked.should_prune()

    result = fitter.fit_watched(data, rows, validate, parameters, watch)
    if result is None:
        return Trial(number, proposed, parameters, None, watched)
    return replace(_finished(result, number), proposed=proposed, watched=watched)


def _finished(fit: WatchedFit, number: int) -> Trial:
    return Trial(number, {}, dict(fit.parameters), fit.loss, scores=fit.scores.tolist())


class _Study:
    """Optuna's study, asked for one trial at a time so that what it proposes depends on the trials before alone."""

    def __init__(self, fitter: Fitter, rules: SearchRules) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._optuna = optuna
        self._seed = fitter.seed
        self._space = {
            name: _distribution(space) for name, space in fitter.trainer.space.items() if name not in rules.fixed
        }
        pruner = optuna.pruners.MedianPruner(n_startup_trials=FIRST_PRUNED, n_warmup_steps=WARMUP_ROUNDS)
        self._study: Study = optuna.create_study(direction="minimize", pruner=pruner)
        self._asked: OptunaTrial | None = None

    def ask(self, number: int) -> OptunaTrial | None:
        """Return a proposal; None for the first trial, which is the trainer's defaults."""
        if number == 0:
            return None
        # A sampler of its own for each trial: what a resumed search proposes does not depend on draws it did not make.
        self._study.sampler = self._optuna.samplers.TPESampler(seed=self._seed + number, n_startup_trials=4)
        self._asked = self._study.ask(self._space)
        return self._asked

    def add(self, trial: Trial) -> None:
        """Tell the study how a trial ended, or that one ended before it was killed."""
        states = self._optuna.trial.TrialState
        state = states.PRUNED if trial.loss is None else states.COMPLETE
        if self._asked is not None:
            self._study.tell(self._asked, trial.loss, state=state)
            self._asked = None
            return
        within = {name: value for name, value in trial.proposed.items() if name in self._space}
        self._study.add_trial(
            self._optuna.trial.create_trial(
                state=state, value=trial.loss, params=within, intermediate_values=dict(trial.watched),
                distributions={name: self._space[name] for name in within},
            )
        )  # fmt: skip


def _distribution(space: Space) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(space, IntRange):
        return IntDistribution(space.low, space.high, log=space.log)
    if isinstance(space, FloatRange):
        return FloatDistribution(space.low, space.high, log=space.log)
    assert isinstance(space, Choices)
    return CategoricalDistribution(space.values)


class _Kept:
    """Finished trials on disk, so that a killed search goes on where it was."""

    def __init__(self, files: Files, key: str) -> None:
        self._files = files
        self._key = hashlib.sha256(key.encode()).hexdigest()

    def write(self, trial: Trial) -> None:
        self._files.write(self._name(trial.number), canonical_json({"key": self._key, "trial": asdict(trial)}))

    def read(self, number: int) -> Trial | None:
        content = self._files.kept(self._name(number))
        try:
            document = json.loads(content) if content else {}
        except ValueError:
            return None
        if document.get("key") != self._key:
            return None
        told = document["trial"]
        return Trial(**{**told, "watched": {int(step): loss for step, loss in told["watched"].items()}})

    def _name(self, number: int) -> str:
        return f"{SEARCH_FOLDER}/trial-{number:04d}.json"


def mean_correlation(trials: Sequence[Trial]) -> float:
    """Return the mean correlation of the trials' scores, 1 where fewer than two can be compared.

    Trials that agree are one trial: the deflated Sharpe ratio counts only what differs.
    """
    scores = np.array([each.scores for each in trials if each.loss is not None and np.ptp(each.scores) > 0])
    if len(scores) < 2:
        return 1.0
    correlation = np.corrcoef(scores)
    pairs = correlation[np.triu_indices(len(scores), 1)]
    return float(np.clip(pairs.mean(), 0.0, 1.0))
