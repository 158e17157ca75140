"""Trains and measures one coin, from the candle file to the artefacts. Runs in a worker process."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from huracan.errors import PluginError
from huracan.market.candles import Candles, timeframe_ms
from huracan.types import FeatureSet, Trainer
from huracan_training import artefacts
from huracan_training.backtest import TradeCosts
from huracan_training.dataset import Dataset, build_dataset, data_hash, recipe
from huracan_training.errors import CoinSkippedError, TooFewRowsError
from huracan_training.evaluate import FoldResult, evaluate_folds, final_model
from huracan_training.measure import measure
from huracan_training.search import SearchRules
from huracan_training.settings import TrainingSettings
from huracan_training.splits import walk_forward

__all__ = ["CoinTask", "Source", "train_coin"]

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Source:
    """A candle file and the instant (ms) from which its rows may be used."""

    file: str
    usable_since: int


@dataclass(frozen=True, slots=True)
class CoinTask:
    """All that a worker needs to know about one coin; JSON values only, it travels as such.

    ``references`` are BTC and ETH by base name; ``costs`` is the content of ``costs.json``, ``settings`` the section
    ``training``.
    """

    symbol: str
    folder: str
    source: Source
    references: Mapping[str, Source]
    timeframe: str
    as_of_ms: int
    costs: Mapping[str, Any]
    settings: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        references = {base: Source(**each) for base, each in values["references"].items()}
        return cls(**{**values, "source": Source(**values["source"]), "references": references})


def train_coin(
    task: CoinTask, sets: Mapping[str, FeatureSet], trainers: Mapping[str, Trainer], tell: Tell
) -> dict[str, Any]:
    """Train one coin into ``task.folder`` and return metrics, parameters and importance.

    Everything is written but ``metadata.json`` and ``sha256.txt``, which the job adds when the gates have spoken.
    Raises CoinSkippedError where there is too little to learn from, DataError where the candles cannot be read.
    """
    settings = TrainingSettings.model_validate(task.settings)
    if settings.trainer not in trainers:
        raise PluginError(f"training.trainer: no enabled plugin offers {settings.trainer!r}")
    clock = _Stopwatch(tell)
    folder = Path(task.folder)
    shutil.rmtree(folder, ignore_errors=True)  # an attempt before this one that did not come to its end
    artefacts.write_costs(folder, task.costs)

    candles, reference = _read(task)
    costs = trade_costs(task.costs, settings.horizon_bars, task.timeframe)
    data = build_dataset(candles, task.timeframe, reference, sets.values(), settings.horizon_bars, costs.round_trip)
    if data.labelled < settings.min_rows:
        raise TooFewRowsError(f"{data.labelled} usable rows are fewer than {settings.min_rows} (training.min_rows)")
    made_by = recipe(sets.values(), settings.horizon_bars)
    artefacts.write_features(folder, data, made_by)
    clock.step("features")

    answer, results = _learn(task, settings, data, trainers[settings.trainer], costs, clock.step)
    artefacts.write_config(folder, task, settings, answer["learned"], data, made_by, data_hash(candles, reference))
    artefacts.write_log(folder, task.symbol, clock.steps, results)
    return answer


def _learn(
    task: CoinTask, settings: TrainingSettings, data: Dataset, trainer: Trainer, costs: TradeCosts, tell: Tell
) -> tuple[dict[str, Any], list[FoldResult]]:
    """Validate fold by fold, fit the final model, write both; return the answer to the job, and the folds."""
    folder = Path(task.folder)
    folds = walk_forward(
        len(data), folds=settings.folds, test_share=settings.test_share, horizon=settings.horizon_bars,
        embargo=settings.embargo_bars, min_train=settings.min_train_rows,
    )  # fmt: skip
    artefacts.write_splits(folder, data, folds, settings, task.timeframe)
    share = settings.gates.samples / sum(fold.test_rows for fold in folds)
    rules = SearchRules(
        settings.horizon_bars, settings.inner_share, settings.search_candidates, share, settings.seed, costs
    )
    results = evaluate_folds(data, folds, trainer, rules, tell)
    model, candidate, threshold = final_model(data, results, trainer, rules)
    tell("final model")
    metrics = measure(data, results, task.timeframe)
    artefacts.write_model(folder, model, metrics)
    learned = {
        "trainer": trainer.name,
        "parameters": dict(trainer.candidates[candidate]),
        "threshold": threshold,
        "horizon_bars": settings.horizon_bars,
    }
    answer = {"metrics": metrics, "learned": learned, "importance": _largest(model.importance())}
    return answer, results


def trade_costs(costs: Mapping[str, Any], horizon: int, timeframe: str) -> TradeCosts:
    """Return what a trade of ``horizon`` bars pays, from the content of ``costs.json``.

    Raises CoinSkippedError where nothing is left of the stake.
    """
    side = costs["side_bps"] / 1e4
    days = horizon * timeframe_ms(timeframe) / 86_400_000
    exit_costs = side + max(0.0, costs["funding_bps_per_day"]) * days / 1e4
    if side + exit_costs >= 1.0:
        raise CoinSkippedError(
            f"a round trip of {costs['order_quote']:g} costs the whole stake: the order is too large"
        )
    return TradeCosts(side, exit_costs)


def _read(task: CoinTask) -> tuple[Candles, dict[str, np.ndarray]]:
    """Read the coin's usable candles and, aligned to them, the closes of its references."""
    from huracan.market.alignment import align_reference
    from huracan.market.files import read_candles

    def usable(source: Source) -> Candles:
        candles, _ = read_candles(Path(source.file))
        return candles.closed_at(task.as_of_ms, task.timeframe).between(source.usable_since, task.as_of_ms)

    candles = usable(task.source)
    return candles, {base: align_reference(candles, usable(source)) for base, source in task.references.items()}


def _largest(importance: Mapping[str, float], count: int = 20) -> dict[str, float]:
    ordered = sorted(importance.items(), key=lambda each: (-each[1], each[0]))
    return dict(ordered[:count])


class _Stopwatch:
    """Tells of each step and keeps how long it took."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._last = time.perf_counter()
        self.steps: list[dict[str, Any]] = []

    def step(self, text: str) -> None:
        now = time.perf_counter()
        self.steps.append({"step": text, "seconds": round(now - self._last, 4)})
        self._last = now
        self._tell(text)
