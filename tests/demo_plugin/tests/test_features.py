from __future__ import annotations

import numpy as np
from huracan.market.candles import Candles
from huracan.testing import assert_features
from huracan.types import FeatureInput

from huracan_stranger import huracan_features
from huracan_stranger.features import compute, rolling_mean


def test_the_features_keep_every_rule() -> None:
    (features,) = huracan_features()
    assert_features(features)


def test_the_body_of_a_bar_is_its_share_of_the_height() -> None:
    candles = Candles.from_columns(
        {
            "timestamp": np.arange(3) * 3_600_000,
            "open": np.array([1.0, 2.0, 2.0]),
            "high": np.array([3.0, 3.0, 2.0]),
            "low": np.array([1.0, 1.0, 2.0]),
            "close": np.array([2.0, 1.0, 2.0]),
            "volume": np.ones(3),
        }
    )
    body = compute(FeatureInput(candles, "1h", {}))["stranger_body"]
    assert np.array_equal(body, [0.5, -0.5, np.nan], equal_nan=True)


def test_a_mean_forgets_what_left_its_window() -> None:
    values = np.array([np.nan, 1.0, 2.0, 3.0])
    assert np.array_equal(rolling_mean(values, 2), [np.nan, np.nan, 1.5, 2.5], equal_nan=True)
