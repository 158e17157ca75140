"""Knows the next close."""

from typing import Any

from huracan import hookimpl
from huracan.types import FeatureInput, FeatureSet


def compute(data: FeatureInput) -> dict[str, Any]:
    import numpy as np

    close = data.candles.close
    return {"next_return": np.append(close[1:] / close[:-1] - 1.0, np.nan)}


@hookimpl
def huracan_features() -> list[FeatureSet]:
    return [FeatureSet("crystal-ball", version=1, columns=("next_return",), warmup=0, compute=compute)]
