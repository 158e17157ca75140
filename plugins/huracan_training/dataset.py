"""A coin's rows: features known at a bar's close, and what the trade that follows would have brought."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from huracan.errors import PluginError
from huracan.market.candles import Candles
from huracan.paths import canonical_json
from huracan.types import FeatureInput, FeatureSet
from huracan_training.errors import TooFewRowsError
from huracan_training.outcomes import Outcomes, Prices, find_outcomes
from huracan_training.settings import LabelSettings
from huracan_training.splits import label_reach

__all__ = ["Dataset", "build_dataset", "compute_features", "data_hash", "recipe"]

LARGEST_WEIGHT = 3.0
"""A row counts by what its trade won or lost, in standard deviations, and at most by so many of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Rows in order of time, warm-up left out.

    ``x`` is (rows, features) float64 with NaN where unknown; ``y`` is 1 where the trade of that row pays its costs, 0
    where not, NaN for the last ``horizon + 1`` rows, whose outcome is not known yet. ``weight`` is what that trade won
    or lost in units of its volatility: with it, a probability above one half says that the trade is expected to earn
    something, not only that it earns more often than not (Lopez de Prado 2018, section 4.6: return attribution).
    """

    timestamp: np.ndarray
    x: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    prices: Prices
    outcomes: Outcomes
    names: tuple[str, ...]

    def __len__(self) -> int:
        return int(self.timestamp.shape[0])

    @property
    def labelled(self) -> int:
        """How many rows have a label; they are the first ones."""
        return int(np.isfinite(self.y).sum())

    def with_columns(self, names: Sequence[str], columns: np.ndarray) -> Dataset:
        """Return the same rows with further features, shape (rows, len(names))."""
        return replace(self, x=np.column_stack([self.x, columns]), names=(*self.names, *names))


def build_dataset(
    candles: Candles,
    timeframe: str,
    reference: Mapping[str, np.ndarray],
    sets: Iterable[FeatureSet],
    prices: Prices,
    horizon: int,
    rule: LabelSettings,
    risk: float,
) -> Dataset:
    """Compute features and outcomes of one coin.

    Raises PluginError where a feature set does not return what it declares, TooFewRowsError where nothing is left
    after the warm-up.
    """
    chosen = sorted(sets, key=lambda each: each.name)
    warmup = max((each.warmup for each in chosen), default=0)
    if len(candles) <= warmup + label_reach(horizon):
        raise TooFewRowsError(f"{len(candles)} usable candles, and {warmup} of them warm the features up")
    names, x = compute_features(candles, timeframe, reference, chosen)
    outcomes = find_outcomes(prices, horizon, rule, risk)
    known = np.isfinite(outcomes.net)
    y = np.where(known, (outcomes.net > 0).astype(np.float64), np.nan)
    rows = slice(warmup, None)
    return Dataset(
        candles.timestamp[rows], x[rows], y[rows], _weights(outcomes)[rows],
        Prices(*(getattr(prices, name)[rows] for name in Prices.__slots__)),
        replace(_rows_of(outcomes, rows), exit_row=outcomes.exit_row[rows] - warmup), names,
    )  # fmt: skip


def compute_features(
    candles: Candles, timeframe: str, reference: Mapping[str, np.ndarray], sets: Iterable[FeatureSet]
) -> tuple[tuple[str, ...], np.ndarray]:
    """Return names and values (rows, features) of all sets, ordered by the name of the set, NaN where unknown."""
    given = FeatureInput(candles, timeframe, reference)
    columns: dict[str, np.ndarray] = {}
    for each in sorted(sets, key=lambda each: each.name):
        columns |= _compute(each, given)
    x = np.column_stack(list(columns.values())) if columns else np.empty((len(candles), 0))
    x[~np.isfinite(x)] = np.nan  # trainers agree on what NaN means; on infinity they do not
    return tuple(columns), x


def _rows_of(outcomes: Outcomes, rows: slice) -> Outcomes:
    return Outcomes(*(getattr(outcomes, name)[rows] for name in Outcomes.__slots__))


def _weights(outcomes: Outcomes) -> np.ndarray:
    scale = np.where(np.isfinite(outcomes.scale) & (outcomes.scale > 0), outcomes.scale, np.nan)
    weight = np.minimum(np.abs(outcomes.net) / scale, LARGEST_WEIGHT)
    return np.where(np.isfinite(weight), weight, 1.0)


def _compute(each: FeatureSet, given: FeatureInput) -> dict[str, np.ndarray]:
    computed = each.compute(given)
    if set(computed) != set(each.columns):
        odd = sorted(set(computed) ^ set(each.columns))
        raise PluginError(f"feature set {each.name} declares other columns than it returns: {', '.join(odd)}")
    for name in each.columns:
        if computed[name].shape != given.candles.timestamp.shape:
            raise PluginError(f"feature {name} of set {each.name} has another length than the candles")
    return {name: np.asarray(computed[name], dtype=np.float64) for name in each.columns}


def recipe(sets: Iterable[FeatureSet], horizon: int, rule: LabelSettings) -> dict[str, Any]:
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
        "label": _label(horizon, rule),
    }
    return made | {"recipe_hash": hashlib.sha256(canonical_json(made)).hexdigest()}


def _label(horizon: int, rule: LabelSettings) -> dict[str, Any]:
    told: dict[str, Any] = {"horizon_bars": horizon, "kind": rule.kind}
    if rule.kind == "barrier":
        told |= {"take_profit": rule.take_profit, "stop_loss": rule.stop_loss}
    told["rule"] = (
        "1 where buying open[t+1] and selling at the first barrier touched, or else at open[t+1+horizon], earns "
        "more than all its costs"
        if rule.kind == "barrier"
        else "1 where buying open[t+1] and selling open[t+1+horizon] earns more than all its costs"
    )
    return told


def data_hash(candles: Candles, reference: Mapping[str, np.ndarray], prices: Prices) -> str:
    """Return the SHA-256 of the values that features and outcomes were made of."""
    digest = hashlib.sha256()
    costs = {f"cost {name}": getattr(prices, name) for name in ("enter", "leave", "carry")}
    arrays = {**candles.columns(), **{f"reference {name}": array for name, array in reference.items()}, **costs}
    for name in sorted(arrays):
        digest.update(name.encode() + b"\0" + np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()
