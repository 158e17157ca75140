"""Prints how much slower a night's training is with a busy process on one of two cores.

``python tests/bench/bench_contention.py [--freqai FOLDER]``: the 12-coin task of ``bench_training`` with nothing else
running, then with an endless loop that is bound to the first core, in turn; our defaults, the LightGBM floor and FreqAI
alike.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench_training import floor_seconds
from night import FIXED, TASK, model_folders, timed, workspace
from peer import freqai_seconds, interpreter


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
    parser = argparse.ArgumentParser()
    parser.add_argument("--freqai", type=Path, metavar="FOLDER", help="FreqAI as well, from its environment in FOLDER")
    arguments = parser.parse_args()
    with workspace(FIXED) as settings, workspace(TASK) as defaults:
        works: dict[str, Callable[[], float]] = {
            "ours, the same trees": lambda: timed(settings, "train", "--force").wall,
            "ours, our defaults": lambda: timed(defaults, "train", "--force").wall,
            "LightGBM in two processes": lambda: floor_seconds(model_folders(settings)),
        }
        if arguments.freqai:
            python = interpreter(arguments.freqai)
            works["FreqAI"] = lambda: freqai_seconds(python)
        for name, work in works.items():
            calm = work()
            with busy_core():
                busy = work()
            print(f"{name}: {calm:.1f} s -> {busy:.1f} s with a busy core, {busy / calm:.2f} x", flush=True)


if __name__ == "__main__":
    main()
