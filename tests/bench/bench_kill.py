"""Prints what ``huracan kill`` costs beside a bare interpreter: ``python tests/bench/bench_kill.py``."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from huracan.trading import TRADING_FILE, Breaker, Mode, kill, publish

RUNS = 15
REST = 1.0
"""Seconds between two runs: the process that tells the store of a kill works on after it, on the same cores."""


def once(arguments: list[str], written: Path | None = None) -> tuple[float, float, float]:
    """Return three numbers of seconds: wall until the end, wall until the file is written, CPU until the end.

    On a busy machine only the last says much. When the file was written its own time says, to a tick of the kernel.
    """
    time.sleep(REST)
    before, since, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.time(), time.perf_counter()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    until = wall if written is None else written.stat().st_mtime - since
    return wall, until, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def writes(state: Path) -> list[float]:
    """Return the seconds of kills in this process, with files and folder flushed to disk."""
    seconds = []
    now = datetime.now(UTC)
    publish(state, [Breaker("streak", False, Mode.REDUCED, 0.5, "")], now, now + timedelta(minutes=2))
    for number in range(50):
        begun = time.perf_counter()
        kill(state, str(number), "bench", now)
        seconds.append(time.perf_counter() - begun)
    return seconds


def main() -> None:
    """Print medians, the fastest, and how often a bare interpreter fits in."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "work" / "state").mkdir(parents=True)
        file = Path(folder) / "settings.yaml"
        file.write_text("workspace: ./work\nexchange: {name: simulated}\n", "utf-8")
        # The script of the installation, as it is typed.
        command = [str(Path(sys.executable).with_name("huracan")), "-c", str(file), "kill", "bench"]
        trading = Path(folder) / "work" / "state" / TRADING_FILE
        found = {
            "python -c pass": [once(["-c", "pass"]) for _ in range(RUNS)],
            "huracan kill": [once(command, trading) for _ in range(RUNS)],
        }
        alone = writes(Path(folder) / "work" / "state")
        time.sleep(REST)
    for name, seconds in found.items():
        wall, _, work = zip(*seconds, strict=True)
        print(f"{name:<16} wall {_shown(wall)}   CPU {_shown(work)}   of {RUNS} runs")
    print(f"{'... written':<16} wall {_shown([until for _, until, _ in found['huracan kill']])}")
    print(f"{'its write alone':<16} wall {_shown(alone)}   of {len(alone)} kills")
    bare, whole = (statistics.median(work for *_, work in each) for each in found.values())
    print(f"{'ratio':<16} {whole / bare:.1f} bare interpreters, by CPU")


def _shown(seconds: Sequence[float]) -> str:
    return f"median {statistics.median(seconds) * 1000:6.1f} ms, fastest {min(seconds) * 1000:6.1f} ms"


if __name__ == "__main__":
    main()
