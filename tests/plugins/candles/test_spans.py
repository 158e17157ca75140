"""Which spans are missing, and what asking for one adds: checked against sets of single hours."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from huracan_candles.cache import Spans, add_span, missing

points = st.integers(0, 30)
spans = st.lists(st.tuples(points, points), max_size=6)


def hours(parts: Spans) -> set[int]:
    return {hour for since, until in parts for hour in range(since, until)}


def built(parts: list[tuple[int, int]]) -> Spans:
    asked: Spans = ()
    for since, until in parts:
        asked = add_span(asked, since, until)
    return asked


@given(spans)
def test_spans_cover_what_was_added_sorted_and_apart(parts: list[tuple[int, int]]) -> None:
    asked = built(parts)
    assert hours(asked) == hours(tuple(parts))
    assert all(since < until for since, until in asked)
    assert all(before[1] < after[0] for before, after in pairwise(asked))


@given(spans, points, points)
def test_what_is_missing_is_what_was_not_asked_oldest_first(
    parts: list[tuple[int, int]], since: int, until: int
) -> None:
    asked = built(parts)
    found = missing(asked, since, until)
    assert hours(found) == set(range(since, until)) - hours(asked)
    assert list(found) == sorted(found)
    assert all(start < stop for start, stop in found)
