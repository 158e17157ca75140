"""Every rule of check_exchange is seen to fail on an exchange that breaks it, and to hold for one that does not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from huracan.clock import milliseconds
from huracan.errors import DataError
from huracan.market.candles import Candles
from huracan.market.funding import Funding
from huracan.market.timeframes import TIMEFRAMES
from huracan.testing import ExchangeCase, assert_exchange, check_exchange
from huracan.testing.made_up import walk
from huracan.types import CheckResult, CheckState, Exchange, Market, Ticker

NOW = datetime(2024, 3, 10, 2, 0, 30, tzinfo=UTC)
HOUR = 3_600_000
ROWS = 600
PAGE = 90


def history(rows: int = ROWS) -> Candles:
    """The same bars whenever they are asked for; the last one is still open at NOW."""
    columns = walk(rows, 5).columns()
    columns["timestamp"] = milliseconds(NOW) // HOUR * HOUR - HOUR * np.arange(rows - 1, -1, -1)
    return Candles.from_columns(columns)


class Toy:
    """An exchange with one pair that keeps every rule; others change one thing."""

    requests_at_once = 4

    def __init__(self, now: datetime) -> None:
        self.now, self.closed = now, False

    def markets(self) -> Sequence[Market]:
        listed = self.now - timedelta(days=30)
        return [Market("ABLE-USDT", "ABLE", "USDT", listed_at=listed), Market("OLD-USDT", "OLD", "USDT", active=False)]

    def tickers(self, symbols: Sequence[str]) -> Mapping[str, Ticker]:
        for symbol in symbols:
            if symbol not in ("ABLE-USDT", "OLD-USDT"):
                raise DataError(symbol, "no such market")
        return {symbol: Ticker(symbol, self.now, 100.0, 1e8, 2.0, "exchange", 1.0, 0.05) for symbol in symbols}

    def candles(self, symbol: str, timeframe: str, since: int, until: int) -> Iterator[Candles]:
        if symbol != "ABLE-USDT" or timeframe not in TIMEFRAMES:
            raise DataError(symbol, "no such market or timeframe")
        found = history().closed_at(milliseconds(self.now), "1h").between(since, until)
        for first in range(0, len(found), PAGE):
            yield found.take(slice(first, first + PAGE))

    def problems(self) -> Sequence[str]:
        return ["BAD-USDT.csv: its bars cannot be read"]

    def close(self) -> None:
        self.closed = True

    def funding(self, symbol: str, since: int, until: int) -> Funding | None:
        at = np.arange(-(-since // (8 * HOUR)) * 8 * HOUR, min(until, milliseconds(self.now) + 1), 8 * HOUR)
        return Funding(at, np.full(len(at), 1e-4))

    def check(self) -> CheckResult:
        return CheckResult(CheckState.OK, "well")


def toy(**methods: Callable[..., Any]) -> type[Toy]:
    return type("Changed", (Toy,), methods)


def markets(change: Callable[[list[Market]], Any]) -> type[Toy]:
    return toy(markets=lambda self: change(list(Toy.markets(self))))


def tickers(change: Callable[[dict[str, Ticker]], Any]) -> type[Toy]:
    return toy(tickers=lambda self, symbols: change(dict(Toy.tickers(self, symbols))))


def one_ticker(**fields: Any) -> type[Toy]:
    return tickers(lambda found: {symbol: replace(ticker, **fields) for symbol, ticker in found.items()})


def bars(change: Callable[..., Any]) -> type[Toy]:
    """Change the pages of a question: ``change(exchange, pages, since, until)``."""

    def candles(self: Toy, symbol: str, timeframe: str, since: int, until: int) -> Iterator[Candles]:
        yield from change(self, list(Toy.candles(self, symbol, timeframe, since, until)), since, until)

    return toy(candles=candles)


def asking(change: Callable[[Toy, int, int], tuple[datetime, int, int]]) -> type[Toy]:
    """Answer another question than the one that was asked."""

    def candles(self: Toy, symbol: str, timeframe: str, since: int, until: int) -> Iterator[Candles]:
        now, since, until = change(self, since, until)
        return Toy.candles(Toy(now), symbol, timeframe, since, until)

    return toy(candles=candles)


def spoilt(candles: Candles, **columns: float) -> Candles:
    changed = {name: array.copy() for name, array in candles.columns().items()}
    for name, value in columns.items():
        changed[name][len(candles) // 2] = value
    return Candles.from_columns(changed)


def unknown(self: Toy, symbol: str, timeframe: str, since: int, until: int) -> Iterator[Candles]:
    if symbol != "ABLE-USDT":
        return iter(())
    return Toy.candles(self, symbol, timeframe, since, until)


def any_timeframe(self: Toy, symbol: str, timeframe: str, since: int, until: int) -> Iterator[Candles]:
    return Toy.candles(self, symbol, "1h", since, until)


def later_words(self: Toy, since: int, until: int) -> tuple[datetime, int, int]:
    """As of an earlier instant, the open bar is shown as well."""
    return self.now + (timedelta(hours=1) if self.now != NOW else timedelta(0)), since, until


def other_past(self: Toy, pages: list[Candles], since: int, until: int) -> list[Candles]:
    """What an exchange does that counts its prices back from the newest one."""
    if self.now == NOW:
        return pages
    return [replace(page, volume=page.volume * 1.01) for page in pages]


class Shared(Toy):
    """Has one place for the page that is being read."""

    left: Candles | None = None

    def candles(self, symbol: str, timeframe: str, since: int, until: int) -> Iterator[Candles]:
        if self.left is not None:
            yield self.left
        for page in Toy.candles(self, symbol, timeframe, since, until):
            self.left = page
            yield page
            self.left = None


class Crossed(Toy):
    """Threads read one another's answers."""

    at_work = 0

    def candles(self, symbol: str, timeframe: str, since: int, until: int) -> Iterator[Candles]:
        self.at_work += 1
        try:
            time.sleep(0.02)
            found = list(Toy.candles(self, symbol, timeframe, since, until))
            yield from found[: len(found) - (self.at_work > 1)]
        finally:
            self.at_work -= 1


def close_once(self: Toy) -> None:
    if self.closed:
        raise RuntimeError("closed already")
    self.closed = True


def examine(self: Toy, market: Market, ticker: Ticker) -> tuple[Market, Ticker]:
    return market, replace(ticker, active_share=7.0)


def dawdle(self: Toy) -> Sequence[Market]:
    time.sleep(0.3)
    return Toy.markets(self)


COUNT = iter(range(1000))
BAD: dict[str, tuple[type[Toy], set[str], str]] = {
    "not its pair": (markets(lambda found: found[1:]), {"X1"}, "ABLE-USDT is not among its 1 markets"),
    "a market twice": (markets(lambda found: [*found, found[0]]), {"X1"}, "ABLE-USDT is there twice"),
    "another form of name": (
        markets(lambda found: [*found, Market("X/USDT", "X", "USDT", active=False)]),
        {"X1"},
        "X/USDT is not called X-USDT",
    ),
    "fees in percent": (
        markets(lambda found: [replace(found[0], taker_fee_bps=1e4), found[1]]),
        {"X1"},
        "taker_fee_bps of ABLE-USDT",
    ),
    "listed tomorrow": (
        markets(lambda found: [replace(found[0], listed_at=NOW + timedelta(days=1)), found[1]]),
        {"X1"},
        "after the clock",
    ),
    "other markets": (
        markets(lambda found: [replace(found[0], maker_fee_bps=float(next(COUNT) % 50)), found[1]]),
        {"X2"},
        "other",
    ),
    "no ticker": (tickers(lambda found: {}), {"X3"}, "there is no ticker of ABLE-USDT"),
    "all tickers": (
        tickers(lambda found: {**found, "OLD-USDT": Toy(NOW).tickers(["OLD-USDT"])["OLD-USDT"]}),
        {"X3"},
        "alone",
    ),
    "a ticker of another": (one_ticker(symbol="X-USDT"), {"X3"}, "says that it is one of X-USDT"),
    "a ticker of tomorrow": (one_ticker(time=NOW + timedelta(hours=2)), {"X4"}, "after the clock"),
    "a time without zone": (one_ticker(time=NOW.replace(tzinfo=None)), {"X4"}, "without a time zone"),
    "a share of 7": (one_ticker(active_share=7.0), {"X4"}, "active_share of ABLE-USDT is 7.0"),
    "no spread": (one_ticker(spread_bps=float("nan")), {"X4"}, "spread_bps of ABLE-USDT is nan"),
    "unknown symbols": (toy(candles=unknown), {"X5"}, "candles of 'NOSUCHCOIN-NOSUCHQUOTE' are 0 pages"),
    "an invented ticker": (
        toy(tickers=lambda self, symbols: {s: Ticker(s, self.now, 1.0, 1.0, 1.0, "x", None, None) for s in symbols}),
        {"X5"},
        "makes up a ticker",
    ),
    "newest first": (bars(lambda self, pages, *_: pages[::-1]), {"X6"}, "begins before the one before it ends"),
    "a bar twice": (
        bars(lambda self, pages, *_: [pages[0], *pages] if pages else pages),
        {"X6"},
        "begins before the one before",
    ),
    "an empty page": (bars(lambda self, pages, *_: [*pages, Candles.empty()]), {"X6"}, "a page is empty"),
    "off the grid": (
        bars(lambda self, pages, *_: [replace(page, timestamp=page.timestamp + 1) for page in pages]),
        {"X6"},
        "off the grid",
    ),
    "since is exclusive": (asking(lambda self, since, until: (self.now, since + 1, until)), {"X7", "X8"}, "since "),
    "until is inclusive": (
        asking(lambda self, since, until: (self.now, since, until + (since < until))),
        {"X7", "X8"},
        "until ",
    ),
    "a short last page": (
        bars(
            lambda self, pages, since, until: (
                pages if until - since > 30 * HOUR else [page.take(slice(0, 5)) for page in pages]
            )
        ),
        {"X7", "X8"},
        "bars from",
    ),
    "the open bar": (
        asking(lambda self, since, until: (self.now + timedelta(hours=1), since, until)),
        {"X9", "X10"},
        "not closed",
    ),
    "an open bar in the past": (asking(later_words), {"X9", "X10"}, "is not closed yet"),
    "another past": (bars(other_past), {"X10"}, "the volume of the bar of"),
    "a price of zero": (
        bars(lambda self, pages, *_: [spoilt(page, low=0.0) for page in pages]),
        {"X8", "X10", "X11"},
        "is",
    ),
    "a low above": (
        bars(lambda self, pages, *_: [replace(page, low=page.high * 1.1) for page in pages]),
        {"X11"},
        "cannot be",
    ),
    "raises at nothing": (
        bars(lambda self, pages, *_: pages if pages else (_ for _ in ()).throw(DataError("x", "nothing"))),
        {"X12"},
        "nothing",
    ),
    "any timeframe": (toy(candles=any_timeframe), {"X13"}, "7h"),
    "says nothing": (toy(problems=lambda self: []), {"X14"}, "nothing is said about BAD-USDT"),
    "problems of two lines": (toy(problems=lambda self: ["BAD-USDT\nis bad"]), {"X14"}, "is no line"),
    "pages that are left": (Shared, {"X15"}, "after pages that nobody read"),
    "threads that cross": (Crossed, {"X16"}, "asked by several threads"),
    "a bad examination": (toy(examine=examine), {"X17"}, "examine: active_share of ABLE-USDT is 7.0"),
    "funding of tomorrow": (
        toy(funding=lambda self, symbol, since, until: Funding(np.array([until]), np.array([1e-4]))),
        {"X17"},
        "funding: instants",
    ),
    "a check without hint": (
        toy(check=lambda self: CheckResult(CheckState.WARNING, "slow")),
        {"X17"},
        "not how to mend it",
    ),
    "closed once": (toy(close=close_once), {"X18"}, "closed already"),
    "slow": (toy(markets=dawdle), {"X19"}, "markets took 0.3 s, longer than 0.2 s"),
}


def case(of: Callable[[datetime], Exchange], **changed: Any) -> ExchangeCase:
    return ExchangeCase(**{"open": of, "now": NOW, "symbol": "ABLE-USDT", "broken": ["BAD-USDT"], **changed})


@pytest.mark.parametrize("name", BAD)
def test_an_exchange_that_breaks_a_rule_is_told_which(name: str) -> None:
    kind, rules, words = BAD[name]
    seconds = 0.2 if name == "slow" else 30.0
    found = {each.rule: each.failed for each in check_exchange(case(kind, seconds=seconds)) if each.failed}
    assert set(found) == rules, found
    assert words in found[min(rules, key=lambda rule: int(rule[1:]))]


def test_a_good_exchange_keeps_every_rule_and_all_of_them_are_asked() -> None:
    results = check_exchange(case(Toy))
    assert [each.rule for each in results] == [f"X{number}" for number in range(1, 20)]
    assert [each for each in results if each.failed or each.skipped] == []


def test_the_message_names_all_that_is_broken() -> None:
    with pytest.raises(AssertionError, match=r"the exchange breaks 1 rules:\n  X18 close: raised RuntimeError"):
        assert_exchange(case(toy(close=close_once)))
    assert_exchange(case(toy(close=close_once)), skip={"X18": "a file that is closed once"})
