"""Brings one symbol's cache up to date: missing spans are fetched oldest first, checked, merged, written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from huracan.context import Context
from huracan.errors import DataError, TryAgainError
from huracan.market.candles import Candles
from huracan.market.checks import Gap, check_candles, find_gaps
from huracan.market.funding import Funding
from huracan.market.timeframes import timeframe_ms
from huracan.types import Exchange
from huracan_candles import cache
from huracan_candles.outages import Silences
from huracan_candles.settings import CandleSettings

__all__ = ["Symbol", "Window", "sync_symbol"]

MOST_BAD_SHARE = 0.01
"""A page with a larger share of impossible bars says that the source cannot be trusted at all."""

MOST_ASKED_AGAIN = 3
"""New gaps, longest first, that are asked for a second time: a coin that hardly trades has hundreds of its own."""


@dataclass(slots=True)
class Symbol:
    """What happened to one symbol, as ``candles.json`` tells it."""

    symbol: str
    candles: Candles = field(default_factory=Candles.empty)
    fetched_rows: int = 0
    problems: list[str] = field(default_factory=list)
    quarantined: list[dict[str, str]] = field(default_factory=list)
    failed: bool = False
    away: str = ""
    """What was said where the exchange went away before everything was fetched."""
    funding: Funding | None = None
    asked: cache.Spans = ()
    """What the exchange has answered for: only there is a missing bar the exchange's."""


@dataclass(frozen=True, slots=True)
class Window:
    """What is wanted: closed candles of ``since <= open time < until`` (ms) of one exchange and timeframe."""

    exchange: str
    timeframe: str
    since: int
    until: int


def sync_symbol(
    context: Context,
    exchange: Exchange,
    symbol: str,
    window: Window,
    tell: Callable[[str], None],
    silences: Silences,
    away: str = "",
) -> Symbol:
    """Return the symbol's candles of the window. A symbol that cannot be had is marked failed, with a problem line.

    Where the exchange is ``away``, or goes away, what the cache holds is judged: it may be fresh enough.
    """
    result = Symbol(symbol, away=away)
    path = context.paths.candle_file(symbol)
    try:
        cached = _trusted(context, path, window, result)
        missing = cache.missing(cached.asked, window.since, window.until)
        if not result.away:
            cached = _fetch_all(exchange, path, cached, result, window, missing, tell, silences)
        elif missing:
            result.problems.append(f"{symbol}: not brought up to date, the exchange is away")
    except DataError as error:
        result.problems.append(str(error))
        result.failed = True
        return result
    result.candles = cached.candles.between(window.since, window.until)
    result.asked = cached.asked
    stale = _stale(result.candles, window, context.settings.section(CandleSettings).fresh_hours)
    if stale:
        result.problems.append(f"{symbol}: {stale}")
        result.failed = True
    return result


def _stale(candles: Candles, window: Window, fresh_hours: float) -> str | None:
    """Say why the candles are no picture of today, or None. It depends on them and the run's instant alone."""
    if not len(candles):
        return "the exchange has no candles in the last days"
    length = timeframe_ms(window.timeframe)
    silence = window.until - int(candles.timestamp[-1]) - length
    if silence <= max(fresh_hours * 3_600_000, 2 * length):
        return None
    return (
        f"its newest candle closed {silence / 3_600_000:.0f} h before the run, candles.fresh_hours is {fresh_hours:g}"
    )


def _trusted(context: Context, path: Path, window: Window, result: Symbol) -> cache.Cached:
    try:
        return cache.load(path, window.timeframe, window.exchange)
    except DataError as error:
        target = cache.set_aside(context.paths, path, error.what, f"{context.clock.now():%Y%m%dT%H%M%SZ}")
        moved = context.paths.relative(target)
        result.quarantined.append({"file": context.paths.relative(path), "moved_to": moved, "reason": error.what})
        context.log.warning(
            "%s %s; moved to %s and fetched again", path.name, error.what, moved, extra={"symbol": result.symbol}
        )
        return cache.Cached(Candles.empty(), ())


def _fetch_all(
    exchange: Exchange,
    path: Path,
    cached: cache.Cached,
    result: Symbol,
    window: Window,
    missing: cache.Spans,
    tell: Callable[[str], None],
    silences: Silences,
) -> cache.Cached:
    """Fetch missing spans, oldest first, then their gaps once more: a hole of ours is filled, the rest is silence."""
    try:
        for since, until in missing:
            cached = _fetch(exchange, path, cached, result, window, since, until, tell)
        for gap in _new_gaps(cached, window, missing, silences)[:MOST_ASKED_AGAIN]:
            cached = _fetch(exchange, path, cached, result, window, gap.since, gap.until, tell)
    except TryAgainError as error:
        result.away = str(error)
        result.problems.append(f"{result.symbol}: {error}; what was fetched is kept")
        return cache.reread(path, window.timeframe, window.exchange, cached)
    return cached


def _new_gaps(cached: cache.Cached, window: Window, missing: cache.Spans, silences: Silences) -> list[Gap]:
    """Return the gaps inside what was just answered, longest first; what was not answered is asked for anyway."""
    fresh = [
        gap
        for gap in find_gaps(cached.candles, window.timeframe)
        if not cache.missing(missing, gap.since, gap.until)
        and not cache.missing(cached.asked, gap.since, gap.until)
        and not silences.covers(gap)
    ]
    return sorted(fresh, key=lambda gap: (-gap.bars, gap.since))


def _fetch(
    exchange: Exchange,
    path: Path,
    cached: cache.Cached,
    result: Symbol,
    window: Window,
    since: int,
    until: int,
    tell: Callable[[str], None],
) -> cache.Cached:
    answered = since
    silent = True
    for page in exchange.candles(result.symbol, window.timeframe, since, until):
        silent = silent and not len(page)
        sound = _sound(page, result, window, since, until)
        cached, changed = cache.merge(cached, sound, answered, until, window.timeframe)
        if changed:
            result.problems.append(f"{result.symbol}: the exchange changed {changed} candles that were known already")
        if len(sound):
            answered = int(sound.timestamp[-1])
        result.fetched_rows += len(sound)
        cache.save(path, cached, window.timeframe, window.exchange)
        tell(f"{result.fetched_rows} candles")
    if silent and cache.is_hole(cached, until):
        cached = replace(cached, asked=cache.add_span(cached.asked, since, until))
        cache.save(path, cached, window.timeframe, window.exchange)
    return cached


def _sound(page: Candles, result: Symbol, window: Window, since: int, until: int) -> Candles:
    """Return the page sorted, inside the span, closed, without repeated or impossible rows."""
    wanted = page.take((page.timestamp >= since) & (page.timestamp < until))
    closed = wanted.closed_at(window.until, window.timeframe)
    _, first = np.unique(closed.timestamp, return_index=True)
    unique = closed.take(first)
    report = check_candles(unique, window.timeframe)
    if report.ok:
        return unique
    if len(report.bad_rows) == 0 or len(report.bad_rows) > max(1, MOST_BAD_SHARE * len(unique)):
        raise DataError(result.symbol, f"the exchange sent candles that cannot be: {report.problems[0]}")
    left_out = [f"{result.symbol}: left out {problem}" for problem in report.problems]
    result.problems += [line for line in left_out if line not in result.problems]
    keep = np.ones(len(unique), dtype=bool)
    keep[report.bad_rows] = False
    return unique.take(keep)
