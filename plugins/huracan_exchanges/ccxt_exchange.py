"""An exchange of ccxt as Huracan sees exchanges: pairs, tickers, candles and funding, spot or perpetual.

Pairs are named ``BASE-QUOTE``; a perpetual that is settled in something else than its quote currency carries that
behind a colon (``BTC-USD:BTC``). Dated futures and options are passed over.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from huracan.clock import milliseconds
from huracan.context import Progress
from huracan.errors import DataError, UsageError
from huracan.market.candles import Candles
from huracan.market.funding import Funding
from huracan.market.timeframes import TIMEFRAMES, timeframe_ms
from huracan.types import CheckResult, Market, MarketKind, Ticker
from huracan_exchanges.bars import DAY_MS, Bars, instant, last_days
from huracan_exchanges.ccxt_check import check_client
from huracan_exchanges.ccxt_client import CcxtClient
from huracan_exchanges.ccxt_numbers import as_bps, as_number, first_known, measure_book, scaled, spread_in_bps
from huracan_exchanges.ccxt_pages import walk, walk_rates
from huracan_exchanges.files import estimate_spread_bps
from huracan_exchanges.settings import CcxtSettings

__all__ = ["CcxtExchange"]

PAGE_ROWS = 500
BOOK_ROWS = 100
MOST_LAG = timedelta(hours=24)
WEEK_MS = 7 * DAY_MS
FIRST_DAYS = 980

OLDEST_BARS = {"gate": 9_990, "gateio": 9_990}
"""How many bars back an exchange may be asked at most, before it refuses the question."""

VOLUME_IN_CONTRACTS = frozenset({"gate", "gateio", "kucoin", "kucoinfutures", "mexc", "poloniex", "xt"})
"""Exchanges whose candles of perpetuals ccxt hands on with volume in contracts, as of ccxt 4.5."""

TICKERS_IN_CONTRACTS = frozenset({"okx", "okxus", "myokx"})
"""Exchanges whose tickers of perpetuals ccxt hands on with volume in contracts, and without turnover."""

WITHOUT_LIMIT = frozenset({"htx", "huobi"})
"""Exchanges that forget `since` of a perpetual's candles where a limit is given."""


class CcxtExchange:
    """The exchange as of ``now``; candles end there. Tickers are of this minute, so a run as of long ago has none."""

    def __init__(
        self, settings: CcxtSettings, now: datetime, log: logging.LoggerAdapter[logging.Logger], progress: Progress
    ) -> None:
        self.requests_at_once = settings.requests_at_once
        self._settings, self._now, self._log = settings, now, log
        self._progress = progress
        self._client = CcxtClient(settings, progress.step)
        self._entries: dict[str, Mapping[str, Any]] | None = None
        self._problems: list[str] = []

    def markets(self) -> Sequence[Market]:
        """Return every pair of the wanted kind, by name, delisted ones included."""
        entries = self._load()
        fees = self._own_fees()
        return [
            self._market(symbol, entries[symbol], fees.get(entries[symbol]["symbol"])) for symbol in sorted(entries)
        ]

    def tickers(self, symbols: Sequence[str]) -> Mapping[str, Ticker]:
        """Return the last 24 h of the pairs that the exchange says something about.

        Raises DataError where the clock is far from the exchange's: its tickers are of now.
        """
        entries = self._load()
        known = {entries[symbol]["symbol"]: symbol for symbol in symbols if symbol in entries}
        answers = self._fetch_tickers(list(known))
        self._refuse_other_times(answers)
        books = self._fetch_best_prices(answers)
        return {
            known[name]: self._ticker(known[name], answer, books.get(name, {}))
            for name, answer in answers.items()
            if name in known and as_number(answer.get("last")) is not None
        }

    def examine(self, market: Market, ticker: Ticker) -> tuple[Market, Ticker]:
        """Measure last week's activity and volatility, look into the order book, and find the first candle."""
        book = self._book(market.symbol)
        inverse = self._load()[market.symbol].get("inverse") is True
        spread, depth = measure_book(book, self._contract(market.symbol), inverse)
        now = milliseconds(self._now)
        since = now - now % 3_600_000 - WEEK_MS - 3_600_000
        week = Candles.concatenate(list(self.candles(market.symbol, "1h", since, now)))
        if len(week):
            facts = last_days(Bars(week, 3_600_000), now)
            ticker = replace(
                ticker,
                active_share=facts.active_share,
                daily_volatility=facts.daily_volatility,
                last_trade_at=facts.last_trade_at or ticker.last_trade_at,
            )
        if spread is not None:
            ticker = replace(ticker, spread_bps=spread, spread_source="exchange", depth=depth)
        if market.listed_at is None:
            market = replace(market, listed_at=self._first_seen(market.symbol))
        return market, ticker

    def candles(self, symbol: str, timeframe: str, since: int, until: int) -> Iterator[Candles]:
        """Yield pages of closed candles, oldest first. Several threads may ask at once."""
        yield from self._pages(symbol, timeframe, since, until, whole=True)

    def _pages(self, symbol: str, timeframe: str, since: int, until: int, *, whole: bool) -> Iterator[Candles]:
        name = self._name(symbol)
        if timeframe not in TIMEFRAMES or (self._client.timeframes() and timeframe not in self._client.timeframes()):
            offered = ", ".join(each for each in TIMEFRAMES if each in self._client.timeframes())
            raise DataError(symbol, f"{self._client.name} has no candles of {timeframe!r}; use one of {offered}")
        limit = self._client.page_limit(name, "fetchOHLCV", PAGE_ROWS)
        now, length = milliseconds(self._now), timeframe_ms(timeframe)

        entry = self._load()[symbol]
        bounded = not (entry.get("swap") and self._client.name in WITHOUT_LIMIT)

        def fetch(start: int, rows: int) -> Sequence[Sequence[Any]]:
            most = rows if bounded else None
            answer: list[list[Any]] = self._client.call("fetch_ohlcv", name, timeframe, start, most, subject=symbol)
            if not answer:
                # Many of these may follow each other, and nobody else would say that work goes on.
                self._progress.step(f"{symbol} {timeframe}: nothing at {instant(start):%Y-%m-%d}")
            return answer

        oldest = now - now % length - OLDEST_BARS.get(self._client.name, 10**6) * length
        since, until = max(since, oldest), min(until, now - now % length)
        for page in walk(fetch, symbol, timeframe, since, until, limit, whole=whole):
            yield self._in_base_units(entry, page)

    def _in_base_units(self, entry: Mapping[str, Any], page: Candles) -> Candles:
        unit = self._unit(entry)
        if (unit == 1.0 and entry.get("inverse") is not True) or self._client.name not in VOLUME_IN_CONTRACTS:
            return page
        # Contracts of an inverse pair are worth quote currency.
        return replace(page, volume=page.volume * unit / (page.close if entry.get("inverse") is True else 1.0))

    def funding(self, symbol: str, since: int, until: int) -> Funding | None:
        """Return what a perpetual paid, None for other pairs and where the exchange does not tell."""
        entry = self._load().get(symbol)
        if entry is None or not entry.get("swap") or not self._client.has("fetchFundingRateHistory"):
            return None
        limit = self._client.page_limit(entry["symbol"], "fetchFundingRateHistory", 100)

        def fetch(start: int, end: int) -> Mapping[int, float]:
            # OKX hands out the latest first, unless it is told before which.
            bound = {"after": end} if self._client.name in TICKERS_IN_CONTRACTS else {"until": end - 1}
            rows = self._client.call("fetch_funding_rate_history", entry["symbol"], start, limit, bound, subject=symbol)
            told = ((as_number(row.get("timestamp")), as_number(row.get("fundingRate"))) for row in rows)
            self._progress.step(f"funding {symbol} from {instant(start):%Y-%m-%d}")
            return {int(at): rate for at, rate in told if at is not None and rate is not None}

        rates = walk_rates(fetch, since, min(until, milliseconds(self._now) + 1), limit)
        times = np.array(sorted(rates), dtype=np.int64)
        return Funding(times, np.array([rates[int(at)] for at in times], dtype=np.float64))

    def check(self) -> CheckResult:
        """Say whether the exchange answers, and whether both clocks agree."""
        return check_client(self._client, self._now)

    def problems(self) -> Sequence[str]:
        """Return one line for each market whose name is taken by another one."""
        return self._problems

    def close(self) -> None:
        """Close the connections; requests under way end."""
        self._client.close()

    # -------------------------------------------------------------------------------------------------------- pairs

    def _load(self) -> dict[str, Mapping[str, Any]]:
        if self._entries is None:
            found: dict[str, Mapping[str, Any]] = {}
            for entry in self._client.call("load_markets").values():
                if not _is_wanted(entry, self._settings.market_type):
                    continue
                symbol = _symbol(entry)
                if symbol in found:
                    first, other = found[symbol]["id"], entry["id"]
                    self._problems.append(f"{symbol}: {first} and {other} have the same name; {other} is left out")
                else:
                    found[symbol] = entry
            self._entries = found
        return self._entries

    def _name(self, symbol: str) -> str:
        """Return ccxt's name of a pair. Raises DataError where the exchange has none (any more)."""
        try:
            name: str = self._load()[symbol]["symbol"]
        except KeyError:
            raise DataError(symbol, f"{self._client.name} has no such {self._settings.market_type} market") from None
        return name

    def _own_fees(self) -> Mapping[str, Mapping[str, Any]]:
        """Return what this account pays, where there is a key to ask with."""
        if not self._settings.api_key.get_secret_value() or not self._client.has("fetchTradingFees"):
            return {}
        fees: Mapping[str, Mapping[str, Any]] = self._client.call("fetch_trading_fees")
        return fees

    def _market(self, symbol: str, entry: Mapping[str, Any], own: Mapping[str, Any] | None) -> Market:
        fees = {
            side: first_known(
                getattr(self._settings, f"{side}_fee_bps"), as_bps((own or {}).get(side)), as_bps(entry.get(side)), 10.0
            )
            for side in ("taker", "maker")
        }
        created, precision, limits = as_number(entry.get("created")), entry["precision"], entry["limits"]
        return Market(
            symbol=symbol,
            base=entry["base"],
            quote=entry["quote"],
            kind=self._settings.market_type,
            active=entry.get("active") is not False,
            listed_at=instant(int(created)) if created else None,
            taker_fee_bps=fees["taker"],
            maker_fee_bps=fees["maker"],
            source="exchange" if own else "default",
            price_step=as_number(precision.get("price")),
            amount_step=scaled(as_number(precision.get("amount")), self._unit(entry)),
            least_amount=scaled(as_number((limits.get("amount") or {}).get("min")), self._unit(entry)),
            least_cost=as_number((limits.get("cost") or {}).get("min")),
        )

    @staticmethod
    def _unit(entry: Mapping[str, Any]) -> float:
        """Return what one contract of a perpetual holds, base currency (quote where it is inverse); 1 of spot."""
        return (as_number(entry.get("contractSize")) or 1.0) if entry.get("swap") else 1.0

    def _first_seen(self, symbol: str) -> datetime | None:
        """Return when the first daily candle of the last years opened: the listing, or a day that came after it."""
        now = milliseconds(self._now)
        pages = self._pages(symbol, "1d", now - now % DAY_MS - FIRST_DAYS * DAY_MS, now, whole=False)
        first = next(pages, None)  # a page is never empty
        return None if first is None else instant(int(first.timestamp[0]))

    def _book(self, symbol: str) -> Mapping[str, Any]:
        name = self._name(symbol)
        try:
            book: Mapping[str, Any] = self._client.call("fetch_order_book", name, BOOK_ROWS, subject=symbol)
        except DataError:
            book = self._client.call("fetch_order_book", name, subject=symbol)  # some take a few sizes alone
        return book

    def _contract(self, symbol: str) -> float:
        return self._unit(self._load()[symbol])

    # ------------------------------------------------------------------------------------------------------ tickers

    def _fetch_tickers(self, names: list[str]) -> Mapping[str, Mapping[str, Any]]:
        if self._client.has("fetchTickers"):
            answers: Mapping[str, Mapping[str, Any]] = self._client.call("fetch_tickers")
            return answers
        return {name: self._client.call("fetch_ticker", name, subject=name) for name in names}

    def _refuse_other_times(self, answers: Mapping[str, Mapping[str, Any]]) -> None:
        times = [at for at in (as_number(answer.get("timestamp")) for answer in answers.values()) if at]
        if not times:
            has_clock = self._client.has("fetchTime")
            times = [self._client.call("fetch_time") if has_clock else self._client.milliseconds()]
        if abs(instant(int(max(times))) - self._now) > MOST_LAG:
            raise DataError(
                f"exchange {self._client.name}",
                f"its tickers are of {instant(int(max(times))):%Y-%m-%d %H:%M} UTC, the run is as of "
                f"{self._now:%Y-%m-%d %H:%M}; a past night needs a folder of files (exchange: {{name: files}})",
            )

    def _fetch_best_prices(self, answers: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Mapping[str, Any]]:
        """Return bid and ask of every pair by one request, where tickers come without them."""
        if any(answer.get("bid") for answer in answers.values()) or not self._client.has("fetchBidsAsks"):
            return {}
        try:
            books: Mapping[str, Mapping[str, Any]] = self._client.call("fetch_bids_asks")
        except (DataError, UsageError) as error:
            # Some offer it to accounts alone; the order book of each pair that is examined says it as well.
            self._log.info("%s; spreads come from order books", error)
            return {}
        return books

    def _ticker(self, symbol: str, answer: Mapping[str, Any], book: Mapping[str, Any]) -> Ticker:
        last = as_number(answer.get("last")) or 0.0
        quote_volume = as_number(answer.get("quoteVolume"))
        if quote_volume is None:
            price = as_number(answer.get("vwap")) or last
            unit = self._contract(symbol) if self._client.name in TICKERS_IN_CONTRACTS else 1.0
            traded = (as_number(answer.get("baseVolume")) or 0.0) * unit
            quote_volume = traded if unit != 1.0 and self._load()[symbol].get("inverse") is True else traded * price
        spread = spread_in_bps(answer.get("bid") or book.get("bid"), answer.get("ask") or book.get("ask"))
        at = as_number(answer.get("timestamp"))
        return Ticker(
            symbol=symbol,
            time=instant(int(at)) if at else self._now,
            last=last,
            quote_volume=quote_volume,
            spread_bps=estimate_spread_bps(quote_volume) if spread is None else spread,
            spread_source="estimate" if spread is None else "exchange",
            active_share=None,
            daily_volatility=None,
            last_trade_at=instant(int(at)) if at else None,
        )


def _is_wanted(entry: Mapping[str, Any], kind: MarketKind) -> bool:
    if kind is MarketKind.SPOT:
        return bool(entry.get("spot"))
    return bool(entry.get("swap"))


def _symbol(entry: Mapping[str, Any]) -> str:
    settled = entry.get("settle") if entry.get("swap") else None
    other = f":{settled}" if settled and settled != entry["quote"] else ""
    return f"{entry['base']}-{entry['quote']}{other}"
