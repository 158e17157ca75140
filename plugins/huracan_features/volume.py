"""Volume, and price moves weighed by it. Volume is in base units; the two trend measures are without unit.

Classic on-balance volume and price-volume trend add up from the first bar, so that their value says how long the file
is. Here both are sums over the last 100 rows, over the volume of these rows.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from huracan.types import FeatureInput
from huracan_features.windows import lag, ratio, rolling

__all__ = ["COLUMNS", "FLOW_ROWS", "compute"]

COLUMNS = ("volume_sma_20", "volume_ratio", "price_volume_trend", "on_balance_volume")

FLOW_ROWS = 100


def compute(given: FeatureInput, known: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the columns of this group."""
    close, volume = given.candles.close, given.candles.volume
    average, whole = rolling(np.add, volume, 20, FLOW_ROWS)
    average /= 20
    (by_price,) = rolling(np.add, known["ret_1"] * volume, FLOW_ROWS)
    (by_direction,) = rolling(np.add, np.sign(close - lag(close, 1)) * volume, FLOW_ROWS)
    return {
        "volume_sma_20": average,
        "volume_ratio": ratio(volume, average),
        "price_volume_trend": ratio(by_price, whole),
        "on_balance_volume": ratio(by_direction, whole),
    }
