from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from huracan.errors import PluginError
from huracan.market.candles import Candles
from huracan.types import FeatureSet
from huracan_training.dataset import build_dataset, data_hash, forward_returns, recipe
from huracan_training.errors import TooFewRowsError

Edge = tuple[Candles, FeatureSet]


@pytest.fixture(scope="module")
def edge(planted: Callable[[int, int], Edge]) -> Edge:
    return planted(300, 2)


def test_a_label_says_whether_the_next_open_held_for_the_horizon_pays(edge: Edge) -> None:
    candles, sets = edge
    data = build_dataset(candles, "1h", {}, [sets], 4, 0.002)
    warmup = sets.warmup
    for row in (0, 17, 250):
        t = row + warmup
        gain = candles.open[t + 1 + 4] / candles.open[t + 1] - 1
        assert data.y[row] == float(gain > 0.002)
    assert np.isnan(data.y[-5:]).all()
    assert data.labelled == len(data) - 5
    assert len(data) == 300 - warmup


@pytest.mark.parametrize("rows", [0, 1, 5, 6])
def test_too_few_prices_have_no_outcome(rows: int) -> None:
    assert np.isfinite(forward_returns(np.ones(rows), 4)).sum() == max(0, rows - 5)


def test_higher_costs_make_fewer_trades_pay(edge: Edge) -> None:
    cheap, dear = (np.nansum(build_dataset(edge[0], "1h", {}, [edge[1]], 4, cost).y) for cost in (0.0, 0.02))
    assert cheap > dear


def test_infinite_features_are_unknown_not_huge(edge: Edge) -> None:
    candles, sets = edge
    wild = replace(sets, compute=lambda given: {**sets.compute(given), "hint": np.full(300, np.inf)})
    data = build_dataset(candles, "1h", {}, [wild], 4, 0.0)
    assert np.isnan(data.x[:, data.names.index("hint")]).all()


def test_a_feature_set_that_breaks_its_promise_is_named(edge: Edge) -> None:
    candles, sets = edge
    short = replace(sets, compute=lambda given: {**sets.compute(given), "hint": np.ones(3)})
    with pytest.raises(PluginError, match="feature hint of set hinted has another length"):
        build_dataset(candles, "1h", {}, [short], 4, 0.0)
    extra = replace(sets, compute=lambda given: {**sets.compute(given), "more": np.ones(300)})
    with pytest.raises(PluginError, match="more"):
        build_dataset(candles, "1h", {}, [extra], 4, 0.0)


def test_history_that_only_warms_up_is_too_short(edge: Edge) -> None:
    with pytest.raises(TooFewRowsError, match="25 usable candles, and 20 of them warm the features up"):
        build_dataset(edge[0].take(slice(0, 25)), "1h", {}, [edge[1]], 8, 0.0)


def test_the_recipe_hash_changes_with_version_columns_and_horizon(edge: Edge) -> None:
    _, sets = edge
    hashes = {
        recipe([each], horizon)["recipe_hash"]
        for each, horizon in (
            (sets, 8), (replace(sets, version=2), 8), (sets, 9), (replace(sets, columns=sets.columns[:2]), 8)
        )
    }  # fmt: skip
    assert len(hashes) == 4


def test_the_data_hash_changes_with_any_candle_or_reference(edge: Edge) -> None:
    candles, _ = edge
    closes = candles.close.copy()
    closes[7] += 1e-12
    other = Candles.from_columns({**candles.columns(), "close": closes})
    assert len({data_hash(candles, {}), data_hash(other, {}), data_hash(candles, {"BTC": candles.close})}) == 3
