"""The LightGBM floor: data sets and trees only, one thread per process. Run by the benches, not by hand.

``python floor.py FOLDER...`` reads rows and folds from model folders, waits for a line on standard input, then makes
the same fits (each fold, and the final model) and prints the seconds that took.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import lightgbm
import numpy as np
import polars as pl
from night import SAME


def main(folders: list[str]) -> None:
    """Fit, and print the seconds."""
    coins = []
    for folder in map(Path, folders):
        frame = pl.read_parquet(folder / "features.parquet")
        x = np.ascontiguousarray(frame.drop("timestamp", "label", "weight").to_numpy())
        y, weight = frame["label"].to_numpy(), frame["weight"].to_numpy()
        labelled = int(np.isfinite(y).sum())
        splits = json.loads((folder / "split_indices.json").read_text())["folds"]
        fitted = [np.concatenate([np.arange(a, min(b, labelled)) for a, b in fold["train"]]) for fold in splits]
        coins.append((x, y, weight, [*fitted, np.arange(labelled)]))
    settings = {
        "objective": "binary", "num_leaves": SAME["leaves"], "learning_rate": SAME["learning_rate"],
        "max_bin": SAME["bins"], "min_data_in_leaf": SAME["rows_per_leaf"], "num_threads": 1, "verbosity": -1,
        "deterministic": True, "force_col_wise": True, "seed": 7,
    }  # fmt: skip
    print("ready", flush=True)
    sys.stdin.readline()
    begun = time.perf_counter()
    for x, y, weight, fits in coins:
        for rows in fits:
            lightgbm.train(
                settings, lightgbm.Dataset(x[rows], y[rows], weight=weight[rows], params=settings), int(SAME["trees"])
            )
    print(time.perf_counter() - begun, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
