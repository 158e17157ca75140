"""Features that look ahead are caught, each in its own way; those that do not are left in peace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from huracan.types import FeatureInput, FeatureSet, FittedModel, Trainer, TrainingData
from huracan_features.classic import CLASSIC
from huracan_training import encoder as encoder_module
from huracan_training.boosting import lightgbm_trainer
from huracan_training.fitting import Fitter
from huracan_training.leaks import Finding, find_leaks, made_up_history
from huracan_training.settings import TrainingSettings

SETTINGS = TrainingSettings.model_validate({"folds": 2, "search": {"trials": 1}, "trainer": "lightgbm"})
FITTER = Fitter(lightgbm_trainer(), 7)
ROWS = 1500


def found(*sets: FeatureSet, fitter: Fitter = FITTER, settings: TrainingSettings = SETTINGS) -> list[Finding]:
    by_name = {each.name: each for each in sets}
    return find_leaks(made_up_history(ROWS, 3), by_name, settings, fitter, cuts=12, seed=3, tell=lambda text: None)


def feature(name: str, compute: Callable[[FeatureInput], np.ndarray]) -> FeatureSet:
    """A set of two columns: an honest one, and the one that is looked at."""

    def both(given: FeatureInput) -> Mapping[str, np.ndarray]:
        body = given.candles.close / given.candles.open - 1.0
        return {"body": body, name: compute(given)}

    return FeatureSet(f"{name}-set", 1, ("body", name), 50, both)


def centred_window(given: FeatureInput) -> np.ndarray:
    close = given.candles.close
    result = np.full(len(close), np.nan)
    result[2:-2] = np.lib.stride_tricks.sliding_window_view(close, 5).mean(axis=1)
    return result


def whole_frame(given: FeatureInput) -> np.ndarray:
    close: np.ndarray = given.candles.close
    scaled: np.ndarray = (close - close.mean()) / close.std()
    return scaled


def daily_close(given: FeatureInput) -> np.ndarray:
    """The close of the day, joined to each of its hours: known only when the day is over."""
    day = given.candles.timestamp // 86_400_000
    last = np.searchsorted(day, day, side="right") - 1
    joined: np.ndarray = given.candles.close[last] / given.candles.close
    return joined


@pytest.mark.parametrize("leak", [centred_window, whole_frame, daily_close])
def test_a_feature_that_looks_ahead_is_named_with_its_row(leak: Callable[[FeatureInput], np.ndarray]) -> None:
    findings = found(feature(leak.__name__, leak))
    assert {(each.kind, each.column) for each in findings} == {("feature", leak.__name__)}
    assert 0 <= findings[0].row < findings[0].cut
    assert findings[0].time == made_up_history(ROWS, 3).candles.timestamp[findings[0].row]


def test_how_far_a_centred_window_sees_is_told() -> None:
    assert [each.reads_ahead for each in found(feature("centred", centred_window))] == [2]


def test_the_bundled_features_labels_encoder_and_predictions_do_not_look_ahead() -> None:
    assert found(CLASSIC) == []


@pytest.mark.parametrize("label", [{"kind": "forward"}, {"kind": "barrier"}])
def test_labels_look_no_further_than_is_purged(label: dict[str, str]) -> None:
    settings = TrainingSettings.model_validate({**SETTINGS.model_dump(), "label": label, "horizon_bars": 12})
    assert found(feature("honest", lambda given: given.candles.close), settings=settings) == []


def test_a_feature_from_a_later_reference_is_caught() -> None:
    def peek(given: FeatureInput) -> np.ndarray:
        return np.concatenate([given.reference["BTC"][1:], [np.nan]])

    assert [(each.column, each.reads_ahead) for each in found(feature("peek", peek))] == [("peek", 1)]


def test_a_feature_that_is_not_the_same_twice_is_caught() -> None:
    chance = np.random.default_rng()
    findings = found(feature("chance", lambda given: chance.random(len(given.candles))))
    assert {each.column for each in findings} == {"chance"}


def test_a_feature_that_raises_is_named_and_the_others_are_looked_at() -> None:
    def fail(given: FeatureInput) -> np.ndarray:
        raise ZeroDivisionError("no volume")

    findings = found(feature("broken", fail), feature("centred", centred_window))
    assert [(each.owner, each.broken) for each in findings] == [
        ("broken-set", "ZeroDivisionError: no volume"), ("centred-set", "")
    ]  # fmt: skip


def test_an_encoder_that_is_fitted_on_everything_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = encoder_module.moments

    def on_everything(closed: np.ndarray, x: np.ndarray, cutoffs: Any) -> np.ndarray:
        return honest(closed, x, [int(closed[-1])] * len(cutoffs))

    monkeypatch.setattr("huracan_training.leaks.moments", on_everything)
    assert {each.kind for each in found(CLASSIC)} >= {"encoder"}


def test_a_trainer_that_remembers_what_it_was_asked_is_caught() -> None:
    """It scales every prediction by all rows it is asked about: rows that lie in the future of most of them."""

    class Ranking:
        def predict(self, x: np.ndarray) -> np.ndarray:
            ranks: np.ndarray = np.argsort(np.argsort(np.nan_to_num(x[:, 0]))) / len(x)
            return ranks

        def importance(self) -> Mapping[str, float]:
            return {}

        def dumps(self) -> bytes:
            return b""

    def fit(data: TrainingData, parameters: Mapping[str, Any], seed: int) -> FittedModel:
        return Ranking()

    trainer = replace(lightgbm_trainer(), name="ranking", fit=fit, fit_watched=None, space={})
    assert isinstance(trainer, Trainer)
    findings = found(feature("honest", lambda given: given.candles.volume), fitter=Fitter(trainer, 7))
    assert {(each.kind, each.owner) for each in findings} == {("prediction", "ranking")}


@pytest.mark.realdata
def test_nothing_looks_ahead_on_real_candles(realdata: Path) -> None:
    import polars as pl

    from huracan.market.candles import Candles
    from huracan_training.leaks import History

    frame = pl.read_parquet(realdata / "crypto_1h" / "ETH-USDT.parquet")
    candles = Candles.from_columns({name: frame[name].to_numpy() for name in frame.columns}).take(slice(-2000, None))
    made_up = made_up_history(ROWS, 1)
    history = History("ETH-USDT", candles, "1h", {"BTC": candles.close[::-1].copy()}, made_up.costs)
    assert find_leaks(history, {"classic": CLASSIC}, SETTINGS, FITTER, cuts=8, seed=1, tell=lambda text: None) == []
