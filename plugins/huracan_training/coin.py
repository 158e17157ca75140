"""Trains and measures one coin, from the candle file to the artefacts. Runs in a worker process, here or elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from huracan.errors import PluginError
from huracan.market.alignment import align_reference
from huracan.market.candles import Candles
from huracan.market.files import parse_candles
from huracan.market.timeframes import timeframe_ms
from huracan.paths import canonical_json
from huracan.types import FeatureSet, Trainer, WatchedFit
from huracan_training import artefacts, patterns, records
from huracan_training.backtest import STAY_OUT
from huracan_training.carried import Files
from huracan_training.challenge import challenge
from huracan_training.dataset import Dataset, build_dataset, compute_features, data_hash, recipe
from huracan_training.encoder import load_encoder, moments, write_arrays
from huracan_training.encoding import View, compare_encoder
from huracan_training.errors import TooFewRowsError
from huracan_training.evaluate import Final, Rules, evaluate_folds, final_model
from huracan_training.fitting import Fitter
from huracan_training.measure import Tried, measure
from huracan_training.pricing import prices_of
from huracan_training.search import SEARCH_FOLDER, Found, SearchRules, search
from huracan_training.settings import TrainingSettings
from huracan_training.splits import Fold, inner_split, walk_forward

__all__ = ["CoinTask", "Source", "coin_moments", "read_coin", "train_coin"]

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Source:
    """A candle file and the instant (ms) from which its rows may be used."""

    file: str
    usable_since: int


@dataclass(frozen=True, slots=True)
class CoinTask:
    """All that a worker needs to know about one coin; JSON values only, it travels as such.

    ``references`` are BTC and ETH by base name; ``costs`` is the content of ``costs.json``, ``funding`` a file of
    funding rates or empty, ``settings`` the section ``training`` with trainer and device settled. ``coins`` are judged
    in this night. ``encoder`` is the file of the shared encoder, empty where it is off, ``cutoffs`` (ms) those it is
    fitted up to. ``champion`` is the folder of the coin's champion so far, or empty. ``work`` is ``train``,
    ``moments`` for what the encoder is fitted from, or ``proof:NAME`` to see whether a feature set looks ahead.
    """

    symbol: str
    folder: str
    source: Source
    references: Mapping[str, Source]
    timeframe: str
    as_of_ms: int
    costs: Mapping[str, Any]
    settings: Mapping[str, Any]
    funding: str = ""
    coins: int = 1
    encoder: str = ""
    cutoffs: tuple[int, ...] = ()
    champion: str = ""
    work: str = "train"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        references = {base: Source(**each) for base, each in values["references"].items()}
        cutoffs = tuple(values["cutoffs"])
        return cls(**{**values, "source": Source(**values["source"]), "references": references, "cutoffs": cutoffs})


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """A coin's usable candles and, aligned to them, the closes of its references."""

    candles: Candles
    reference: Mapping[str, np.ndarray]


def coin_moments(task: CoinTask, sets: Mapping[str, FeatureSet], files: Files, tell: Tell) -> dict[str, Any]:
    """Write the moments of a coin's features up to each cutoff, for the shared encoder.

    Raises CoinSkippedError where there is too little, DataError where the candles cannot be read.
    """
    read = _read(task, files)
    warmup = max((each.warmup for each in sets.values()), default=0)
    if len(read.candles) <= warmup:
        raise TooFewRowsError(f"{len(read.candles)} usable candles, and {warmup} of them warm the features up")
    _, x = compute_features(read.candles, task.timeframe, read.reference, sets.values())
    closed = read.candles.timestamp + timeframe_ms(task.timeframe)
    files.write(f"{task.symbol}.moments", write_arrays(moments=moments(closed[warmup:], x[warmup:], task.cutoffs)))
    tell("moments")
    return {"rows": len(x) - warmup}


def train_coin(
    task: CoinTask, sets: Mapping[str, FeatureSet], trainers: Mapping[str, Trainer], files: Files, tell: Tell
) -> dict[str, Any]:
    """Train one coin, write its artefacts, and return metrics, parameters and importance.

    Everything is written but ``metadata.json`` and ``sha256.txt``, which the job adds when the gates have spoken.
    Raises CoinSkippedError where there is too little to learn from, DataError where the candles cannot be read.
    """
    settings = TrainingSettings.model_validate(task.settings)
    if settings.trainer not in trainers:
        raise PluginError(f"training.trainer: no enabled plugin offers {settings.trainer!r}")
    clock = _Stopwatch(tell)
    files.begin(keep=SEARCH_FOLDER)
    artefacts.write_costs(files, task.costs)

    read = _read(task, files)
    prices = prices_of(read.candles, task.timeframe, task.costs, files.candles(task.funding) if task.funding else None)
    data = build_dataset(
        read.candles, task.timeframe, read.reference, sets.values(), prices, settings.horizon_bars, settings.label,
        settings.order.risk,
    )  # fmt: skip
    if data.labelled < settings.min_rows:
        raise TooFewRowsError(f"{data.labelled} usable rows are fewer than {settings.min_rows} (training.min_rows)")
    made_by = recipe(sets.values(), settings.horizon_bars, settings.label)
    artefacts.write_features(files, data, made_by)
    clock.step("features")

    digest = data_hash(read.candles, read.reference, prices)
    learning = _Learning(task, settings, data, trainers, files, digest, made_by, clock.step)
    answer = learning.run()
    artefacts.write_config(files, task, settings, answer["learned"], data, made_by, digest)
    artefacts.write_log(files, task.symbol, clock.steps, learning.results, learning.found)
    return answer


class _Learning:
    """The search, the folds, the final model and the comparison with the champion, of one coin."""

    def __init__(
        self,
        task: CoinTask,
        settings: TrainingSettings,
        data: Dataset,
        trainers: Mapping[str, Trainer],
        files: Files,
        digest: str,
        made_by: Mapping[str, Any],
        tell: Tell,
    ) -> None:
        self._task = task
        self._settings = settings
        self._data = data
        self._trainers = trainers
        self._files = files
        self._digest = digest
        self._made_by = made_by
        self._tell = tell
        self._fitter = Fitter(trainers[settings.trainer], settings.seed, settings.device)
        self._usual: WatchedFit | None = None

    def run(self) -> dict[str, Any]:
        """Validate fold by fold, fit the final model, write both, and return the answer to the job."""
        settings = self._settings
        folds = self._folds()
        view, worth = self._view(folds[0])
        self.found = self._search(view, folds[0])
        share = settings.gates.samples / sum(fold.test_rows for fold in folds)
        rules = Rules(self.found.parameters, settings.horizon_bars, share)
        self.results = evaluate_folds(view, folds, self._fitter, rules, self.found.validated, self._tell)
        last = view.last()
        final = final_model(last, self.results, self._fitter, rules, self.found.validated)
        self._tell("final model")
        metrics = measure(self._data, self.results, self._task.timeframe, self._tried(worth))
        self._remember(folds)
        artefacts.write_model(self._files, final.model, metrics, last.names, view.final_scaling())
        learned = {
            "trainer": self._fitter.trainer.name,
            "parameters": dict(self.found.parameters),
            "threshold": None if final.threshold.value == STAY_OUT else final.threshold.value,
            "horizon_bars": settings.horizon_bars,
        }
        return {
            "metrics": metrics,
            "learned": learned,
            "importance": _largest(final.model.importance()),
            "encoder": worth,
            "versus_champion": self._versus_champion(),
            "signal": self._signal(last, final),
        }

    def _signal(self, rows: Dataset, final: Final) -> dict[str, Any]:
        """Return what the final model says at the close of the last bar, whose outcome nobody knows yet."""
        (score,) = np.asarray(final.model.predict(rows.x[-1:]), dtype=np.float64).tolist()
        return {
            "time": artefacts.iso(int(rows.timestamp[-1]) + timeframe_ms(self._task.timeframe)),
            "action": "buy" if score > final.threshold.value else "none",
            "score": score,
            "price": float(rows.prices.close[-1]),
        }

    def _remember(self, folds: Sequence[Fold]) -> None:
        """Write what the library will hold of the tested folds: every trade, and rules with what they were worth."""
        records.write_trades(self._files, self._data, self.results, self._task.timeframe)
        bar = timeframe_ms(self._task.timeframe)
        found = patterns.find_patterns(self._data, folds, self._settings.horizon_bars, bar)
        self._files.write(patterns.FILE, canonical_json(found))
        self._tell("trades and patterns")

    def _folds(self) -> list[Fold]:
        settings = self._settings
        folds = walk_forward(
            len(self._data), folds=settings.folds, test_share=settings.test_share, horizon=settings.horizon_bars,
            embargo=settings.embargo_bars, min_train=settings.min_train_rows,
            train_bars=settings.train_bars if settings.window == "rolling" else None,
        )  # fmt: skip
        artefacts.write_splits(self._files, self._data, folds, settings, self._task.timeframe)
        return folds

    def _view(self, first: Fold) -> tuple[View, dict[str, Any] | None]:
        """Return the rows as the folds see them, and what the encoder was worth where that was asked."""
        settings, bar = self._settings, timeframe_ms(self._task.timeframe)
        without = View(self._data, None, bar)
        if not self._task.encoder:
            return without, None
        encoded = View(self._data, load_encoder(self._files.read(self._task.encoder)), bar)
        parameters = {**self._fitter.trainer.defaults, **settings.parameters}
        compared = compare_encoder(
            encoded, first.train, self._fitter, parameters, settings.search.inner_share, settings.horizon_bars,
            self._tell,
        )  # fmt: skip
        used = settings.encoder.use == "on" or compared.worth["better"]
        self._usual = compared.encoded if used else compared.without
        return encoded if used else without, compared.worth | {"used": used}

    def _search(self, view: View, first: Fold) -> Found:
        settings = self._settings
        _, start, _ = inner_split(first.train, settings.search.inner_share, settings.horizon_bars)
        key = f"{self._digest} {settings.model_dump_json()} {view.encoder is not None}"
        rules = SearchRules(
            settings.search.trials, settings.search.seconds, settings.search.inner_share, settings.horizon_bars,
            settings.parameters, key,
        )  # fmt: skip
        return search(view.before(start), first.train, self._fitter, rules, self._files, self._tell, self._usual)

    def _versus_champion(self) -> dict[str, Any] | None:
        if not self._task.champion:
            return None
        versus = challenge(
            self._task.champion, self._files, self._data, self.results, self._made_by, self._trainers,
            self._settings.champion, self._task.timeframe,
        )  # fmt: skip
        self._tell("compared with the champion")
        return versus

    def _tried(self, worth: Mapping[str, Any] | None) -> Tried:
        variants = max(len(self.found.trials), 1) + (worth is not None)
        return Tried(self._task.coins, variants, self.found.correlation)


def read_coin(task: CoinTask, files: Files) -> tuple[Candles, Mapping[str, np.ndarray]]:
    """Return a coin's usable candles and, aligned to them, the closes of its references."""
    read = _read(task, files)
    return read.candles, read.reference


def _read(task: CoinTask, files: Files) -> _Read:
    def usable(source: Source) -> Candles:
        candles, _ = parse_candles(files.candles(source.file), source.file)
        return candles.closed_at(task.as_of_ms, task.timeframe).between(source.usable_since, task.as_of_ms)

    candles = usable(task.source)
    return _Read(candles, {base: align_reference(candles, usable(source)) for base, source in task.references.items()})


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
