"""Walk-forward splits: train on the past, test on what follows, with purge before and embargo after each test fold.

After Lopez de Prado, Advances in Financial Machine Learning (2018), chapter 7: a label that looks ``horizon`` rows
ahead makes the rows before a test fold know part of it (purge), and rows right after it carry its memory (embargo).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from huracan_training.errors import TooFewRowsError

__all__ = ["Fold", "inner_split", "label_reach", "walk_forward"]


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """One test fold: rows ``start <= row < stop`` are tested by a model of the rows ``train`` (sorted indices)."""

    number: int
    train: np.ndarray
    start: int
    stop: int

    @property
    def test_rows(self) -> int:
        return self.stop - self.start


def label_reach(horizon: int) -> int:
    """Return how many rows after its own a label reads: entry at the next bar's open, exit ``horizon`` bars later."""
    return horizon + 1


def walk_forward(
    rows: int,
    *,
    folds: int,
    test_share: float,
    horizon: int,
    embargo: int,
    min_train: int,
    train_bars: int | None = None,
) -> list[Fold]:
    """Split ``rows`` rows into a training window and ``folds`` consecutive test folds, the last at the end.

    The window expands from the first row, or rolls where ``train_bars`` says how many of the latest rows it holds.
    Training rows of a fold end ``horizon + 1`` rows before it, so that no label reads a tested row; the ``embargo``
    rows after each test fold are neither tested nor trained on later. Raises TooFewRowsError where the rows do not
    allow ``min_train`` training rows and a trade in each fold.
    """
    reach = label_reach(horizon)
    first = max(rows - int(rows * test_share), min_train + reach)
    sizes, rest = divmod(rows - first - (folds - 1) * embargo, folds)
    if sizes <= reach:
        raise TooFewRowsError(
            f"{rows} rows are too few for {folds} folds after {min_train} training rows with a horizon of {horizon}"
        )
    trainable = np.ones(rows, dtype=bool)
    result, start = [], first
    for number in range(1, folds + 1):
        stop = start + sizes + (1 if number <= rest else 0)
        train = np.flatnonzero(trainable[: start - reach])
        if train_bars is not None:
            train = train[-train_bars:]
        result.append(Fold(number, train, start, stop))
        trainable[stop : stop + embargo] = False
        start = stop + embargo
    return result


def inner_split(train: np.ndarray, share: float, horizon: int) -> tuple[np.ndarray, int, int]:
    """Split training rows in time: (rows to fit on, first validation row, row after the last one), purged alike.

    Raises TooFewRowsError where either side would be empty.
    """
    cut = len(train) - int(len(train) * share)
    if cut >= len(train):
        raise TooFewRowsError(f"{len(train)} training rows leave none to validate on")
    start = int(train[cut])
    fit = train[train < start - label_reach(horizon)]
    if len(fit) == 0:
        raise TooFewRowsError(f"{len(train)} training rows leave none to fit on before the purge")
    return fit, start, int(train[-1]) + 1
