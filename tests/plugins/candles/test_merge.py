"""Merging pages, checked against a dictionary: the newest word on a time wins, and nothing else changes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from huracan.market.candles import Candles
from huracan_candles.cache import Cached, add_span, is_hole, merge, missing

HOUR = 3_600_000

rows = st.dictionaries(st.integers(0, 40), st.floats(1.0, 9.0), max_size=25)


def candles(prices: dict[int, float]) -> Candles:
    times, close = np.array(sorted(prices), dtype=np.int64), np.array([prices[hour] for hour in sorted(prices)])
    columns = dict.fromkeys(("open", "high", "low", "close", "volume"), close)
    return Candles.from_columns({"timestamp": times * HOUR, **columns})


def prices(series: Candles) -> dict[int, float]:
    return {int(time) // HOUR: float(close) for time, close in zip(series.timestamp, series.close, strict=True)}


@given(rows, rows)
def test_the_page_wins_and_every_other_candle_stays(known: dict[int, float], page: dict[int, float]) -> None:
    merged, changed = merge(Cached(candles(known), ()), candles(page), 0, 41 * HOUR, "1h")
    assert prices(merged.candles) == known | page
    assert np.all(np.diff(merged.candles.timestamp) > 0)
    assert changed == sum(known[hour] != page[hour] for hour in known.keys() & page.keys())


@given(rows, st.integers(0, 40), st.integers(1, 41))
def test_what_follows_the_last_candle_of_a_page_is_not_answered(
    page: dict[int, float], since: int, length: int
) -> None:
    until = min(41, since + length)
    wanted = {hour: price for hour, price in page.items() if since <= hour < until}
    merged, _ = merge(Cached(Candles.empty(), ()), candles(wanted), since * HOUR, until * HOUR, "1h")
    answered = max(wanted) + 1 if wanted else since
    assert missing(merged.asked, since * HOUR, until * HOUR) == (
        ((answered * HOUR, until * HOUR),) if answered < until else ()
    )


@given(rows, st.lists(st.integers(1, 41), min_size=1, max_size=5), st.integers(1, 7))
def test_windows_that_grow_and_shrink_end_with_what_the_exchange_has(
    series: dict[int, float], lengths: list[int], size: int
) -> None:
    cached = Cached(Candles.empty(), ())
    for length in lengths:
        for since, until in missing(cached.asked, (41 - length) * HOUR, 41 * HOUR):
            wanted = sorted(hour for hour in series if since <= hour * HOUR < until)
            for start in range(0, len(wanted), size):
                page = candles({hour: series[hour] for hour in wanted[start : start + size]})
                cached, changed = merge(cached, page, since, until, "1h")
                assert changed == 0
            if not wanted and is_hole(cached, until):
                cached = Cached(cached.candles, add_span(cached.asked, since, until))
    assert prices(cached.candles) == {hour: price for hour, price in series.items() if hour >= 41 - max(lengths)}
