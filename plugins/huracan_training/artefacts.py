"""The files of a model folder. Those that must be equal byte for byte hold no time, path or duration.

====================  ==========================================================  ==============
file                  what it holds                                               same bytes
====================  ==========================================================  ==============
costs.json            fee, spread, slippage, funding and where they come from
features.json         the recipe: feature sets, columns, label, hash              yes
features.parquet      every row: timestamp, features, label
split_indices.json    rows of each fold
training_log.json     steps with durations, what each fold's search saw
model.bin             the trainer's own text                                      yes
metrics.json          out-of-sample measures after costs                          yes
config.json           data hash, recipe hash, seed, settings, versions
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

from huracan.market.candles import timeframe_ms
from huracan.paths import write_bytes, write_checksums, write_json
from huracan.types import FittedModel
from huracan_training.dataset import Dataset
from huracan_training.evaluate import FoldResult
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
    "config.json", "costs.json", "features.json", "features.parquet", "metadata.json", "metrics.json", "model.bin",
    "split_indices.json", "training_log.json",
)  # fmt: skip

LIBRARIES = ("huracan-engine", "lightgbm", "numpy", "polars", "TA-Lib")


def iso(milliseconds: int) -> str:
    """Return an instant as artefacts write it: ``2023-12-30T00:00:00Z``."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def write_costs(folder: Path, costs: Mapping[str, Any]) -> None:
    write_json(folder / "costs.json", dict(costs))


def write_features(folder: Path, data: Dataset, made_by: Mapping[str, Any]) -> None:
    """Write the recipe, and every row that is trained or tested on."""
    import polars

    write_json(folder / "features.json", dict(made_by))
    columns = {"timestamp": data.timestamp} | {name: data.x[:, i] for i, name in enumerate(data.names)}
    frame = polars.DataFrame(columns | {"label": data.y})
    content = io.BytesIO()
    frame.write_parquet(content, compression="zstd")
    write_bytes(folder / "features.parquet", content.getvalue())


def write_splits(
    folder: Path, data: Dataset, folds: Sequence[Fold], settings: TrainingSettings, timeframe: str
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
    write_json(folder / "split_indices.json", {**rows, "folds": [described(fold) for fold in folds]})


def _ranges(fold: Fold) -> list[list[int]]:
    """Return the training rows as half open ranges: embargoes leave holes."""
    ranges: list[list[int]] = []
    for row in fold.train.tolist():
        if ranges and ranges[-1][1] == row:
            ranges[-1][1] = row + 1
        else:
            ranges.append([row, row + 1])
    return ranges


def write_model(folder: Path, model: FittedModel, metrics: Mapping[str, Any]) -> None:
    write_bytes(folder / "model.bin", model.dumps())
    write_json(folder / "metrics.json", dict(metrics))


def write_config(
    folder: Path,
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
        "settings": settings.model_dump(mode="json"),
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in LIBRARIES},
    }
    write_json(folder / "config.json", config)


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"


def write_log(folder: Path, symbol: str, steps: Sequence[Mapping[str, Any]], results: Sequence[FoldResult]) -> None:
    """Write how training went: durations, and what the search of each fold saw on its validation rows."""
    folds = [
        {
            "fold": each.fold.number,
            "candidate": each.choice.candidate,
            "threshold": each.choice.threshold,
            "validation_losses": list(each.choice.losses),
            "validation_rows": each.choice.validation_rows,
            "validation_trades": each.choice.validation_trades,
            "validation_net_bps": each.choice.validation_net * 1e4,
        }
        for each in results
    ]
    seconds = round(sum(step["seconds"] for step in steps), 4)
    log = {"schema": 1, "symbol": symbol, "seconds": seconds, "steps": list(steps), "folds": folds}
    write_json(folder / "training_log.json", log)


def complete_folder(folder: Path, metadata: Mapping[str, Any]) -> None:
    """Add ``metadata.json`` and, last of all, the checksums of everything."""
    write_json(folder / "metadata.json", dict(metadata))
    write_checksums(folder, ARTEFACTS)
