"""A challenger and the champion on the same rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from huracan.market.candles import Candles
from huracan.market.measures import paired_gain
from huracan.types import FeatureSet
from huracan_training.boosting import lightgbm_trainer
from huracan_training.carried import CarriedFiles
from huracan_training.challenge import challenge
from huracan_training.dataset import Dataset, recipe
from huracan_training.encoding import View
from huracan_training.evaluate import FoldResult, Rules, evaluate_folds
from huracan_training.fitting import Fitter
from huracan_training.search import SearchRules, search
from huracan_training.settings import ChampionSettings, LabelSettings
from huracan_training.splits import walk_forward

ROWS, HORIZON, HOUR = 2600, 8, 3_600_000
FITTER = Fitter(lightgbm_trainer(), 7)
PARAMETERS = {**lightgbm_trainer().defaults, "rows_per_leaf": 40, "random_splits": False}
Edge = tuple[Candles, FeatureSet]


@pytest.fixture(scope="module")
def coin(planted: Callable[[int, int], Edge]) -> Edge:
    return planted(ROWS, 5)


@pytest.fixture(scope="module")
def data(coin: Edge, make_dataset: Callable[..., Dataset]) -> Dataset:
    return make_dataset(*coin, HORIZON)


@pytest.fixture(scope="module")
def results(data: Dataset) -> list[FoldResult]:
    folds = walk_forward(len(data), folds=3, test_share=0.6, horizon=HORIZON, embargo=8, min_train=300)
    rules = SearchRules(1, 0.0, 0.3, HORIZON, PARAMETERS)
    found = search(data, folds[0].train, FITTER, rules, CarriedFiles({}), lambda text: None)
    view = View(data, None, HOUR)
    return evaluate_folds(view, folds, FITTER, Rules(PARAMETERS, HORIZON, 0.02), found.validated, lambda text: None)


def made_by(coin: Edge) -> dict[str, Any]:
    return recipe([coin[1]], HORIZON, LabelSettings())


def champion(
    data: Dataset, coin: Edge, row: int, *, backwards: bool = False, model: bytes = b"", **changed: Any
) -> CarriedFiles:
    """A champion that was fitted on the rows before ``row``; ``backwards`` on turned labels, so that it is bad."""
    rows = np.arange(row - HORIZON - 1)
    y = 1 - data.y if backwards else data.y
    fitted = FITTER.fit(replace(data, y=y), rows, PARAMETERS)
    as_of = datetime.fromtimestamp(int(data.timestamp[row]) / 1000, UTC)
    metadata = {
        "id": "A-USDT/1", "as_of": f"{as_of:%Y-%m-%dT%H:%M:%SZ}", "trainer": "lightgbm", "threshold": 0.5,
        "horizon_bars": HORIZON,
    }  # fmt: skip
    inputs = {"schema": 1, "columns": list(data.names), "encoder": None}
    documents = {"metadata.json": metadata | changed, "inputs.json": inputs, "features.json": made_by(coin)}
    brought = {f"old/{name}": json.dumps(value).encode() for name, value in documents.items()}
    return CarriedFiles(brought | {"old/model.bin": model or fitted.dumps()})


def versus(files: CarriedFiles, data: Dataset, coin: Edge, results: list[FoldResult], **rules: Any) -> dict[str, Any]:
    trainers = {"lightgbm": lightgbm_trainer()}
    settings = ChampionSettings(**rules)
    return challenge("old", files, data, results, made_by(coin), trainers, settings, "1h")


def test_a_challenger_that_earns_more_than_noise_explains_is_better(
    data: Dataset, coin: Edge, results: list[FoldResult]
) -> None:
    told = versus(champion(data, coin, 1300, backwards=True), data, coin, results)
    assert told["comparable"]
    assert told["better"], told["sentence"]
    assert told["p_value"] < 0.05
    assert told["challenger"]["net_pnl"] > told["incumbent"]["net_pnl"]


def test_two_that_are_as_good_as_each_other_are_not_told_apart(
    data: Dataset, coin: Edge, results: list[FoldResult]
) -> None:
    told = versus(champion(data, coin, 1300), data, coin, results)
    assert told["comparable"]
    assert not told["better"], told["sentence"]


def test_only_rows_that_the_champion_had_not_seen_are_compared(
    data: Dataset, coin: Edge, results: list[FoldResult]
) -> None:
    told = versus(champion(data, coin, 1900), data, coin, results)
    assert told["rows"] == len(data) - 1900
    assert told["days"] == pytest.approx((len(data) - 1900) / 24, abs=1e-3)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"as_of": "2039-01-01T00:00:00Z"}, "fewer than 7"),
        ({"trainer": "gone"}, "no enabled plugin offers its trainer gone"),
        ({"as_of": 3}, "cannot be read"),
    ],
)
def test_what_cannot_be_compared_is_not_better_and_says_why(
    data: Dataset, coin: Edge, results: list[FoldResult], changed: dict[str, Any], reason: str
) -> None:
    told = versus(champion(data, coin, 1300, backwards=True, **changed), data, coin, results)
    assert (told["comparable"], told["better"]) == (False, False)
    assert reason in told["sentence"]


def test_a_champion_of_other_features_is_not_compared(data: Dataset, coin: Edge, results: list[FoldResult]) -> None:
    files = champion(data, coin, 1300, backwards=True)
    other = made_by(coin) | {"sets": []}
    told = challenge("old", files, data, results, other, {"lightgbm": lightgbm_trainer()}, ChampionSettings(), "1h")
    assert "features are made another way" in told["sentence"]


def test_a_folder_that_lost_a_file_is_not_compared(data: Dataset, coin: Edge, results: list[FoldResult]) -> None:
    told = versus(CarriedFiles({}), data, coin, results)
    assert "cannot be read" in told["sentence"]


def test_a_model_of_an_older_version_is_not_compared(data: Dataset, coin: Edge, results: list[FoldResult]) -> None:
    told = versus(champion(data, coin, 1300, model=b"tree\nversion=v4\n"), data, coin, results)
    assert (told["comparable"], told["better"]) == (False, False)
    assert "the champion cannot be read: model.bin: is not a LightGBM model" in told["sentence"]


def test_the_error_of_a_paired_gain_knows_that_neighbours_are_alike() -> None:
    """Differences repeated eight times are no more evidence than one of each."""
    rng = np.random.default_rng(3)
    once = rng.normal(0.001, 0.01, 400)
    repeated = np.repeat(once, 8) / 8
    naive, careful = paired_gain(repeated, np.zeros(3200), 0), paired_gain(repeated, np.zeros(3200), 16)
    alone = paired_gain(once, np.zeros(400), 0)
    assert naive is not None
    assert careful is not None
    assert alone is not None
    assert naive.t_statistic > 2 * alone.t_statistic
    assert careful.t_statistic == pytest.approx(alone.t_statistic, rel=0.25)


def test_newey_west_agrees_with_a_worked_sum() -> None:
    """d = 1, 2, 4, 1 with one lag: gamma0 = 1.5, gamma1 = (-1*0 + 0*2 + 2*-1)/4, variance = gamma0 + gamma1."""
    gain = paired_gain(np.array([1.0, 2.0, 4.0, 1.0]), np.zeros(4), 1)
    assert gain is not None
    assert gain.mean == 2.0
    assert gain.t_statistic == pytest.approx(2.0 / np.sqrt((1.5 + 2 * 0.5 * -0.5) / 4))
