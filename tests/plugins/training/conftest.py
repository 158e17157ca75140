"""Coins made by hand: candles with and without an edge that features can see."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from huracan.market.candles import Candles
from huracan.types import FeatureInput, FeatureSet

HOUR = 3_600_000
START = 1_700_006_400_000 // HOUR * HOUR


def candles_from(opens: np.ndarray, closes: np.ndarray) -> Candles:
    return Candles.from_columns(
        {
            "timestamp": START + HOUR * np.arange(len(opens)),
            "open": opens,
            "high": np.maximum(opens, closes),
            "low": np.minimum(opens, closes),
            "close": closes,
            "volume": np.full(len(opens), 1000.0),
        }
    )


def walk(rows: int, seed: int, drift: np.ndarray | None = None) -> Candles:
    """A random walk with 1 % a bar; ``drift`` is added to the log return from each bar's open to its close."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0.0, 0.01, rows) + (0.0 if drift is None else drift)
    closes = 100 * np.exp(np.cumsum(steps))
    opens = np.concatenate([[100.0], closes[:-1]])
    return candles_from(opens, closes)


@pytest.fixture(scope="session")
def make_walk() -> Callable[..., Candles]:
    return walk


@pytest.fixture(scope="session")
def planted() -> Callable[[int, int], tuple[Candles, FeatureSet]]:
    """A walk that drifts up for ten bars after a signal which the feature ``hint`` shows, among ``noise_0..3``."""

    def make(rows: int, seed: int) -> tuple[Candles, FeatureSet]:
        rng = np.random.default_rng(seed)
        hint = np.repeat(rng.normal(size=rows // 10 + 1), 10)[:rows]
        drift = np.zeros(rows)
        drift[1:] = 0.004 * hint[:-1]
        return walk(rows, seed, drift), hinted(hint, seed)

    return make


@pytest.fixture(scope="session")
def noise_set() -> Callable[[int, int], FeatureSet]:
    return lambda rows, seed: hinted(np.random.default_rng(seed + 1).normal(size=rows), seed)


def hinted(hint: np.ndarray, seed: int) -> FeatureSet:
    noise = np.random.default_rng(seed + 2).normal(size=(4, len(hint)))

    def compute(given: FeatureInput) -> Mapping[str, np.ndarray]:
        rows = (given.candles.timestamp - START) // HOUR
        return {"hint": hint[rows]} | {f"noise_{i}": noise[i][rows] for i in range(4)}

    return FeatureSet("hinted", 1, ("hint", "noise_0", "noise_1", "noise_2", "noise_3"), 20, compute)
