"""A reference beside a coin's rows: never a close that is not known yet."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from huracan.market.alignment import align_reference
from huracan.market.candles import Candles

HOUR = 3_600_000


def at(hours: list[int], close: list[float] | None = None) -> Candles:
    prices = np.array(close if close is not None else [float(hour + 1) for hour in hours])
    return Candles.from_columns(
        {"timestamp": np.array(hours) * HOUR, **dict.fromkeys(("open", "high", "low", "close", "volume"), prices)}
    )


def test_rows_of_the_same_hour_stand_side_by_side() -> None:
    assert align_reference(at([3, 4]), at([2, 3, 4, 5])).tolist() == [4.0, 5.0]


def test_a_gap_of_the_reference_repeats_its_last_known_close() -> None:
    assert align_reference(at([1, 2, 3, 4]), at([1, 4], [10.0, 40.0])).tolist() == [10.0, 10.0, 10.0, 40.0]


def test_rows_before_the_reference_begins_know_nothing() -> None:
    found = align_reference(at([1, 2, 3]), at([3], [30.0]))
    assert np.isnan(found[:2]).all()
    assert found[2] == 30.0


def test_a_reference_without_rows_gives_nan() -> None:
    found = align_reference(at([1, 2]), Candles.empty())
    assert found.shape == (2,)
    assert np.isnan(found).all()


def test_a_coin_without_rows_gives_none() -> None:
    assert align_reference(Candles.empty(), at([1, 2])).shape == (0,)


HOURS = st.lists(st.integers(0, 50), unique=True).map(sorted)


@given(HOURS, HOURS)
def test_each_row_has_the_newest_close_that_was_known(coin: list[int], reference: list[int]) -> None:
    found = align_reference(at(coin), at(reference))
    for hour, value in zip(coin, found, strict=True):
        known = [other for other in reference if other <= hour]
        assert value == known[-1] + 1 if known else np.isnan(value)


@given(HOURS, HOURS, st.integers(0, 50))
def test_a_later_reference_changes_nothing_before_it(coin: list[int], reference: list[int], cut: int) -> None:
    whole = align_reference(at(coin), at(reference))
    earlier = align_reference(at(coin), at([hour for hour in reference if hour < cut]))
    rows = np.array(coin) < cut
    np.testing.assert_array_equal(whole[rows], earlier[rows])
