"""Any exchange's way of paging leads to the same candles: those that it has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan.errors import DataError
from huracan_exchanges.ccxt_pages import walk, walk_rates

HOUR = 3_600_000
Row = tuple[float, ...]


@st.composite
def paging(draw: st.DrawFn) -> dict[str, object]:
    """Draw which hours have candles, and how pages are made."""
    hours = draw(st.integers(1, 300))
    keep = draw(st.lists(st.booleans(), min_size=hours, max_size=hours))
    return {
        "known": [hour for hour in range(hours) if keep[hour] or draw(st.integers(0, 3))],
        "since": draw(st.integers(0, hours)),
        "until": draw(st.integers(0, hours)),
        "limit": draw(st.integers(12, 60)),
        "windowed": draw(st.booleans()),
        "overlap": draw(st.integers(0, 3)),
        "cut": draw(st.floats(0.5, 1.0)),
        "backwards": draw(st.booleans()),
        "open_one": draw(st.booleans()),
    }


@given(paging())
def test_every_candle_of_the_span_comes_once_and_in_order(case: dict[str, object]) -> None:
    known: list[int] = case["known"]  # type: ignore[assignment]
    since, until, limit = int(str(case["since"])), int(str(case["until"])), int(str(case["limit"]))

    def fetch(start: int, rows: int) -> Sequence[Row]:
        first = start // HOUR
        wanted = [hour for hour in known if hour >= first - int(str(case["overlap"]))]
        if case["windowed"]:
            wanted = [hour for hour in wanted if hour < first + rows]
        most = max(4, int(rows * float(str(case["cut"]))))
        page = wanted[:most]
        if case["open_one"] and not case["windowed"] and len(page) < most:
            page.append(10_000)
        if case["backwards"]:
            page.reverse()
        return [(hour * HOUR, 1.0, 2.0, 0.5, hour + 1.0, 3.0) for hour in page]

    pages = list(walk(fetch, "AAA-USDT", "1h", since * HOUR, until * HOUR, limit))
    hours = [int(at) // HOUR for page in pages for at in page.timestamp]
    assert hours == [hour for hour in known if since <= hour < until]
    assert [close - 1 for page in pages for close in page.close] == hours


def test_rows_that_are_none_are_refused_and_empty_cells_are_left_to_the_checks() -> None:
    with pytest.raises(DataError, match="rows that are no candles"):
        list(walk(lambda *_: [("x", 1, 1, 1, 1, 1)], "AAA-USDT", "1h", 0, HOUR, 10))
    (page,) = walk(lambda *_: [(0, 1, None, 1, 1, 1), (None, 1, 1, 1, 1, 1)], "AAA-USDT", "1h", 0, HOUR, 10)
    assert len(page) == 1
    assert np.isnan(page.high[0])


@pytest.mark.parametrize("window", [90, 100, 500])
@pytest.mark.parametrize(("first", "gap"), [(2900, (0, 0)), (160, (0, 0)), (50, (0, 0)), (3500, (2800, 1900))])
def test_an_exchange_that_looks_at_less_than_it_was_asked_for_hides_nothing(
    window: int, first: int, gap: tuple[int, int]
) -> None:
    """As MEXC (500 bars of 1,000 asked) and Bitget (90 days of 200): a pair listed ``first`` hours ago, and a gap."""
    until = 10_000
    known = [hour for hour in range(until - first, until) if not until - gap[0] <= hour < until - gap[1]]

    def fetch(start: int, rows: int) -> Sequence[Row]:
        begin = start // HOUR
        page = [hour for hour in known if begin <= hour < begin + min(rows, window)]
        return [(hour * HOUR, 1.0, 2.0, 0.5, 1.0, 3.0) for hour in page]

    pages = walk(fetch, "AAA-USDT", "1h", (until - 3600) * HOUR, until * HOUR, 1000)
    assert [int(at) // HOUR for page in pages for at in page.timestamp] == known


def test_a_pair_that_traded_between_two_wide_looks_is_found() -> None:
    """MEXC looks at 500 bars of the 1,000 asked for; the last ask before the end is a short one."""
    until = 10_000
    known = list(range(until - 480, until - 21))

    def fetch(start: int, rows: int) -> Sequence[Row]:
        begin = start // HOUR
        return [(hour * HOUR, 1.0, 2.0, 0.5, 1.0, 3.0) for hour in known if begin <= hour < begin + min(rows, 500)]

    pages = walk(fetch, "AAA-USDT", "1h", (until - 1005) * HOUR, until * HOUR, 1000)
    assert [int(at) // HOUR for page in pages for at in page.timestamp] == known


@given(
    st.lists(st.integers(0, 300), max_size=250, unique=True),
    st.integers(0, 2400),
    st.integers(0, 2400),
    st.integers(20, 100),
    st.integers(5, 100),
    st.booleans(),
)
def test_every_rate_is_found_whatever_end_of_a_page_is_cut(
    hours: list[int], since: int, until: int, limit: int, page: int, newest_first: bool
) -> None:
    known = {8 * hour * HOUR: hour / 1e6 for hour in hours}

    def fetch(start: int, end: int) -> dict[int, float]:
        due = sorted(at for at in known if start < at < end)  # an exclusive bound
        return {at: known[at] for at in (due[-page:] if newest_first else due[:page])}

    found = walk_rates(fetch, since * HOUR, until * HOUR, limit)
    assert found == {at: rate for at, rate in known.items() if since * HOUR <= at < until * HOUR}


@pytest.mark.parametrize("most", [60, 100, 300])
def test_pages_that_keep_the_newest_of_a_window_lose_nothing(most: int) -> None:
    known = list(range(1000))

    def fetch(start: int, rows: int) -> Sequence[Row]:
        begin = start // HOUR
        page = [hour for hour in known if begin < hour <= begin + rows][-most:]
        return [(hour * HOUR, 1.0, 2.0, 0.5, 1.0, 3.0) for hour in page]

    pages = walk(fetch, "AAA-USDT", "1h", 0, 1000 * HOUR, 300)
    assert [int(at) // HOUR for page in pages for at in page.timestamp] == known
