"""Asks an exchange by HTTP. Change the two questions and how their answers are read to what yours says.

``GET /markets`` answers ``[{"base": "BTC", "quote": "USDT", "listed": 1500000000000, "taker_bps": 10}, ...]``,
``GET /candles?symbol=BTC-USDT&timeframe=1h&since=MS&until=MS`` ``[[ms, open, high, low, close, volume], ...]``, a page
of bars that open in ``since <= ms < until``, the oldest first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import numpy as np
from huracan.clock import milliseconds
from huracan.context import Context
from huracan.errors import DataError, TryAgainError
from huracan.market.candles import COLUMNS, Candles
from huracan.market.timeframes import TIMEFRAMES, timeframe_ms
from huracan.types import Market, Ticker

from huracan_stranger.exchange import ExchangeSettings

__all__ = ["HttpExchange"]

HOUR = 3_600_000
DAY_BARS, WEEK_BARS = 24, 168
SPREAD_BPS = 10.0
"""Candles do not tell the spread: an estimate, and called so."""


class HttpExchange:
    """The exchange as of the context's clock: it shows nothing later, whatever the server knows by now."""

    def __init__(self, context: Context, settings: ExchangeSettings) -> None:
        self._context = context
        self._client = httpx.Client(base_url=settings.url, timeout=settings.timeout_seconds, trust_env=False)
        self._markets: dict[str, Market] | None = None
        self._problems: list[str] = []

    @property
    def _now(self) -> datetime:
        return self._context.clock.now()

    def markets(self) -> Sequence[Market]:
        """Return the pairs that were listed by now; one that cannot be read is told of by ``problems``."""
        if self._markets is None:
            found: dict[str, Market] = {}
            self._problems = []
            for entry in self._ask("/markets", {}):
                try:
                    market = _market(entry)
                except (KeyError, TypeError, ValueError, OverflowError) as error:
                    self._problems.append(f"market {str(entry)[:80]!r} cannot be read: {type(error).__name__}")
                    continue
                found[market.symbol] = market
            self._markets = found
        now = self._now
        return [each for each in self._markets.values() if each.listed_at is None or each.listed_at <= now]

    def tickers(self, symbols: Sequence[str]) -> Mapping[str, Ticker]:
        """Return what the candles of the last week say; a pair without any is left out."""
        known = {market.symbol for market in self.markets()}
        found = {symbol: self._ticker(symbol) for symbol in symbols if symbol in known}
        return {symbol: ticker for symbol, ticker in found.items() if ticker is not None}

    def candles(self, symbol: str, timeframe: str, since: int, until: int) -> Iterator[Candles]:
        """Yield pages of closed candles. Raises DataError for a pair or timeframe that is not there."""
        if symbol not in {market.symbol for market in self.markets()}:
            raise DataError(symbol, "is no pair of this exchange")
        if timeframe not in TIMEFRAMES:
            raise DataError(symbol, f"no candles of {timeframe!r}; use one of {', '.join(TIMEFRAMES)}")
        now = milliseconds(self._now)
        until = min(until, now)
        while since < until:
            rows = self._ask("/candles", {"symbol": symbol, "timeframe": timeframe, "since": since, "until": until})
            page = _candles(symbol, rows).between(since, until)
            closed = page.closed_at(now, timeframe)
            if len(closed):
                yield closed
            if len(closed) < len(page) or not len(page):
                return
            since = int(page.timestamp[-1]) + timeframe_ms(timeframe)

    def problems(self) -> Sequence[str]:
        return tuple(self._problems)

    def close(self) -> None:
        self._client.close()

    def _ask(self, path: str, query: Mapping[str, str | int]) -> list[Any]:
        try:
            answer = self._client.get(path, params=dict(query))
        except httpx.TransportError as error:
            raise TryAgainError(f"the exchange does not answer ({type(error).__name__})") from None
        if answer.status_code == 429 or answer.status_code >= 500:
            raise TryAgainError(f"the exchange answers {answer.status_code}")
        try:
            found = answer.raise_for_status().json()
        except (httpx.HTTPStatusError, ValueError):
            raise DataError(path, f"the exchange answers {answer.status_code}, and no JSON that can be used") from None
        if not isinstance(found, list):
            raise DataError(path, f"the exchange answers with {type(found).__name__}, not with a list")
        return found

    def _ticker(self, symbol: str) -> Ticker | None:
        now = self._now
        last_hour = milliseconds(now) // HOUR * HOUR
        week = Candles.concatenate(list(self.candles(symbol, "1h", last_hour - WEEK_BARS * HOUR, last_hour)))
        if not len(week):
            return None
        traded = week.volume > 0
        last_trade = int(week.timestamp[traded][-1]) + HOUR if traded.any() else None
        moves = np.diff(np.log(week.close))
        return Ticker(
            symbol,
            now,
            last=float(week.close[-1]),
            quote_volume=float((week.close * week.volume)[week.timestamp >= last_hour - DAY_BARS * HOUR].sum()),
            spread_bps=SPREAD_BPS,
            spread_source="estimate",
            active_share=float(traded.sum()) / WEEK_BARS,
            daily_volatility=float(moves.std() * np.sqrt(DAY_BARS)) if len(moves) else None,
            last_trade_at=None if last_trade is None else _instant(last_trade),
        )


def _market(entry: Mapping[str, Any]) -> Market:
    base, quote = str(entry["base"]), str(entry["quote"])
    fee = float(entry.get("taker_bps", 10.0))
    return Market(
        f"{base}-{quote}",
        base,
        quote,
        listed_at=_instant(int(entry["listed"])) if "listed" in entry else None,
        taker_fee_bps=fee,
        maker_fee_bps=fee,
        source="exchange" if "taker_bps" in entry else "default",
    )


def _candles(symbol: str, rows: list[Any]) -> Candles:
    try:
        table = np.array(rows, dtype=np.float64).reshape(len(rows), len(COLUMNS))
    except (TypeError, ValueError):
        raise DataError(symbol, f"its candles are not rows of {', '.join(COLUMNS)}") from None
    return Candles.from_columns(dict(zip(COLUMNS, table.T, strict=True)))


def _instant(ms: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=ms)
