"""Makes the shared encoder of a night from the moments that workers hand in, and keeps it under ``meta``."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from huracan.context import Context
from huracan.errors import DataError
from huracan.paths import read_json, sha256_of, verify_checksums, write_bytes, write_checksums, write_json
from huracan_training.artefacts import iso
from huracan_training.coin import CoinTask
from huracan_training.dataset import recipe
from huracan_training.encoder import cutoffs_of_night, dump_encoder, fit_encoder, read_arrays
from huracan_training.pool import Ended, Pool, Stepped
from huracan_training.settings import TrainingSettings

__all__ = ["SharedEncoder", "shared_encoder"]


@dataclass(frozen=True, slots=True)
class SharedEncoder:
    """The file of tonight's encoder, and the cutoffs (ms) that it is fitted up to."""

    file: Path
    cutoffs: tuple[int, ...]


def shared_encoder(context: Context, tasks: Sequence[CoinTask], pool: Pool) -> SharedEncoder | None:
    """Return tonight's encoder, made of all coins in ``tasks``; None where no coin has enough rows.

    One that is there already is taken where it was made of the same files in the same way. A coin whose candles cannot
    be used has no say in it, and hears of it when it is trained.
    """
    settings = context.settings.section(TrainingSettings)
    cutoffs = _cutoffs(tasks, settings)
    folder = context.paths.meta / "encoder" / f"{context.clock.now():%Y%m%d_%H%M%SZ}"
    made_of = _made_of(context, tasks, settings, cutoffs)
    file = folder / "encoder.npy"
    if _is_there(folder, made_of):
        return SharedEncoder(file, cutoffs)
    scratch = context.paths.state / "moments"
    shutil.rmtree(scratch, ignore_errors=True)
    by_coin = _collect(context, tasks, cutoffs, scratch, pool)
    if not by_coin:
        return None
    encoder = fit_encoder(by_coin, cutoffs, settings.encoder.components)
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    write_bytes(file, dump_encoder(encoder))
    about = {"schema": 1, "made_of": made_of, "coins": sorted(by_coin), "explained": encoder.explained.tolist()}
    write_json(folder / "encoder.json", about)
    write_checksums(folder, ["encoder.json", "encoder.npy"])
    return SharedEncoder(file, cutoffs)


def _cutoffs(tasks: Sequence[CoinTask], settings: TrainingSettings) -> tuple[int, ...]:
    first = min(task.source.usable_since for task in tasks)
    return cutoffs_of_night(
        first, tasks[0].as_of_ms, folds=settings.folds, test_share=settings.test_share,
        inner_share=settings.search.inner_share,
    )  # fmt: skip


def _made_of(
    context: Context, tasks: Sequence[CoinTask], settings: TrainingSettings, cutoffs: Sequence[int]
) -> dict[str, Any]:
    """Say what the encoder depends on; equal values mean equal bytes."""
    files = {task.source.file for task in tasks} | {each.file for task in tasks for each in task.references.values()}
    features = recipe(context.plugins.features().values(), settings.horizon_bars, settings.label)
    return {
        "features": features["sets"],
        "components": settings.encoder.components,
        "cutoffs": [iso(each) for each in cutoffs],
        "usable_since": {task.symbol: iso(task.source.usable_since) for task in tasks},
        "candles": {Path(file).name: sha256_of(Path(file)) for file in sorted(files) if Path(file).is_file()},
    }


def _is_there(folder: Path, made_of: Mapping[str, Any]) -> bool:
    try:
        verify_checksums(folder)
    except (DataError, OSError):
        return False
    return (read_json(folder / "encoder.json") or {}).get("made_of") == made_of


@dataclass(frozen=True, slots=True)
class _Moments(Mapping[str, np.ndarray]):
    """The moments of each coin, a mebibyte or so, read when they are asked for."""

    files: Mapping[str, Path]

    def __getitem__(self, symbol: str) -> np.ndarray:
        return read_arrays(self.files[symbol].read_bytes(), "moments")["moments"]

    def __iter__(self) -> Iterator[str]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)


def _collect(
    context: Context, tasks: Iterable[CoinTask], cutoffs: tuple[int, ...], scratch: Path, pool: Pool
) -> _Moments:
    asked = [replace(task, work="moments", cutoffs=cutoffs, folder=str(scratch), encoder="") for task in tasks]
    done = 0
    for happened in pool.run([(task.symbol, task.to_json()) for task in asked]):
        if isinstance(happened, Stepped):
            done += 1
            context.progress.step(f"train encoder {done}/{len(asked)} {happened.key}", item=happened.key)
        elif isinstance(happened, Ended) and happened.final and happened.answer is None:
            context.log.warning("%s has no say in the encoder: %s", happened.key, happened.error)
    files = {task.symbol: scratch / f"{task.symbol}.moments" for task in asked}
    return _Moments({symbol: file for symbol, file in files.items() if file.is_file()})
