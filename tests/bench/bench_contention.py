"""Prints how much slower a night's training is with a busy process on one of two cores.

``python tests/bench/bench_contention.py``: the 12-coin task of ``bench_training`` with nothing else running, then with
an endless loop that is bound to the first core, in turn; and the LightGBM floor alike.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from bench_training import floor_seconds
from night import FIXED, model_folders, timed, workspace

RUNS = 1


@contextmanager
def busy_core() -> Iterator[None]:
    """Keep the first usable core busy."""
    core = min(os.sched_getaffinity(0))
    program = f"import os\nos.sched_setaffinity(0, [{core}])\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        try:
            yield
        finally:
            process.kill()


def main() -> None:
    """Print the ratios."""
    ours, floors = [], []
    with workspace(FIXED) as settings:
        for _ in range(RUNS):
            calm, calm_floor = timed(settings, "train", "--force").wall, floor_seconds(model_folders(settings))
            with busy_core():
                busy, busy_floor = timed(settings, "train", "--force").wall, floor_seconds(model_folders(settings))
            ours.append(busy / calm)
            floors.append(busy_floor / calm_floor)
            print(
                f"ours {calm:.1f} s -> {busy:.1f} s; LightGBM alone {calm_floor:.1f} s -> {busy_floor:.1f} s",
                flush=True,
            )
    print(f"slower with a busy core: ours {np.median(ours):.2f}x, LightGBM in two processes {np.median(floors):.2f}x")


if __name__ == "__main__":
    main()
