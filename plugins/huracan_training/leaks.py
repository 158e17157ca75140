"""Looks for look-ahead by changing the future: what is known at a row must not move when the rows after it do.

Candles are cut off after a row, and in turn go on from there as another market would. Every feature, outcome, encoder
and prediction is made again, and the first value before the cut that moved is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from huracan.market.candles import Candles
from huracan.market.timeframes import timeframe_ms
from huracan.types import FeatureInput, FeatureSet
from huracan_training.carried import CarriedFiles
from huracan_training.dataset import Dataset, build_dataset
from huracan_training.encoder import Encoder, cutoffs_of_night, fit_encoder, moments
from huracan_training.encoding import View
from huracan_training.errors import CoinSkippedError
from huracan_training.evaluate import Rules, evaluate_folds
from huracan_training.fitting import Fitter
from huracan_training.outcomes import Prices, find_outcomes
from huracan_training.pricing import prices_of
from huracan_training.search import SearchRules, search
from huracan_training.settings import TrainingSettings
from huracan_training.splits import inner_split, label_reach, walk_forward

__all__ = ["Finding", "History", "feature_leaks", "find_leaks", "made_up_history"]

NEAR = 1e-9
"""Values that differ by less than this, of their own size or of what their column varies by, have not moved: sums of
arrays of another length may be rounded another way."""


@dataclass(frozen=True, slots=True)
class History:
    """A coin to look at: candles, the closes of its references aligned to them, what dealing costs."""

    name: str
    candles: Candles
    timeframe: str
    reference: Mapping[str, np.ndarray]
    costs: Mapping[str, Any]

    def changed(self, cut: int, seed: int) -> History:
        """Return the same past with another future: from row ``cut`` on, prices and volumes go another way."""
        rng, rows = np.random.default_rng(seed), len(self.candles)
        columns = {name: array.copy() for name, array in self.candles.columns().items()}
        path = np.exp(np.cumsum(rng.normal(0.0, 0.03, rows - cut)))
        # Every part of a bar changes by itself: a feature of the bars' bodies or ranges must notice as well.
        columns["close"][cut:] *= path
        columns["open"][cut:] = columns["close"][cut - 1 : -1] * np.exp(rng.normal(0.0, 0.01, rows - cut))
        ends = np.stack([columns["open"][cut:], columns["close"][cut:]])
        wick = np.exp(np.abs(rng.normal(0.0, 0.01, (2, rows - cut))))
        columns["high"][cut:], columns["low"][cut:] = ends.max(axis=0) * wick[0], ends.min(axis=0) / wick[1]
        columns["volume"][cut:] = (columns["volume"][cut:] + 1.0) * rng.lognormal(0.5, 1.0, rows - cut)
        reference = {name: array.copy() for name, array in self.reference.items()}
        for array in reference.values():
            array[cut:] *= path[::-1]
        return History(self.name, Candles.from_columns(columns), self.timeframe, reference, self.costs)

    def until(self, cut: int) -> History:
        """Return the rows before ``cut``."""
        reference = {name: array[:cut].copy() for name, array in self.reference.items()}
        return History(self.name, self.candles.take(slice(0, cut)), self.timeframe, reference, self.costs)


@dataclass(frozen=True, slots=True)
class Finding:
    """The first value of a column that moved although only rows from ``cut`` on were ``how`` (cut off or changed).

    ``row`` counts from the first candle, ``time`` is when its bar opened (ms); ``reads_ahead`` is how many rows lie
    between it and the nearest one that changed. ``broken`` says what was raised where nothing could be compared.
    """

    kind: str
    owner: str
    column: str
    how: str
    row: int = -1
    time: int = -1
    cut: int = -1
    before: float | None = None
    after: float | None = None
    broken: str = ""

    @property
    def reads_ahead(self) -> int:
        return self.cut - self.row

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "reads_ahead": self.reads_ahead if not self.broken else None}


def made_up_history(rows: int, seed: int) -> History:
    """Return an hourly random walk with two references, for where there are no candles to look at."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, rows)))
    opens = np.concatenate([[100.0], close[:-1]])
    wiggle = np.abs(rng.normal(0, 0.004, (2, rows)))
    candles = Candles.from_columns(
        {
            "timestamp": 1_700_006_400_000 + 3_600_000 * np.arange(rows),
            "open": opens,
            "high": np.maximum(opens, close) * (1 + wiggle[0]),
            "low": np.minimum(opens, close) * (1 - wiggle[1]),
            "close": close,
            "volume": rng.lognormal(8, 1, rows),
        }
    )
    reference = {base: close * np.exp(rng.normal(0, 0.01, rows).cumsum()) for base in ("BTC", "ETH")}
    costs = {
        "entry_side": "taker", "exit_side": "taker", "entry_fee_bps": 10.0, "exit_fee_bps": 10.0,
        "half_spread_bps": 2.0, "order_quote": 1000.0, "funding_bps_per_day": 0.0,
    }  # fmt: skip
    return History("made up", candles, "1h", reference, costs)


def find_leaks(
    history: History,
    sets: Mapping[str, FeatureSet],
    settings: TrainingSettings,
    fitter: Fitter,
    *,
    cuts: int,
    seed: int,
    tell: Callable[[str], None],
) -> list[Finding]:
    """Return what looks ahead, at most one finding per column; empty where nothing does.

    ``cuts`` rows are drawn at random for features and outcomes, so that windows of any length and calendar groups of
    any kind are cut somewhere in the middle. A set that raises is a finding as well.
    """
    rng = np.random.default_rng(seed)
    rows = len(history.candles)
    at = np.sort(rng.choice(np.arange(rows // 4, rows - 2), size=min(cuts, rows // 2), replace=False)).tolist()
    findings: dict[tuple[str, str, str], Finding] = {}
    for name in sorted(sets):
        _gather(findings, _features(history, sets[name], at, seed))
        tell(f"features {name}")
    _gather(findings, _outcomes(history, settings, at, seed))
    tell("outcomes")
    leaking = {each.owner for each in findings.values() if each.kind == "feature"}
    honest = {name: each for name, each in sets.items() if name not in leaking}
    if honest:
        _gather(findings, _encoder(history, honest, settings, seed))
        tell("encoder")
        _gather(findings, _predictions(history, honest, settings, fitter, seed))
        tell("predictions")
    return sorted(findings.values(), key=lambda each: (each.kind, each.owner, each.column))


def feature_leaks(history: History, each: FeatureSet, cuts: Sequence[int], seed: int) -> list[Finding]:
    """Return what of one feature set looks ahead at these rows, the earliest of each column."""
    findings: dict[tuple[str, str, str], Finding] = {}
    _gather(findings, _features(history, each, cuts, seed))
    return list(findings.values())


def _gather(findings: dict[tuple[str, str, str], Finding], found: Iterator[Finding]) -> None:
    """Keep the earliest row of each column."""
    for each in found:
        key = (each.kind, each.owner, each.column)
        if key not in findings or each.row < findings[key].row:
            findings[key] = each


def _features(history: History, each: FeatureSet, cuts: Sequence[int], seed: int) -> Iterator[Finding]:
    def computed(given: History) -> dict[str, np.ndarray]:
        columns = each.compute(FeatureInput(given.candles, given.timeframe, given.reference))
        return {name: np.asarray(columns[name], dtype=np.float64) for name in each.columns}

    try:
        whole = computed(history)
        again = computed(history)
    except Exception as error:  # noqa: BLE001 - a stranger's set may raise anything: that is what is found
        yield Finding("feature", each.name, "*", "computed", broken=f"{type(error).__name__}: {error}")
        return
    yield from _compared("feature", each.name, whole, again, len(history.candles), history, "computed twice")
    for cut in cuts:
        for how, other in (("cut off", history.until(cut)), ("changed", history.changed(cut, seed + cut))):
            try:
                after = computed(other)
            except Exception as error:  # noqa: BLE001 - as above
                yield Finding("feature", each.name, "*", how, cut=cut, broken=f"{type(error).__name__}: {error}")
                continue
            yield from _compared("feature", each.name, whole, after, cut, history, how)


def _outcomes(history: History, settings: TrainingSettings, cuts: Sequence[int], seed: int) -> Iterator[Finding]:
    """Labels look ahead by design, but no further than purging knows: the horizon and the bar of the entry."""
    reach = label_reach(settings.horizon_bars)

    def made(given: History) -> dict[str, np.ndarray]:
        prices = prices_of(given.candles, given.timeframe, given.costs, None)
        found = find_outcomes(prices, settings.horizon_bars, settings.label, settings.order.risk)
        return {"net": found.net, "gross": found.gross, "exit_row": found.exit_row.astype(np.float64)}

    whole = made(history)
    for cut in cuts:
        for how, other in (("cut off", history.until(cut)), ("changed", history.changed(cut, seed + cut))):
            yield from _compared("label", settings.label.kind, whole, made(other), cut - reach, history, how, cut)


def _encoder(
    history: History, sets: Mapping[str, FeatureSet], settings: TrainingSettings, seed: int
) -> Iterator[Finding]:
    """Components that are fitted up to a cutoff must not know what comes after it."""
    data = _dataset(history, sets, settings)
    before, cutoffs = _fitted(history, data, settings)
    for number, cutoff in enumerate(cutoffs[:-1]):
        cut = int(np.searchsorted(history.candles.timestamp + timeframe_ms(history.timeframe), cutoff, side="right"))
        other = history.changed(cut, seed + cut)
        after, _ = _fitted(other, _dataset(other, sets, settings), settings)
        columns = {
            f"{name} of cutoff {number + 1}": (before.components[number, :, i], after.components[number, :, i])
            for i, name in enumerate(before.names)
        }
        for column, (left, right) in columns.items():
            moved = ~np.isclose(left, right, rtol=1e-6, atol=1e-9)
            if moved.any():
                entry = int(np.argmax(moved))
                values = float(left[entry]), float(right[entry])
                time = int(history.candles.timestamp[cut - 1])
                yield Finding("encoder", "shared", column, "changed", cut - 1, time, cut, *values)


def _fitted(history: History, data: Dataset, settings: TrainingSettings) -> tuple[Encoder, tuple[int, ...]]:
    bar = timeframe_ms(history.timeframe)
    first, last = int(data.timestamp[0]), int(data.timestamp[-1]) + bar
    cutoffs = cutoffs_of_night(
        first, last, folds=settings.folds, test_share=settings.test_share, inner_share=settings.search.inner_share
    )
    by_coin = {history.name: moments(data.timestamp + bar, data.x, cutoffs)}
    return fit_encoder(by_coin, cutoffs, settings.encoder.components), cutoffs


def _predictions(
    history: History, sets: Mapping[str, FeatureSet], settings: TrainingSettings, fitter: Fitter, seed: int
) -> Iterator[Finding]:
    """Scores and thresholds of every fold, up to a row in its middle, with another market from there on."""
    try:
        data = _dataset(history, sets, settings)
        before = _scores(history, data, settings, fitter)
        warmup = len(history.candles) - len(data)
        for number, (start, stop) in enumerate(before.ranges):
            cut = warmup + start + (stop - start) // 2
            other = history.changed(cut, seed + cut)
            after = _scores(other, _dataset(other, sets, settings), settings, fitter)
            left = np.concatenate([np.full(warmup, np.nan), before.scores])
            right = np.concatenate([np.full(warmup, np.nan), after.scores])
            yield from _compared(
                "prediction", fitter.trainer.name, {"score": left}, {"score": right}, cut, history, "changed"
            )
            if before.thresholds[number] != after.thresholds[number]:
                row, time = warmup + start, int(history.candles.timestamp[warmup + start])
                values = before.thresholds[number], after.thresholds[number]
                column = f"threshold of fold {number + 1}"
                yield Finding("prediction", fitter.trainer.name, column, "changed", row, time, cut, *values)
    except CoinSkippedError as error:
        yield Finding("prediction", fitter.trainer.name, "*", "computed", broken=str(error))


@dataclass(frozen=True, slots=True)
class _Scored:
    ranges: list[tuple[int, int]]
    scores: np.ndarray
    thresholds: list[float]


def _scores(history: History, data: Dataset, settings: TrainingSettings, fitter: Fitter) -> _Scored:
    """Return the out-of-sample score of each row (NaN where it is not tested), with the encoder in use."""
    horizon = settings.horizon_bars
    folds = walk_forward(
        len(data), folds=settings.folds, test_share=settings.test_share, horizon=horizon,
        embargo=settings.embargo_bars, min_train=settings.min_train_rows,
        train_bars=settings.train_bars if settings.window == "rolling" else None,
    )  # fmt: skip
    encoder, _ = _fitted(history, data, settings)
    view = View(data, encoder if settings.encoder.use != "off" else None, timeframe_ms(history.timeframe))
    inner = settings.search.inner_share
    _, start, _ = inner_split(folds[0].train, inner, horizon)
    rules = SearchRules(min(settings.search.trials, 2), 0.0, inner, horizon, settings.parameters)
    found = search(view.before(start), folds[0].train, fitter, rules, CarriedFiles({}), lambda _: None)
    share = settings.gates.samples / sum(fold.test_rows for fold in folds)
    results = evaluate_folds(
        view, folds, fitter, Rules(found.parameters, horizon, share), found.validated, lambda _: None
    )
    scores = np.full(len(data), np.nan)
    for each in results:
        scores[each.fold.start : each.fold.stop] = each.scores
    return _Scored([(f.start, f.stop) for f in folds], scores, [each.threshold.value for each in results])


def _dataset(history: History, sets: Mapping[str, FeatureSet], settings: TrainingSettings) -> Dataset:
    prices: Prices = prices_of(history.candles, history.timeframe, history.costs, None)
    return build_dataset(
        history.candles, history.timeframe, history.reference, sets.values(), prices, settings.horizon_bars,
        settings.label, settings.order.risk,
    )  # fmt: skip


def _compared(
    kind: str, owner: str, before: Mapping[str, np.ndarray], after: Mapping[str, np.ndarray], rows: int,
    history: History, how: str, cut: int | None = None,
) -> Iterator[Finding]:  # fmt: skip
    """Yield, for each column, the first of its first ``rows`` values that moved."""
    for column, whole in before.items():
        left, right = whole[:rows], after[column][:rows]
        spread = float(np.nanstd(left)) if np.isfinite(left).any() else 0.0
        moved = ~np.isclose(left, right, rtol=NEAR, atol=NEAR * spread, equal_nan=True)
        if moved.any():
            row = int(np.argmax(moved))
            values = _number(left[row]), _number(right[row])
            time = int(history.candles.timestamp[row])
            yield Finding(kind, owner, column, how, row, time, rows if cut is None else cut, *values)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
