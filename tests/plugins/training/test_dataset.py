from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from huracan.errors import PluginError
from huracan.market.candles import Candles
from huracan.types import FeatureSet
from huracan_training.dataset import LARGEST_WEIGHT, Dataset, data_hash, recipe
from huracan_training.errors import TooFewRowsError
from huracan_training.outcomes import Prices, forward_returns
from huracan_training.settings import LabelSettings

Edge = tuple[Candles, FeatureSet]
Make = Callable[..., Dataset]
FORWARD = LabelSettings()


@pytest.fixture(scope="module")
def edge(planted: Callable[[int, int], Edge]) -> Edge:
    return planted(300, 2)


def test_a_label_says_whether_the_next_open_held_for_the_horizon_pays(edge: Edge, make_dataset: Make) -> None:
    candles, sets = edge
    data = make_dataset(candles, sets, 4, 0.001)
    warmup = sets.warmup
    for row in (0, 17, 250):
        t = row + warmup
        gain = candles.open[t + 1 + 4] / candles.open[t + 1] * 0.999**2 - 1
        assert data.y[row] == float(gain > 0)
    assert np.isnan(data.y[-5:]).all()
    assert data.labelled == len(data) - 5
    assert len(data) == 300 - warmup


@pytest.mark.parametrize("rows", [0, 1, 5, 6])
def test_too_few_prices_have_no_outcome(rows: int) -> None:
    assert np.isfinite(forward_returns(np.ones(rows), 4)).sum() == max(0, rows - 5)


def test_higher_costs_make_fewer_trades_pay(edge: Edge, make_dataset: Make) -> None:
    cheap, dear = (np.nansum(make_dataset(*edge, 4, side).y) for side in (0.0, 0.01))
    assert cheap > dear


def test_a_row_weighs_what_its_trade_won_or_lost(edge: Edge, make_dataset: Make) -> None:
    data = make_dataset(*edge, 4)
    known = np.isfinite(data.y) & np.isfinite(data.outcomes.scale)
    moved = (np.abs(data.outcomes.net) / data.outcomes.scale)[known]
    np.testing.assert_allclose(data.weight[known], np.minimum(moved, LARGEST_WEIGHT))


def test_infinite_features_are_unknown_not_huge(edge: Edge, make_dataset: Make) -> None:
    candles, sets = edge
    wild = replace(sets, compute=lambda given: {**sets.compute(given), "hint": np.full(300, np.inf)})
    data = make_dataset(candles, wild, 4)
    assert np.isnan(data.x[:, data.names.index("hint")]).all()


def test_a_feature_set_that_breaks_its_promise_is_named(edge: Edge, make_dataset: Make) -> None:
    candles, sets = edge
    short = replace(sets, compute=lambda given: {**sets.compute(given), "hint": np.ones(3)})
    with pytest.raises(PluginError, match="feature hint of set hinted has another length"):
        make_dataset(candles, short, 4)
    extra = replace(sets, compute=lambda given: {**sets.compute(given), "more": np.ones(300)})
    with pytest.raises(PluginError, match="more"):
        make_dataset(candles, extra, 4)


def test_history_that_only_warms_up_is_too_short(edge: Edge, make_dataset: Make) -> None:
    with pytest.raises(TooFewRowsError, match="25 usable candles, and 20 of them warm the features up"):
        make_dataset(edge[0].take(slice(0, 25)), edge[1], 8)


def test_the_recipe_hash_changes_with_version_columns_horizon_and_label(edge: Edge) -> None:
    _, sets = edge
    barrier = LabelSettings(kind="barrier")
    hashes = {
        recipe([each], horizon, label)["recipe_hash"]
        for each, horizon, label in (
            (sets, 8, FORWARD), (replace(sets, version=2), 8, FORWARD), (sets, 9, FORWARD), (sets, 8, barrier),
            (sets, 8, LabelSettings(kind="barrier", stop_loss=1.5)),
            (replace(sets, columns=sets.columns[:2]), 8, FORWARD),
        )
    }  # fmt: skip
    assert len(hashes) == 6


def test_the_data_hash_changes_with_any_candle_reference_or_cost(
    edge: Edge, make_prices: Callable[..., Prices]
) -> None:
    candles, _ = edge
    closes = candles.close.copy()
    closes[7] += 1e-12
    other = Candles.from_columns({**candles.columns(), "close": closes})
    cheap, dear = make_prices(candles, 0.001, 0.001), make_prices(candles, 0.001, 0.0011)
    digests = {
        data_hash(candles, {}, cheap), data_hash(other, {}, cheap), data_hash(candles, {"BTC": candles.close}, cheap),
        data_hash(candles, {}, dear),
    }  # fmt: skip
    assert len(digests) == 4
