"""Prints what ``huracan --help`` costs in user CPU beside a bare interpreter: ``python tests/bench/bench_cli.py``."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys

RUNS = 15
CASES = {
    "python -c pass": ["-c", "pass"],
    "huracan --version": ["-m", "huracan", "--version"],
    "huracan --help": ["-m", "huracan", "--help"],
    "huracan settings sample": ["-m", "huracan", "settings", "sample"],
    "huracan plugins": ["-m", "huracan", "plugins"],
}


def user_seconds(arguments: list[str]) -> float:
    """Return the user CPU seconds that one run takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def main() -> None:
    """Print median and fastest of several runs."""
    for name, arguments in CASES.items():
        seconds = [user_seconds(arguments) for _ in range(RUNS)]
        print(f"{name:<26} median {statistics.median(seconds):.3f} s   fastest {min(seconds):.3f} s   of {RUNS} runs")


if __name__ == "__main__":
    main()
