"""Prints what a whole walk-forward costs: ``python tests/bench/bench_training.py [--tuned] [--freqai FOLDER]``.

The task: 12 coins, 365 days of hours, all features, five folds and the final model each, LightGBM with 200 trees of 31
leaves and 255 bins. Ours is the real command ``huracan run train``: processes, reading, features, folds, thresholds,
measures, artefacts. The floor makes the same fits and nothing else, in two processes of one thread, in the same run.
With ``--tuned`` our defaults (search and shared encoder included) do the same task, and the rank information
coefficients out of sample of both are compared. With ``--freqai`` FreqAI does it too, in an environment of its own that
is made in FOLDER where it is missing: 6 retrains a coin with the same trees on 61 features.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
from night import FIXED, TASK, fold_coefficients, model_folders, timed, workspace
from peer import freqai_seconds, interpreter


def floor_seconds(folders: list[Path], prefix: tuple[str, ...] = ()) -> float:
    """Return the wall seconds of the fits alone, split over two processes."""
    script = str(Path(__file__).with_name("floor.py"))
    halves = [folders[::2], folders[1::2]]
    processes = [
        subprocess.Popen(
            [*prefix, sys.executable, script, *map(str, half)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for half in halves
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return max(float((process.communicate()[0]).strip()) for process in processes)


def main() -> None:
    """Time all in one run and print ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tuned", action="store_true", help="our defaults as well, with the quality of both")
    parser.add_argument("--freqai", type=Path, metavar="FOLDER", help="FreqAI as well, from its environment in FOLDER")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    freqai = interpreter(arguments.freqai) if arguments.freqai else None
    tuned: list[float] = []
    peers: dict[str, list[float]] = {"its default threads": [], "one thread": []}
    with workspace(FIXED) as settings, workspace(TASK) as defaults:
        ours, floors = [], []
        for number in range(arguments.runs):
            ours.append(timed(settings, "train", "--force"))
            floors.append(floor_seconds(model_folders(settings)))
            ratio = ours[-1].wall / floors[-1]
            took = f"ours {ours[-1].wall:.1f} s wall, {ours[-1].cpu:.1f} s CPU; floor {floors[-1]:.1f} s"
            print(f"run {number + 1}: {took}; ratio {ratio:.2f}", flush=True)
            if arguments.tuned:
                tuned.append(timed(defaults, "train", "--force").wall)
                print(f"       tuned {tuned[-1]:.1f} s, {ours[-1].wall / tuned[-1]:.1f} times as fast", flush=True)
            for threads, (name, seconds) in zip((0, 1), peers.items() if freqai else (), strict=False):
                assert freqai is not None
                seconds.append(freqai_seconds(freqai, threads=threads))
                print(f"       FreqAI with {name} {seconds[-1]:.1f} s", flush=True)
        ratios = [each.wall / floor for each, floor in zip(ours, floors, strict=True)]
        print(f"whole walk-forward over the LightGBM floor: {np.median(ratios):.2f} (median of {len(ratios)})")
        if tuned:
            faster = float(np.median([same.wall / each for same, each in zip(ours, tuned, strict=True)]))
            print(f"our defaults are {faster:.1f} times as fast as the same trees")
            quality(settings, defaults)
        for name, seconds in peers.items():
            for what, mine in (("the same trees", [each.wall for each in ours]), ("our defaults", tuned)):
                if seconds and mine:
                    faster = float(np.median([peer / each for peer, each in zip(seconds, mine, strict=True)]))
                    print(f"{what}: {faster:.1f} times as fast as FreqAI with {name}")


def quality(settings: Path, defaults: Path) -> None:
    """Print the rank information coefficients of both and their paired difference with its standard error."""
    same, ours = fold_coefficients(settings), fold_coefficients(defaults)
    common = sorted(same.keys() & ours.keys())
    a, b = np.array([same[key] for key in common]), np.array([ours[key] for key in common])
    difference = b - a
    error = float(difference.std(ddof=1) / np.sqrt(len(difference)))
    folds = np.array([number for _, number in common])
    by_fold = np.array([difference[folds == number].mean() for number in np.unique(folds)])
    between = float(by_fold.std(ddof=1) / np.sqrt(len(by_fold)))
    print(f"rank IC, mean of {len(common)} coin-folds: 200 trees {a.mean():+.4f}, our defaults {b.mean():+.4f}; "
          f"difference {difference.mean():+.4f}, standard error {error:.4f} over coin-folds, "
          f"{between:.4f} over folds")  # fmt: skip


if __name__ == "__main__":
    main()
