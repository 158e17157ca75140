"""Feature sets that end their process, hang or are another one each time, when they are computed."""

from typing import Any

from huracan import hookimpl
from huracan.types import FeatureInput, FeatureSet


def leave(data: FeatureInput) -> dict[str, Any]:
    import os

    os._exit(5)


def guess(data: FeatureInput) -> dict[str, Any]:
    import numpy as np

    return {"guess": np.random.default_rng().normal(size=len(data.candles))}


def raise_(data: FeatureInput) -> dict[str, Any]:
    raise ZeroDivisionError("divided")


@hookimpl
def huracan_features() -> list[FeatureSet]:
    return [
        FeatureSet("leaves", version=1, columns=("left",), warmup=0, compute=leave),
        FeatureSet("guesses", version=1, columns=("guess",), warmup=0, compute=guess),
        FeatureSet("raises", version=1, columns=("raised",), warmup=0, compute=raise_),
    ]
