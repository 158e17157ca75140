"""Candles to compute features from: a random walk with every kind of quiet stretch, and real ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from huracan.market.alignment import align_reference
from huracan.market.candles import COLUMNS, Candles
from huracan.types import FeatureInput
from huracan_features.classic import CLASSIC

HOUR = 3_600_000

Walk = Callable[..., Candles]
Compute = Callable[..., dict[str, np.ndarray]]


def random_walk(
    rows: int, seed: int = 1, *, price: float = 100.0, flat: float = 0.0, silent: float = 0.0, gaps: float = 0.0
) -> Candles:
    """Make hourly candles; ``flat`` of them do not move, ``silent`` ones have no volume, ``gaps`` are left out."""
    random = np.random.default_rng(seed)
    moves = np.where(random.random(rows) < flat, 0.0, random.standard_t(4, rows) * 0.01).clip(-0.3, 0.3)
    close = price * np.exp(np.cumsum(moves))
    start = np.concatenate([[price], close[:-1]])[:rows]
    reach = np.where(moves == 0.0, 0.0, np.abs(random.normal(0.0, 0.004, rows)))
    volume = np.where(random.random(rows) < silent, 0.0, random.lognormal(5.0, 1.0, rows))
    candles = Candles.from_columns(
        {
            "timestamp": 1_650_000_000_000 // HOUR * HOUR + np.arange(rows) * HOUR,
            "open": start,
            "high": np.maximum(start, close) * (1.0 + reach),
            "low": np.minimum(start, close) * (1.0 - reach),
            "close": close,
            "volume": volume,
        }
    )
    return candles.take(random.random(rows) >= gaps)


def compute_classic(candles: Candles, **reference: np.ndarray) -> dict[str, np.ndarray]:
    """Compute the set; BTC and ETH are made of other random walks where they are not given."""
    known = reference or {
        base: random_walk(len(candles), seed, price=1000.0).close for base, seed in (("BTC", 101), ("ETH", 102))
    }
    return dict(CLASSIC.compute(FeatureInput(candles, "1h", known)))


@pytest.fixture(scope="session")
def walk() -> Walk:
    return random_walk


@pytest.fixture(scope="session")
def compute() -> Compute:
    return compute_classic


@pytest.fixture(scope="session")
def real_input(realdata: Path) -> Callable[[str, int], FeatureInput]:
    """Build the input of a real coin's first ``rows`` rows, with BTC and ETH beside it."""
    import polars as pl

    def load(symbol: str) -> Candles:
        frame = pl.read_parquet(realdata / "crypto_1h" / f"{symbol}.parquet").sort("timestamp")
        frame = frame.unique("timestamp", keep="first", maintain_order=True)
        return Candles.from_columns({name: frame[name].to_numpy() for name in COLUMNS})

    def build(symbol: str, rows: int) -> FeatureInput:
        candles = load(symbol).take(slice(0, rows))
        reference = {base: align_reference(candles, load(f"{base}-USDT")) for base in ("BTC", "ETH")}
        return FeatureInput(candles, "1h", reference)

    return build
