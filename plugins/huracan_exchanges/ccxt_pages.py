"""Walks through the history of a pair page by page, whatever an exchange's paging is like.

Exchanges differ: ``since`` may be exclusive, a page may be a window of time (empty where a coin did not exist yet) or
so many rows from ``since`` on, cut short, overlap the one before, end with a candle that is still open, or hold the
latest rows whatever was asked. So a walk goes on by time: each page moves it behind its last candle, an empty one by
its length in time; what lies before the walk is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from huracan.errors import DataError
from huracan.market.candles import COLUMNS, Candles
from huracan.market.timeframes import timeframe_ms

__all__ = ["FetchPage", "FetchRates", "walk", "walk_rates"]

FetchPage = Callable[[int, int], Sequence[Sequence[Any]]]
"""Asks for rows from an open time (ms) on, so many at most: (timestamp, open, high, low, close, volume)."""

SPARE_ROWS = 10
"""What is asked for beyond the need: a row behind the end says that nothing before it is missing, and some exchanges
begin a page with rows of the page before, which ccxt then leaves out."""

SHORTEST_WINDOW = 90
"""Bars that every exchange looks through for one page, whatever it was asked for."""

FUNDING_MS = 8 * 3_600_000

MOST_SILENT_WINDOWS, FEW_SILENT_WINDOWS = 12, 2
"""Windows of silence after which nothing is expected before them; few where a page came at once."""

FetchRates = Callable[[int, int], Mapping[int, float]]
"""Asks for the funding rates of a window of time (ms, the end excluded), by instant; may hand out a part of them."""

MOST_TINY_PAGES = 20
TINY_ROWS = 3


def walk(
    fetch: FetchPage, symbol: str, timeframe: str, since: int, until: int, limit: int, *, whole: bool = True
) -> Iterator[Candles]:
    """Yield pages of candles of ``since <= open time < until`` (ms), each later than the one before.

    Where not the ``whole`` history is needed, nobody looks whether a page lacks its beginning.

    Raises DataError where rows are none, or the exchange hands out a history by crumbs.
    """
    length, tiny = timeframe_ms(timeframe), 0
    cursor = known = since  # known: all that lies before it was seen
    wide = False  # an empty page since then was of more bars than every exchange looks through
    while cursor < until:
        asked = min(limit, (until - cursor + length - 1) // length + SPARE_ROWS)
        rows = _rows(fetch(cursor, asked), symbol)
        page = rows.take((rows.timestamp >= cursor) & (rows.timestamp < until))
        before = cursor
        if len(page) == 0:
            cursor += asked * length
            wide = wide or asked > SHORTEST_WINDOW
            if cursor >= until and wide:
                yield from _backwards(fetch, symbol, length, known, until)
            continue
        if known < cursor:
            yield from _backwards(fetch, symbol, length, known, int(page.timestamp[0]))
        elif whole and _is_cut(page, cursor, asked * length, until, length):
            yield from _backwards(fetch, symbol, length, known, int(page.timestamp[0]), FEW_SILENT_WINDOWS)
        yield page
        if (rows.timestamp >= until).any():
            return
        cursor = known = int(page.timestamp[-1]) + length
        wide = False
        crumbs = len(page) < min(TINY_ROWS, asked - 1) and cursor - before < asked * length / 10
        tiny = tiny + 1 if crumbs else 0
        if tiny > MOST_TINY_PAGES:
            raise DataError(
                symbol, f"the exchange answers with {len(page)} candles a page where {asked} were asked for"
            )


def _is_cut(page: Candles, cursor: int, span: int, until: int, length: int) -> bool:
    """Say whether a page may lack its beginning: the bound was exclusive, or the newest rows of a window were kept.

    An exchange that goes on with whatever comes next reaches behind the window where its first rows do not exist.
    """
    first, last = int(page.timestamp[0]), int(page.timestamp[-1])
    if first == cursor:
        return False
    return first == cursor + length or min(cursor + span, until) - 3 * length <= last <= cursor + span


def _backwards(
    fetch: FetchPage, symbol: str, length: int, since: int, until: int, most_silent: int = MOST_SILENT_WINDOWS
) -> list[Candles]:
    """Return what lies right before ``until`` and was passed over, oldest first.

    An empty page says nothing about how much time the exchange looked at: some look at less than they were asked for.
    """
    found: list[Candles] = []
    silent = 0
    while until > since and silent < most_silent:
        # From one bar before, for those whose bound is exclusive.
        start = max(since, until - (SHORTEST_WINDOW - 1) * length)
        rows = _rows(fetch(start - length, (until - start) // length + SPARE_ROWS), symbol)
        page = rows.take((rows.timestamp >= start) & (rows.timestamp < until))
        silent = 0 if len(page) else silent + 1
        if len(page):
            found.insert(0, page)
        until = int(page.timestamp[0]) if len(page) else start
    return found


def walk_rates(
    fetch: Callable[[int, int], Mapping[int, float]], since: int, until: int, limit: int
) -> dict[int, float]:
    """Return the funding rates of ``since <= instant < until`` (ms) by instant, asked for window by window.

    A window is as long as a page of rates eight hours apart. What lies before and after the rates that came is asked
    for again: a page may be shorter than was asked for, and lack either end. Rates may fall due every hour.
    """
    rates: dict[int, float] = {}
    span = limit * FUNDING_MS
    todo = [(start, min(until, start + span)) for start in range(since, max(since, until), span)]
    while todo:
        start, end = todo.pop()
        # From just before: where the bound is exclusive, the first would be left out else.
        found = {at: rate for at, rate in fetch(start - 1, end).items() if start <= at < end}
        if not found:
            continue
        rates |= found
        times = sorted(found)
        spacing = min([FUNDING_MS, *(later - at for at, later in pairwise(times))])
        around = ((start, times[0]), (times[-1] + 1, end))
        todo += [(since_, until_) for since_, until_ in around if until_ - since_ > spacing]
    return rates


def _rows(answer: Sequence[Sequence[Any]], symbol: str) -> Candles:
    """Return rows in order of time without repetitions; cells that are no numbers become NaN, for checks to find."""
    try:
        table = np.array([list(row[:6]) for row in answer], dtype=np.float64).reshape(-1, 6)
    except (TypeError, ValueError):
        raise DataError(symbol, "the exchange sent rows that are no candles") from None
    known = table[np.isfinite(table[:, 0])]
    _, first = np.unique(known[:, 0], return_index=True)
    columns = dict(zip(COLUMNS, known[first].T, strict=True))
    return Candles.from_columns(columns)
