"""What a backup costs beside restic on the same tree: the first one, an unchanged one, one after a night, a restore.

    python tests/bench/bench_backup.py [--models 200] [--rows 20000]

Both encrypt and compress, and write to a folder of the same disk; each figure is one whole process, start included
(seconds, in brackets those of the processor), and
ours opens again what it has written, which restic does not. restic must be installed (apt-get install restic).
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import yaml

from huracan.store import Store
from huracan.types import Event, Severity
from huracan_backup.keys import new_identity


def model_text(chance: random.Random, trees: int = 150) -> str:
    """Return text like that of a LightGBM model, which compresses about as well."""
    lines = []
    for number in range(trees):
        lines.append(f"Tree={number}\nnum_leaves=31")
        for name in ("split_gain", "threshold", "leaf_value"):
            lines.append(f"{name}=" + " ".join(f"{chance.gauss(0, 1):.17g}" for _ in range(31)))
    return "\n".join(lines)


def add_night(work: Path, number: int, coins: int) -> None:
    """Write what a night leaves: a model and its features for each coin, and a run."""
    chance = random.Random(number)
    stamp = f"2026{1 + number // 28:02d}{1 + number % 28:02d}"
    for coin in range(coins):
        folder = work / "models" / f"C{coin:02d}-USDT" / f"{stamp}_020000Z"
        folder.mkdir(parents=True)
        (folder / "model.bin").write_text(model_text(chance))
        (folder / "features.parquet").write_bytes(chance.randbytes(150_000))
        (folder / "metrics.json").write_text(f'{{"sharpe": {chance.random():f}}}')
    run = work / "runs" / f"{stamp}Z"
    run.mkdir(parents=True)
    (run / "status.json").write_text(f'{{"run": "{stamp}"}}' * 500)


def fill_store(work: Path, rows: int) -> None:
    with Store.open(f"sqlite:///{work / 'huracan.db'}", work / "state") as store:
        for number in range(rows):
            store.events.add(Event("bench", Severity.INFO, f"event {number}", datetime.now(UTC), {"n": number}))


def timed(command: Sequence[str | Path], environment: dict[str, str]) -> tuple[float, float]:
    """Run a program and return its seconds and those of the processor."""
    os.sync()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}")
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=200)
    parser.add_argument("--rows", type=int, default=2000)
    arguments = parser.parse_args()
    if shutil.which("restic") is None:
        sys.exit("restic is not installed: apt-get install restic")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        bench(Path(folder), arguments.models, arguments.rows)


def bench(root: Path, models: int, rows: int) -> None:
    work, ours, theirs = root / "work", root / "ours", root / "theirs"
    coins = 20
    for night in range(models // coins):
        add_night(work, night, coins)
    fill_store(work, rows)
    settings = root / "settings.yaml"
    settings.write_text(
        yaml.safe_dump({
            "workspace": str(work), "plugins": {"only": ["backup"]},
            "backup": {"folder": str(ours), "models": "all", "identity": new_identity()[0]},
        })
    )  # fmt: skip
    environment = {**os.environ, "RESTIC_REPOSITORY": str(theirs), "RESTIC_PASSWORD": "bench", "HOME": str(root)}
    subprocess.run(["restic", "init", "--repository-version", "2"], env=environment, check=True, capture_output=True)
    huracan: list[str | Path] = [sys.executable, "-m", "huracan", "-c", settings, "backup"]
    restic: list[str | Path] = ["restic", "--cache-dir", root / "cache"]
    trees = [work / name for name in ("models", "runs", "huracan.db")]
    print(f"{size_of(work) / 1e6:,.0f} MB in {sum(1 for path in work.rglob('*') if path.is_file()):,} files\n")
    print(f"{'':22}{'huracan':>18}{'restic':>18}{'ratio':>8}{'of CPU':>8}")
    show("huracan alone", timed([*huracan, "key"], environment), None)
    for what in ("first backup", "unchanged backup", "unchanged again", "after a night"):
        if what == "after a night":
            add_night(work, 99, coins)
        show(what, timed([*huracan, "create", "--here"], environment), timed([*restic, "backup", *trees], environment))
    print(f"{'size as stored, MB':22}{size_of(ours) / 1e6:>18.1f}{size_of(theirs) / 1e6:>18.1f}")
    restored = timed([*huracan, "restore", "--to", root / "back"], environment)
    show("restore", restored, timed([*restic, "restore", "latest", "--target", root / "back2"], environment))
    verified = timed([*huracan, "verify"], environment)
    show("read and verify all", verified, timed([*restic, "check", "--read-data"], environment))


def show(what: str, ours: tuple[float, float], theirs: tuple[float, float] | None) -> None:
    line = f"{what:22}{ours[0]:>7.2f} s ({ours[1]:.2f} s)"
    if theirs is not None:
        line += f"{theirs[0]:>7.2f} s ({theirs[1]:.2f} s){ours[0] / theirs[0]:>7.2f}x{ours[1] / theirs[1]:>7.2f}x"
    print(line, flush=True)


if __name__ == "__main__":
    main()
