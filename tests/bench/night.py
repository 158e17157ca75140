"""What the benches of training share: a workspace with candles, and timing the real command on it."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

AS_OF = "2023-12-30"
COINS = ("BTC", "ETH", "ADA", "BCH", "DOGE", "ETC", "LINK", "LTC", "XRP", "TRX", "RUNE", "FIL")
SAME = {
    "trees": 200, "leaves": 31, "bins": 255, "learning_rate": 0.05, "rows_per_leaf": 20, "l2": 0.0, "leaf_share": 0.0,
    "linear_l2": 0.0, "bin_rows": 200_000, "column_share": 1.0, "row_share": 1.0, "random_splits": False,
}  # fmt: skip
"""The parameters of the task that peers are timed on."""

TASK = {"folds": 5, "test_share": 0.6}
"""Its folds, with our defaults for everything else."""

FIXED = {"parameters": SAME, "search": {"trials": 1}, "encoder": {"use": "off"}, **TASK}
"""Five folds and the final model: six retrains. The first fold's threshold costs a small fit more."""


@dataclass(frozen=True)
class Timed:
    """Wall and CPU seconds of a command with all its children."""

    wall: float
    cpu: float


def candle_folder() -> Path | None:
    """Return real candles where this machine has them."""
    folder = Path(os.environ.get("HURACAN_DATA", Path(__file__).parents[3] / "shared" / "data")) / "crypto_1h"
    return folder if folder.is_dir() else None


@contextmanager
def workspace(training: Mapping[str, Any], *, coins: int = 12, days: int = 365) -> Iterator[Path]:
    """Prepare universe and candles, and yield the settings file; real candles, or else the simulated exchange."""
    with tempfile.TemporaryDirectory(prefix="huracan-bench-") as name:
        folder, candles = Path(name), candle_folder()
        exchange: dict[str, Any] = {"name": "simulated", "start": "2022-06-01", "coins": 60}
        include: list[str] = []
        if candles is not None and coins == len(COINS):
            (folder / "candles").mkdir()
            include = [f"{coin}-USDT" for coin in COINS]
            for symbol in include:
                shutil.copy(candles / f"{symbol}.parquet", folder / "candles")
            exchange = {"name": "files", "path": str(folder / "candles")}
        elif coins > 20:
            exchange["coins"] = coins + 40
        settings = folder / "settings.yaml"
        universe = {"top": coins, "min_age_days": 300 if coins > 20 else 30, "min_quote_volume_24h": 0}
        document = {
            "workspace": str(folder / "work"), "exchange": exchange, "universe": universe,
            "candles": {"days": days}, "training": dict(training),
        }  # fmt: skip
        settings.write_text(json.dumps(document))
        for job in ("universe", "candles"):
            timed(settings, job)
        yield settings


def timed(settings: Path, job: str, *more: str, prefix: tuple[str, ...] = ()) -> Timed:
    """Run one job by the real command and return how long it took, everything included."""
    command = [*prefix, sys.executable, "-m", "huracan", "-c", str(settings), "run", job, "--as-of", AS_OF, *more]
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if ended.returncode != 0:
        raise SystemExit(
            f"{' '.join(command)} ended with {ended.returncode}:\n{ended.stderr[-2000:]}{ended.stdout[-500:]}"
        )
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Timed(wall, cpu)


def model_folders(settings: Path) -> list[Path]:
    """Return the newest model folder of each coin."""
    work = Path(json.loads(settings.read_text())["workspace"])
    return [max(folder.iterdir()) for folder in sorted(work.glob("models/*"))]


def fold_coefficients(settings: Path) -> dict[tuple[str, int], float]:
    """Return the out-of-sample rank information coefficient by coin and fold."""
    found = {}
    for folder in model_folders(settings):
        for fold in json.loads((folder / "metrics.json").read_text())["folds"]:
            found[folder.parent.name, fold["fold"]] = fold["information_coefficient"] or 0.0
    return found
