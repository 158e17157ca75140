"""Prints seconds per coin and peak memory for nights of 20, 100 and 400 simulated coins.

``python tests/bench/bench_scale.py [COINS...]``: 120 days of hours each, our defaults, job ``train`` alone. Memory is
the sum of the proportional shares (PSS) of all processes of the night, sampled five times a second.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time

import psutil
from night import AS_OF, workspace

MIB = 2**20


def peak_memory(process: subprocess.Popen[bytes], stop: threading.Event, found: list[int]) -> None:
    """Sample the family of a process until told to stop."""
    while not stop.wait(0.2):
        total = 0
        with contextlib.suppress(psutil.Error):
            family = psutil.Process(process.pid)
            for each in [family, *family.children(recursive=True)]:
                with contextlib.suppress(psutil.Error):
                    total += each.memory_full_info().pss
        found.append(total)


def main() -> None:
    """Print a line for each size, and how it compares with the first."""
    first: tuple[float, float] | None = None
    for coins in [int(word) for word in sys.argv[1:]] or [20, 100, 400]:
        with workspace({}, coins=coins, days=120) as settings:
            command = [sys.executable, "-m", "huracan", "-c", str(settings), "run", "train", "--as-of", AS_OF]
            found: list[int] = []
            stop = threading.Event()
            begun = time.perf_counter()
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            watcher = threading.Thread(target=peak_memory, args=(process, stop, found))
            watcher.start()
            code = process.wait()
            wall = time.perf_counter() - begun
            stop.set()
            watcher.join()
        each, peak = wall / coins, max(found) / MIB
        first = first or (each, peak)
        print(f"{coins:4} coins: {wall:6.1f} s, {each:.3f} s a coin ({each / first[0]:.2f} of the first), peak "
              f"{peak:.0f} MiB ({peak / first[1]:.2f}), exit {code}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
