"""What separated a model's good trades from its bad ones, what its features looked like, and what is new about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from huracan.errors import DataError
from huracan.market.significance import benjamini_hochberg, permutation_p_values
from huracan.store import Driver, FeatureSummary, LibraryModel, ModelDelta, ModelPerformance, SimulatedTrade

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["feature_summaries", "loss_drivers", "model_deltas", "win_drivers"]

LEAST_TRADES = 10
"""Trades that each of two groups needs before they are compared."""

_NO_MEASURES = {"model_id", "symbol", "run_date", "folds"}


def win_drivers(trades: Sequence[SimulatedTrade]) -> list[Driver]:
    """Return what winners had that losers had not; nothing where there are fewer than ten of either."""
    return _drivers(trades, np.array([each.won for each in trades], dtype=bool))


def loss_drivers(trades: Sequence[SimulatedTrade]) -> list[Driver]:
    """Return what losses beyond the median loss had that smaller losses had not."""
    losses = [each for each in trades if not each.won]
    net = np.array([each.net_bps for each in losses])
    return _drivers(losses, net < np.median(net) if len(net) else np.zeros(0, dtype=bool))


def _drivers(trades: Sequence[SimulatedTrade], chosen: np.ndarray) -> list[Driver]:
    count = int(chosen.sum())
    if min(count, len(trades) - count) < LEAST_TRADES:
        return []
    found = [(kind, name, values) for kind, name, values in _columns(trades) if np.ptp(values) > 0]
    if not found:
        return []
    values = np.column_stack([each for _, _, each in found])
    p_values = permutation_p_values(values, chosen)
    adjusted = benjamini_hochberg(p_values)
    inside, outside = values[chosen], values[~chosen]
    spread = np.sqrt((inside.var(axis=0) * len(inside) + outside.var(axis=0) * len(outside)) / len(values))
    means, rest = inside.mean(axis=0), outside.mean(axis=0)
    effect = (means - rest) / np.where(spread > 0, spread, np.inf)
    first = trades[0]
    return [
        Driver(
            first.model_id, name, first.symbol, first.run_date, kind, count, len(trades) - count, float(means[i]),
            float(rest[i]), float(effect[i]), "permutation", float(p_values[i]), float(adjusted[i]),
        )
        for i, (kind, name, _) in enumerate(found)
    ]  # fmt: skip


def _columns(trades: Sequence[SimulatedTrade]) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield kind, name and values of all that trades are compared by; an unknown feature counts as its median."""
    for name in ("mae_bps", "mfe_bps"):
        yield "excursion", name, np.array([getattr(each, name) for each in trades])
    for name in ("score", "stake", "bars_held"):
        yield "trade", name, np.array([getattr(each, name) for each in trades], dtype=np.float64)
    for name in ("market_regime", "volatility_regime", "trend"):
        told = [getattr(each, name) for each in trades]
        for regime in sorted(set(told)):
            yield "regime", f"{name}: {regime}", np.array([each == regime for each in told], dtype=np.float64)
    for name in trades[0].features:
        values = np.array([each.features.get(name) for each in trades], dtype=np.float64)
        known = np.isfinite(values)
        if known.any():
            yield "feature", name, np.where(known, values, np.median(values[known]))
    for name in trades[0].contributions or ():
        added = [(each.contributions or {}).get(name, 0.0) for each in trades]
        yield "contribution", f"contribution of {name}", np.array(added, dtype=np.float64)


def feature_summaries(folder: Path, model: LibraryModel) -> list[FeatureSummary]:
    """Return what each column of ``features.parquet`` looked like, in its order; none where the file is gone.

    Raises DataError where it cannot be read.
    """
    import polars

    file = folder / "features.parquet"
    if not file.exists():
        return []
    try:
        frame = polars.read_parquet(file, use_pyarrow=False).drop("timestamp", "label", "weight")
    except (polars.exceptions.PolarsError, polars.exceptions.PanicException, OSError) as error:
        raise DataError(str(file), f"is no readable table of features ({type(error).__name__})") from None
    return [
        _summary(model, position, name, frame[name].cast(polars.Float64).to_numpy())
        for position, name in enumerate(frame.columns)
    ]


def _summary(model: LibraryModel, position: int, name: str, values: np.ndarray) -> FeatureSummary:
    known = values[np.isfinite(values)]
    importance = model.importance.get(name)
    if not len(known):
        return FeatureSummary(model.model_id, name, position, 1.0, None, None, None, None, None, None, None, importance)
    p05, median, p95 = (float(each) for each in np.quantile(known, [0.05, 0.5, 0.95]))
    return FeatureSummary(
        model.model_id, name, position, 1.0 - len(known) / len(values), float(known.mean()), float(known.std()),
        float(known.min()), p05, median, p95, float(known.max()), importance,
    )  # fmt: skip


def model_deltas(
    before: tuple[LibraryModel, ModelPerformance], after: tuple[LibraryModel, ModelPerformance]
) -> list[ModelDelta]:
    """Return everything that differs between a model and the coin's model before it."""
    (old, old_measures), (new, new_measures) = before, after
    named = [each.name for each in fields(ModelPerformance) if each.name not in _NO_MEASURES]
    was = {"threshold": old.threshold} | {name: getattr(old_measures, name) for name in named}
    now = {"threshold": new.threshold} | {name: getattr(new_measures, name) for name in named}
    compared: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
        "measure": (was, now),
        "importance": (old.importance, new.importance),
        "parameter": (old.parameters, new.parameters),
        "gate": (_verdicts(old), _verdicts(new)),
    }
    return [
        _delta(new, old.model_id, kind, name, left.get(name), right.get(name))
        for kind, (left, right) in compared.items()
        for name in sorted({*left, *right})
        if left.get(name) != right.get(name)
    ]


def _verdicts(model: LibraryModel) -> dict[str, str]:
    return {gate["gate"]: "passed" if gate["passed"] else "failed" for gate in model.gates}


def _delta(model: LibraryModel, before_id: str, kind: str, name: str, before: Any, after: Any) -> ModelDelta:
    numbers = [
        each if isinstance(each, int | float) and not isinstance(each, bool) else None for each in (before, after)
    ]
    texts = [
        "" if each is None or number is not None else str(each)
        for each, number in zip((before, after), numbers, strict=True)
    ]
    return ModelDelta(
        model.model_id, kind, name, model.symbol, model.run_date, before_id, numbers[0], numbers[1], texts[0], texts[1]
    )
