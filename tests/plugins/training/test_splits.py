from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan_training.errors import TooFewRowsError
from huracan_training.outcomes import forward_returns
from huracan_training.splits import Fold, inner_split, walk_forward

RULES = st.fixed_dictionaries(
    {
        "folds": st.integers(2, 8),
        "test_share": st.floats(0.1, 0.9),
        "horizon": st.integers(1, 24),
        "embargo": st.integers(0, 30),
        "min_train": st.integers(20, 400),
    }
)


def split_or_none(rows: int, rules: dict[str, float]) -> list[Fold]:
    try:
        return walk_forward(rows, **rules)  # type: ignore[arg-type]
    except TooFewRowsError:
        return []


@given(rows=st.integers(50, 4000), rules=RULES)
def test_no_label_of_a_training_row_reads_a_price_of_the_test_fold(rows: int, rules: dict[str, float]) -> None:
    """Shown by the labels themselves: other prices from the first test row on change no training row's label."""
    opens = np.linspace(1.0, 2.0, rows)
    for fold in split_or_none(rows, rules):
        changed = opens.copy()
        changed[fold.start :] *= 7.0
        horizon = int(rules["horizon"])
        before, after = forward_returns(opens, horizon), forward_returns(changed, horizon)
        assert np.array_equal(before[fold.train], after[fold.train])
        assert not np.isnan(before[fold.train]).any()


@given(rows=st.integers(50, 4000), rules=RULES)
def test_every_row_is_tested_at_most_once_and_the_last_row_is_tested(rows: int, rules: dict[str, float]) -> None:
    folds = split_or_none(rows, rules)
    tested = np.zeros(rows, dtype=int)
    for fold in folds:
        tested[fold.start : fold.stop] += 1
    assert tested.max() <= 1
    if folds:
        assert len(folds) == rules["folds"]
        assert tested[-1] == 1
        assert max(f.test_rows for f in folds) - min(f.test_rows for f in folds) <= 1


@given(rows=st.integers(50, 4000), rules=RULES)
def test_the_rows_of_an_embargo_are_neither_tested_nor_trained_on(rows: int, rules: dict[str, float]) -> None:
    folds = split_or_none(rows, rules)
    for fold in folds[:-1]:
        embargo = set(range(fold.stop, fold.stop + int(rules["embargo"])))
        for later in folds[fold.number :]:
            assert not embargo & set(later.train.tolist())
            assert not embargo & set(range(later.start, later.stop))


@given(rows=st.integers(50, 4000), rules=RULES)
def test_training_grows_and_never_reaches_into_the_future(rows: int, rules: dict[str, float]) -> None:
    folds = split_or_none(rows, rules)
    sizes = [len(fold.train) for fold in folds]
    assert sizes == sorted(sizes)
    for fold in folds:
        assert len(fold.train) >= rules["min_train"]
        assert fold.train[-1] < fold.start - rules["horizon"] - 1
    if folds:
        assert folds[0].train[-1] == folds[0].start - rules["horizon"] - 2, "no more is purged than must be"


@given(length=st.integers(2, 2000), share=st.floats(0.05, 0.95), horizon=st.integers(1, 24))
def test_the_split_inside_a_fold_is_purged_alike(length: int, share: float, horizon: int) -> None:
    train = np.arange(length)
    try:
        rows, start, stop = inner_split(train, share, horizon)
    except TooFewRowsError:
        return
    assert rows[-1] + horizon + 1 < start < stop == length


def test_a_history_that_is_too_short_says_so() -> None:
    with pytest.raises(TooFewRowsError, match="400 rows are too few for 5 folds"):
        walk_forward(400, folds=5, test_share=0.6, horizon=8, embargo=8, min_train=340)


@given(rows=st.integers(600, 4000), rules=RULES, train_bars=st.integers(50, 500))
def test_a_rolling_window_holds_the_latest_rows_of_the_expanding_one(
    rows: int, rules: dict[str, float], train_bars: int
) -> None:
    expanding = split_or_none(rows, rules)
    rolling = split_or_none(rows, {**rules, "train_bars": train_bars})
    assert len(rolling) == len(expanding)
    for wide, narrow in zip(expanding, rolling, strict=True):
        assert (narrow.start, narrow.stop) == (wide.start, wide.stop)
        assert len(narrow.train) == min(train_bars, len(wide.train))
        np.testing.assert_array_equal(narrow.train, wide.train[-train_bars:])
