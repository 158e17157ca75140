"""The files of a model folder. Those that must be equal byte for byte hold no time, path or duration.

====================  ==========================================================  ==============
file                  what it holds                                               same bytes
====================  ==========================================================  ==============
costs.json            fee, spread, slippage, funding and where they come from      yes
features.json         the recipe: feature sets, columns, label, hash              yes
features.parquet      every row: timestamp, features, label, weight
split_indices.json    rows of each fold
training_log.json     steps with durations, trials, thresholds of each fold
model.bin             the trainer's own text                                      yes
inputs.json           columns that the model reads, and the arrays of the encoder  yes
metrics.json          out-of-sample measures after costs                          yes
trades.parquet        every tested trade: prices, costs, excursions, regime           yes
patterns.json         rules found before each fold, tested on it                  yes
config.json           data hash, recipe hash, seed, settings, versions              yes
metadata.json         who it is, how good it is, what the gates said
sha256.txt            checksums; written last, so that it says: complete
====================  ==========================================================  ==============
"""

from __future__ import annotations

import io
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huracan.clock import format_instant
from huracan.market.timeframes import timeframe_ms
from huracan.paths import canonical_json, write_checksums, write_json
from huracan.types import FittedModel
from huracan_training.backtest import STAY_OUT
from huracan_training.carried import Files
from huracan_training.dataset import Dataset
from huracan_training.encoder import Scaling
from huracan_training.evaluate import FoldResult
from huracan_training.search import Found
from huracan_training.settings import TrainingSettings
from huracan_training.splits import Fold, label_reach

if TYPE_CHECKING:
    from huracan_training.coin import CoinTask

__all__ = [
    "ARTEFACTS",
    "complete_folder",
    "iso",
    "write_config",
    "write_costs",
    "write_features",
    "write_log",
    "write_model",
    "write_splits",
]

ARTEFACTS = (
    "config.json", "costs.json", "features.json", "features.parquet", "inputs.json", "metadata.json", "metrics.json",
    "model.bin", "patterns.json", "split_indices.json", "trades.parquet", "training_log.json",
)  # fmt: skip

SCHEDULING = (
    "address", "batch", "executor", "library", "max_workers", "memory_per_worker_mib", "memory_reserve_mib",
    "minutes_per_coin", "minutes_per_step", "mode", "retries", "retry_delay", "symbols", "workers",
)  # fmt: skip
"""Settings that say how the night is worked off and what is kept of it. Models do not depend on them, nor may their
bytes."""

LIBRARIES = ("huracan-engine", "lightgbm", "xgboost", "xgboost-cpu", "optuna", "numpy", "polars", "TA-Lib")


def iso(milliseconds: int) -> str:
    """Return an instant as artefacts write it: ``2023-12-30T00:00:00Z``."""
    return format_instant(datetime.fromtimestamp(milliseconds / 1000, UTC))


def write_costs(files: Files, costs: Mapping[str, Any]) -> None:
    files.write("costs.json", canonical_json(dict(costs)))


def write_features(files: Files, data: Dataset, made_by: Mapping[str, Any]) -> None:
    """Write the recipe, and every row that is trained or tested on."""
    import polars

    files.write("features.json", canonical_json(dict(made_by)))
    columns = {"timestamp": data.timestamp} | {name: data.x[:, i] for i, name in enumerate(data.names)}
    frame = polars.DataFrame(columns | {"label": data.y, "weight": data.weight})
    content = io.BytesIO()
    frame.write_parquet(content, compression="zstd")
    files.write("features.parquet", content.getvalue())


def write_splits(
    files: Files, data: Dataset, folds: Sequence[Fold], settings: TrainingSettings, timeframe: str
) -> None:
    """Write which rows of ``features.parquet`` each fold trains and tests on; ranges are half open."""
    reach, bar = label_reach(settings.horizon_bars), timeframe_ms(timeframe)

    def described(fold: Fold) -> dict[str, Any]:
        return {
            "fold": fold.number,
            "train": _ranges(fold),
            "purged": [fold.start - reach, fold.start],
            "test": [fold.start, fold.stop],
            "embargo": [fold.stop, min(fold.stop + settings.embargo_bars, len(data))],
            "test_from": iso(int(data.timestamp[fold.start])),
            "test_until": iso(int(data.timestamp[fold.stop - 1]) + bar),
        }

    rows = {"schema": 1, "rows": len(data), "labelled_rows": data.labelled}
    files.write("split_indices.json", canonical_json({**rows, "folds": [described(fold) for fold in folds]}))


def _ranges(fold: Fold) -> list[list[int]]:
    """Return the training rows as half open ranges: embargoes leave holes."""
    ranges: list[list[int]] = []
    for row in fold.train.tolist():
        if ranges and ranges[-1][1] == row:
            ranges[-1][1] = row + 1
        else:
            ranges.append([row, row + 1])
    return ranges


def write_model(
    files: Files, model: FittedModel, metrics: Mapping[str, Any], names: Sequence[str], scaling: Scaling | None
) -> None:
    """Write the model, its measures, and what turns a row of features into the columns that the model reads."""
    files.write("model.bin", model.dumps())
    files.write("metrics.json", canonical_json(dict(metrics)))
    encoder = None if scaling is None else scaling.to_json()
    files.write("inputs.json", canonical_json({"schema": 1, "columns": list(names), "encoder": encoder}))


def write_config(
    files: Files,
    task: CoinTask,
    settings: TrainingSettings,
    learned: Mapping[str, Any],
    data: Dataset,
    made_by: Mapping[str, Any],
    digest: str,
) -> None:
    """Write what somebody needs to train the same model again."""
    config = {
        "schema": 1,
        "symbol": task.symbol,
        "timeframe": task.timeframe,
        "as_of": iso(task.as_of_ms),
        "seed": settings.seed,
        "data": {
            "hash": digest,
            "rows": len(data),
            "first": iso(int(data.timestamp[0])),
            "last": iso(int(data.timestamp[-1])),
            "usable_since": iso(task.source.usable_since),
            "references": sorted(task.references),
        },
        "recipe_hash": made_by["recipe_hash"],
        "trainer": learned["trainer"],
        "parameters": learned["parameters"],
        "threshold": learned["threshold"],
        "settings": settings.model_dump(mode="json", exclude=set(SCHEDULING)),
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in LIBRARIES},
    }
    files.write("config.json", canonical_json(config))


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"


def write_log(
    files: Files, symbol: str, steps: Sequence[Mapping[str, Any]], results: Sequence[FoldResult], found: Found
) -> None:
    """Write how training went: durations, the trials of the search, and what each fold's threshold was chosen by."""
    folds = [
        {
            "fold": each.fold.number,
            "threshold": None if each.threshold.value == STAY_OUT else each.threshold.value,
            "chosen_on_rows": each.threshold.rows,
            "chosen_on_trades": each.threshold.trades,
            "chosen_on_net_bps": each.threshold.net * 1e4,
            "importance": dict(each.importance),
        }
        for each in results
    ]
    trials = [
        {"trial": each.number, "parameters": dict(each.parameters), "loss": each.loss, "pruned": each.loss is None}
        for each in found.trials
    ]
    seconds = round(sum(step["seconds"] for step in steps), 4)
    log = {
        "schema": 2, "symbol": symbol, "seconds": seconds, "steps": list(steps), "trials": trials,
        "trial_correlation": found.correlation, "folds": folds,
    }  # fmt: skip
    files.write("training_log.json", canonical_json(log))


def complete_folder(folder: Path, metadata: Mapping[str, Any]) -> None:
    """Add ``metadata.json`` and, last of all, the checksums of everything."""
    write_json(folder / "metadata.json", dict(metadata))
    write_checksums(folder, ARTEFACTS)
