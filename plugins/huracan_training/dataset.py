"""A coin's rows: features known at a bar's close, and what buying at the next open would have brought."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from huracan.errors import PluginError
from huracan.market.candles import Candles
from huracan.paths import canonical_json
from huracan.types import FeatureInput, FeatureSet
from huracan_training.errors import TooFewRowsError
from huracan_training.splits import label_reach

__all__ = ["Dataset", "build_dataset", "data_hash", "forward_returns", "recipe"]


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Rows in order of time, warm-up left out.

    ``x`` is (rows, features) float64 with NaN where unknown; ``y`` is 1 where the trade of that row pays its costs, 0
    where not, NaN for the last ``horizon + 1`` rows, whose outcome is not known yet.
    """

    timestamp: np.ndarray
    opens: np.ndarray
    closes: np.ndarray
    x: np.ndarray
    y: np.ndarray
    names: tuple[str, ...]

    def __len__(self) -> int:
        return int(self.timestamp.shape[0])

    @property
    def labelled(self) -> int:
        """How many rows have a label; they are the first ones."""
        return int(np.isfinite(self.y).sum())


def forward_returns(opens: np.ndarray, horizon: int) -> np.ndarray:
    """Return the gross return of buying the next bar's open and selling ``horizon`` bars later, NaN where unknown."""
    result = np.full(len(opens), np.nan)
    reach = label_reach(horizon)
    if len(opens) > reach:
        result[:-reach] = opens[reach:] / opens[1:-horizon] - 1.0
    return result


def build_dataset(
    candles: Candles,
    timeframe: str,
    reference: Mapping[str, np.ndarray],
    sets: Iterable[FeatureSet],
    horizon: int,
    round_trip: float,
) -> Dataset:
    """Compute features and labels of one coin. ``round_trip`` is the cost of a trade as a fraction.

    Raises PluginError where a feature set does not return what it declares, TooFewRowsError where nothing is left
    after the warm-up.
    """
    chosen = sorted(sets, key=lambda each: each.name)
    warmup = max((each.warmup for each in chosen), default=0)
    if len(candles) <= warmup + label_reach(horizon):
        raise TooFewRowsError(f"{len(candles)} usable candles, and {warmup} of them warm the features up")
    given = FeatureInput(candles, timeframe, reference)
    columns: dict[str, np.ndarray] = {}
    for each in chosen:
        columns |= _compute(each, given)
    x = np.column_stack([column[warmup:] for column in columns.values()])
    x[~np.isfinite(x)] = np.nan  # trainers agree on what NaN means; on infinity they do not
    gain = forward_returns(candles.open, horizon)[warmup:]
    y = np.where(np.isfinite(gain), (gain > round_trip).astype(np.float64), np.nan)
    opens, closes = candles.open[warmup:], candles.close[warmup:]
    return Dataset(candles.timestamp[warmup:], opens, closes, x, y, tuple(columns))


def _compute(each: FeatureSet, given: FeatureInput) -> dict[str, np.ndarray]:
    computed = each.compute(given)
    if set(computed) != set(each.columns):
        odd = sorted(set(computed) ^ set(each.columns))
        raise PluginError(f"feature set {each.name} declares other columns than it returns: {', '.join(odd)}")
    for name in each.columns:
        if computed[name].shape != given.candles.timestamp.shape:
            raise PluginError(f"feature {name} of set {each.name} has another length than the candles")
    return {name: np.asarray(computed[name], dtype=np.float64) for name in each.columns}


def recipe(sets: Iterable[FeatureSet], horizon: int) -> dict[str, Any]:
    """Return what the rows are made by; ``recipe_hash`` changes when any of it does."""
    chosen = sorted(sets, key=lambda each: each.name)
    made: dict[str, Any] = {
        "schema": 1,
        "sets": [
            {"name": each.name, "version": each.version, "warmup": each.warmup, "columns": list(each.columns)}
            for each in chosen
        ],
        "columns": [name for each in chosen for name in each.columns],
        "warmup": max((each.warmup for each in chosen), default=0),
        "label": {
            "horizon_bars": horizon,
            "rule": "1 where open[t+1+horizon] / open[t+1] - 1 exceeds the costs of a round trip",
        },
    }
    return made | {"recipe_hash": hashlib.sha256(canonical_json(made)).hexdigest()}


def data_hash(candles: Candles, reference: Mapping[str, np.ndarray]) -> str:
    """Return the SHA-256 of the values that the features saw."""
    digest = hashlib.sha256()
    arrays = {**candles.columns(), **{f"reference {name}": array for name, array in reference.items()}}
    for name in sorted(arrays):
        digest.update(name.encode() + b"\0" + np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()
