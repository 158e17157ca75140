"""``check_exchange``: what every exchange must do, as numbered rules. For tests of plugins that bring one.

====  ==============================================================================================================
rule  what must hold
====  ==============================================================================================================
X1    markets are values of Market: distinct symbols ``BASE-QUOTE``, fees that can be, listed no later than the clock
X2    asked again, it knows the same markets
X3    there is a ticker for each symbol that is asked for, and for no other; none for none
X4    tickers are of no later time than the clock, with finite numbers, shares from 0 to 1, spreads from 0 up
X5    a symbol that is not there: ``candles`` raises DataError, ``tickers`` raises it or leaves the symbol out
X6    candles come oldest first, no bar twice, on the grid of their timeframe, in pages that are not empty
X7    ``since`` is the first open time that counts, ``until`` the first that does not
X8    a span that is asked for in pieces gives the bars of the whole
X9    a bar that is still open at the clock is not shown, nor any later one, whatever ``until`` says
X10   as of an earlier instant it shows the same bars, and none after that instant
X11   bars can be: finite prices above zero, low and high around open and close, volume from 0 up
X12   a span without bars (empty, before the first, after the clock) gives none and raises nothing
X13   a timeframe that is not there is refused with DataError
X14   ``problems`` are single lines, and name what is broken
X15   pages that nobody wants are no trouble: the next question gets its whole answer
X16   several threads at once, where it says so, get what one gets
X17   what it offers besides (examine, funding, check) keeps its own promises
X18   ``close`` can be called twice
X19   every answer comes within its limit
====  ==============================================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from huracan.clock import milliseconds
from huracan.errors import DataError
from huracan.market.candles import COLUMNS, Candles
from huracan.market.timeframes import timeframe_ms
from huracan.testing.exchange_values import bad_extras, bad_market, bad_ticker, impossible_bar
from huracan.testing.limits import within
from huracan.testing.rules import NotAskedError, Rule, RuleResult, ask_rules, assert_rules
from huracan.types import ConcurrentSource, Exchange, Market

__all__ = ["ExchangeCase", "assert_exchange", "check_exchange"]

T = TypeVar("T")
NO_SYMBOL = "NOSUCHCOIN-NOSUCHQUOTE"
FAR = 2**52
"""An ``until`` beyond every calendar."""


@dataclass(frozen=True, slots=True)
class ExchangeCase:
    """An exchange that can be opened as of any instant, and what is known about it.

    ``symbol`` has at least 200 bars of ``timeframe`` up to ``now``; ``broken`` are symbols or files that cannot be
    read, of which ``problems`` must tell. ``seconds`` is what an answer may take.
    """

    open: Callable[[datetime], Exchange]
    now: datetime
    symbol: str
    timeframe: str = "1h"
    broken: Sequence[str] = ()
    seconds: float = 30.0


def check_exchange(case: ExchangeCase, *, skip: Mapping[str, str] | None = None) -> list[RuleResult]:
    """Hold an exchange against every rule; ``skip`` names those that are not asked, each with a reason."""
    return ask_rules(_rules(case), skip)


def assert_exchange(case: ExchangeCase, *, skip: Mapping[str, str] | None = None) -> None:
    """Fail with every broken rule in one message."""
    assert_rules("the exchange", check_exchange(case, skip=skip))


def _rules(case: ExchangeCase) -> Iterator[Rule]:
    check = _Check(case)
    try:
        yield "X1", "markets", check.markets
        yield "X2", "the same markets twice", check.same_markets
        yield "X3", "tickers of what is asked for", check.tickers
        yield "X4", "tickers can be", check.sound_tickers
        yield "X5", "unknown symbols", check.unknown_symbol
        yield "X6", "order of candles", check.order
        yield "X7", "since and until", check.bounds
        yield "X8", "pieces make the whole", check.pieces
        yield "X9", "closed candles only", check.closed_only
        yield "X10", "nothing after the clock", check.earlier_clock
        yield "X11", "candles can be", check.possible
        yield "X12", "spans without candles", check.no_candles
        yield "X13", "unknown timeframe", check.unknown_timeframe
        yield "X14", "problems are told", check.problems
        yield "X15", "pages that are left", check.left_pages
        yield "X16", "several threads", check.threads
        yield "X17", "what it offers besides", check.extras
        yield "X18", "close", check.close
        yield "X19", "answers in time", check.in_time
    finally:
        check.leave()


class _Check:
    """The questions, in the order of the table."""

    def __init__(self, case: ExchangeCase) -> None:
        self._case, self._now, self._bar = case, milliseconds(case.now), timeframe_ms(case.timeframe)
        self._exchange = case.open(case.now)
        self._slowest: tuple[float, str] = (0.0, "")

    def leave(self) -> None:
        self._exchange.close()

    def _timed(self, what: str, act: Callable[[], T]) -> T:
        answer = within(2 * self._case.seconds, act)
        self._slowest = max(self._slowest, (answer.seconds, what))
        return answer.value

    @cached_property
    def _markets(self) -> Sequence[Market]:
        return self._timed("markets", lambda: list(self._exchange.markets()))

    def _pages(self, since: int, until: int, exchange: Exchange | None = None) -> list[Candles]:
        asked, case = exchange or self._exchange, self._case
        return self._timed("candles", lambda: list(asked.candles(case.symbol, case.timeframe, since, until)))

    def _candles(self, since: int, until: int, exchange: Exchange | None = None) -> Candles:
        return Candles.concatenate(self._pages(since, until, exchange))

    @cached_property
    def _whole(self) -> Candles:
        """The last 400 bars' span. Raises NotAskedError where it is too short to ask anything about."""
        found = self._candles(self._now - 400 * self._bar, FAR)
        in_order = (np.diff(found.timestamp) > 0).all() and not (found.timestamp % self._bar).any()
        if len(found) < 100 or not in_order:
            raise NotAskedError(f"{self._case.symbol} has {len(found)} candles, in order or not, in the last 400 bars")
        return found

    # ----------------------------------------------------------------------------------------------------- markets

    def markets(self) -> str | None:
        if self._case.symbol not in {each.symbol for each in self._markets}:
            return f"{self._case.symbol} is not among its {len(self._markets)} markets"
        symbols = [each.symbol for each in self._markets]
        if twice := [each for each in symbols if symbols.count(each) > 1]:
            return f"{twice[0]} is there twice"
        return next(filter(None, (bad_market(each, self._case.now) for each in self._markets)), None)

    def same_markets(self) -> str | None:
        again = self._timed("markets", lambda: list(self._exchange.markets()))
        return None if again == list(self._markets) else "asked again it answers with other markets"

    def tickers(self) -> str | None:
        symbols = [each.symbol for each in self._markets if each.active][:20]
        if self._case.symbol not in symbols:
            symbols.append(self._case.symbol)
        found = self._timed("tickers", lambda: self._exchange.tickers(symbols))
        if missing := [symbol for symbol in symbols if symbol not in found]:
            return f"there is no ticker of {', '.join(missing[:3])}"
        one = self._exchange.tickers([self._case.symbol])
        if set(one) != {self._case.symbol}:
            return f"asked for {self._case.symbol} alone it answers with {', '.join(sorted(one)[:3])}"
        wrong = [symbol for symbol, ticker in found.items() if ticker.symbol != symbol]
        if wrong:
            return f"the ticker of {wrong[0]} says that it is one of {found[wrong[0]].symbol}"
        return "asked for none it answers with some" if self._exchange.tickers([]) else None

    def sound_tickers(self) -> str | None:
        found = self._exchange.tickers([self._case.symbol])
        return next(filter(None, (bad_ticker(each, self._case.now) for each in found.values())), None)

    def unknown_symbol(self) -> str | None:
        for symbol in (NO_SYMBOL, "", "BTC"):
            try:
                found = list(self._exchange.candles(symbol, self._case.timeframe, self._now - self._bar, self._now))
            except DataError:
                pass
            else:
                return f"candles of {symbol!r} are {len(found)} pages, not a DataError"
            try:
                tickers = self._exchange.tickers([symbol])
            except DataError:
                continue
            if tickers:
                return f"it makes up a ticker of {symbol!r}"
        return None

    # ----------------------------------------------------------------------------------------------------- candles

    def order(self) -> str | None:
        pages: list[Any] = self._pages(self._now - 400 * self._bar, FAR)
        if not pages:
            return f"{self._case.symbol} has no candles in the last 400 bars"
        for page in pages:
            if not isinstance(page, Candles):
                return f"a page is {type(page).__name__}, not Candles"
            if len(page) == 0:
                return "a page is empty"
            if (np.diff(page.timestamp) <= 0).any():
                return "inside a page bars are out of order, or there twice"
        for earlier, later in pairwise(pages):
            if later.timestamp[0] <= earlier.timestamp[-1]:
                return "a page begins before the one before it ends: bars are out of order, or there twice"
        if (off := np.concatenate([page.timestamp for page in pages]) % self._bar).any():
            return f"a bar opens {int(off.max())} ms off the grid of {self._case.timeframe}"
        return None

    def bounds(self) -> str | None:
        whole = self._whole.timestamp
        since, until = int(whole[40]), int(whole[60])
        for first, last, wanted in (
            (since, until, whole[40:60]), (since + 1, until, whole[41:60]), (since, until + 1, whole[40:61]),
        ):  # fmt: skip
            found = self._candles(first, last).timestamp
            if not np.array_equal(found, wanted):
                says = f"{len(found)} bars from {_shown(found)}"
                return f"since {first}, until {last}: {says}, where {len(wanted)} from {_shown(wanted)} lie"
        return None

    def pieces(self) -> str | None:
        whole = self._whole
        edges = [int(each) for each in whole.timestamp[[0, 7, 8, 50]]] + [int(whole.timestamp[-1]) + self._bar]
        joined = Candles.concatenate([self._candles(since, until) for since, until in pairwise(edges)])
        return _other(joined, whole, "asked for in pieces")

    def closed_only(self) -> str | None:
        opened = int(self._whole.timestamp[-20])
        middle = self._case.now - timedelta(milliseconds=self._now - opened - self._bar // 2)
        last = self._at(middle, opened - 3 * self._bar)
        if len(last) and last.timestamp[-1] >= opened:
            return f"at {middle:%H:%M:%S} it shows the bar that opened at {opened} and is not closed yet"
        exact = self._at(middle + timedelta(milliseconds=self._bar - self._bar // 2), opened - 3 * self._bar)
        if not len(exact) or exact.timestamp[-1] != opened:
            return f"it does not show the bar of {opened} at the instant at which it closes"
        if self._whole.timestamp[-1] + self._bar > self._now:
            return "its last bar closes after the clock"
        return None

    def _at(self, instant: datetime, since: int) -> Candles:
        exchange = self._case.open(instant)
        try:
            return self._candles(since, FAR, exchange)
        finally:
            exchange.close()

    def earlier_clock(self) -> str | None:
        whole = self._whole
        close = int(whole.timestamp[-60]) + self._bar
        found = self._at(self._case.now - timedelta(milliseconds=self._now - close), int(whole.timestamp[0]) - 1)
        if len(found) and found.timestamp[-1] + self._bar > close:
            return f"as of {close} it shows a bar that closes at {int(found.timestamp[-1]) + self._bar}"
        return _other(found, whole.take(slice(0, len(whole) - 59)), "as of an earlier instant")

    def possible(self) -> str | None:
        return impossible_bar(self._whole)

    def no_candles(self) -> str | None:
        at = int(self._whole.timestamp[10])
        spans = ((at, at), (at + self._bar, at), (0, self._bar), (self._now + self._bar, self._now + 9 * self._bar))
        for since, until in spans:
            if len(found := self._candles(since, until)):
                return f"from {since} to {until} it has {len(found)} bars"
        return None

    def unknown_timeframe(self) -> str | None:
        for timeframe in ("7h", "", "hourly"):
            try:
                list(self._exchange.candles(self._case.symbol, timeframe, self._now - self._bar, self._now))
            except DataError:
                continue
            return f"bars of {timeframe!r} are no DataError"
        return None

    # ------------------------------------------------------------------------------------------------------- other

    def problems(self) -> str | None:
        self._exchange.markets()
        told: list[Any] = list(self._exchange.problems())
        if odd := [line for line in told if not isinstance(line, str) or not line.strip() or "\n" in line]:
            return f"{odd[0]!r} is no line"
        silent = [name for name in self._case.broken if not any(name in line for line in told)]
        return f"nothing is said about {', '.join(silent)}" if silent else None

    def left_pages(self) -> str | None:
        whole = self._whole
        since, until = int(whole.timestamp[0]) - 1, FAR
        for _ in range(3):
            next(iter(self._exchange.candles(self._case.symbol, self._case.timeframe, since, until)), None)
        return _other(self._candles(since, until), whole, "after pages that nobody read")

    def threads(self) -> str | None:
        if not isinstance(self._exchange, ConcurrentSource):
            return None
        count: Any = self._exchange.requests_at_once
        if not isinstance(count, int) or count < 1:
            return f"requests_at_once is {count!r}"
        since = int(self._whole.timestamp[0]) - 1
        with ThreadPoolExecutor(min(count, 8)) as pool:
            answers = list(pool.map(lambda _: self._candles(since, FAR), range(8)))
        return next(filter(None, (_other(each, self._whole, "asked by several threads") for each in answers)), None)

    def extras(self) -> str | None:
        return bad_extras(self._exchange, self._case.symbol, self._case.now, self._bar)

    def close(self) -> None:
        exchange = self._case.open(self._case.now)
        exchange.markets()
        exchange.close()
        exchange.close()

    def in_time(self) -> str | None:
        seconds, what = self._slowest
        limit = self._case.seconds
        return f"{what} took {seconds:.1f} s, longer than {limit:g} s" if seconds > limit else None


def _other(found: Candles, wanted: Candles, how: str) -> str | None:
    if len(found) != len(wanted):
        return f"{how} there are {len(found)} bars, not {len(wanted)}"
    for name in COLUMNS:
        same = getattr(found, name) == getattr(wanted, name)
        if not same.all():
            row = int(np.argmin(same))
            return f"{how} the {name} of the bar of {wanted.timestamp[row]} is {getattr(found, name)[row]}"
    return None


def _shown(times: np.ndarray) -> str:
    return f"{times[0]} to {times[-1]}" if len(times) else "nowhere"
