"""Binance's public REST protocol: spot (``/api/v3``) and USDT-margined futures (``/fapi/v1``).

Sources: developers.binance.com, "Spot REST API" and "USDⓈ-M Futures": weights of requests, their headers, 429 with
Retry-After, 418 for those who go on regardless, 1000 candles a page (1500 for futures), inclusive startTime and
endTime, error codes -1121 (invalid symbol), -1102, -1003.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from servers.base import LoopbackServer, Reply, Request, reply_json

__all__ = ["BinanceServer", "Series", "made_up", "symbol_entry", "without"]

HOUR = 3_600_000
INTERVALS = {"1m": 60_000, "5m": 300_000, "15m": 900_000, "1h": HOUR, "4h": 4 * HOUR, "1d": 24 * HOUR, "1w": 168 * HOUR}


@dataclass(frozen=True, eq=False)
class Series:
    """Hourly candles of one pair: ``timestamp`` ms UTC of the open, then prices and base volume."""

    timestamp: np.ndarray
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray


def symbol_entry(base: str, quote: str, status: str = "TRADING", **more: Any) -> dict[str, Any]:
    """Return an entry of ``exchangeInfo`` as Binance writes it."""
    return {
        "symbol": f"{base}{quote}", "status": status, "baseAsset": base, "baseAssetPrecision": 8, "quoteAsset": quote,
        "quotePrecision": 8, "quoteAssetPrecision": 8, "orderTypes": ["LIMIT", "MARKET"],
        "isSpotTradingAllowed": status == "TRADING", "isMarginTradingAllowed": False, "permissions": [],
        "permissionSets": [["SPOT"]],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.00010000", "maxPrice": "1000000", "tickSize": "0.00010000"},
            {"filterType": "LOT_SIZE", "minQty": "0.00100000", "maxQty": "9000000", "stepSize": "0.00100000"},
            {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True, "avgPriceMins": 5},
        ],
        **more,
    }  # fmt: skip


class BinanceServer(LoopbackServer):
    """Serves ``series`` as of ``now`` (ms): later candles do not exist yet, the one that contains ``now`` is open.

    ``tickers`` are rows of ``ticker/24hr``; pairs that have none get one made of their candles. Weight is counted in
    windows of ``window`` seconds; ``patience`` answers of 429 in a row are followed by a ban of ``ban`` seconds.
    """

    def __init__(
        self,
        series: Mapping[str, Series],
        symbols: Sequence[Mapping[str, Any]],
        now: int,
        tickers: Sequence[Mapping[str, Any]] = (),
        funding: Mapping[str, Sequence[tuple[int, float]]] | None = None,
    ) -> None:
        super().__init__()
        self.series, self.symbols, self.now = dict(series), list(symbols), now
        self.tickers = {row["symbol"]: row for row in tickers}
        self.funding = dict(funding or {})
        self.weight_limit, self.window, self.patience, self.ban = 6000, 60.0, 3, 2.0
        self.page_limit: int | None = None
        self.overlap = 0
        self.vanished: set[str] = set()
        self.bytes_sent = 0
        self._used, self._window_ends, self._refused, self._banned_until = 0, 0.0, 0, 0.0

    # ------------------------------------------------------------------------------------------------------- limits

    def answer(self, request: Request) -> Reply:
        with self.lock:
            refused = self._weigh(request)
        if refused is not None:
            return refused
        reply = self._route(request)
        with self.lock:
            self.bytes_sent += len(reply.body)
            headers = {**reply.headers, "X-MBX-USED-WEIGHT-1M": str(self._used)}
        return Reply(reply.status, reply.body, headers)

    def _weigh(self, request: Request) -> Reply | None:
        now = time.monotonic()
        if now < self._banned_until:
            return self._too_much(418, self._banned_until - now, "Way too much request weight used; IP banned until")
        if now >= self._window_ends:
            self._used, self._window_ends, self._refused = 0, now + self.window, 0
        weight = self._weight(request)
        if self._used + weight <= self.weight_limit:
            self._used += weight
            return None
        self._refused += 1
        if self._refused > self.patience:
            self._banned_until = now + self.ban
            return self._too_much(418, self.ban, "Way too much request weight used; IP banned until")
        return self._too_much(429, self._window_ends - now, "Too much request weight used")

    @staticmethod
    def _too_much(status: int, seconds: float, message: str) -> Reply:
        return reply_json({"code": -1003, "msg": message}, status, {"Retry-After": str(max(1, round(seconds)))})

    @staticmethod
    def _weight(request: Request) -> int:
        name, limit = request.path.rpartition("/v")[2].partition("/")[2], int(request.query.get("limit", "500"))
        if request.path.startswith("/fapi") and name == "klines":
            return 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1000 else 10
        alone = "symbol" in request.query
        weights = {"exchangeInfo": 20, "klines": 2, "ticker/24hr": 2 if alone else 80}
        weights |= {"ticker/bookTicker": 2 if alone else 4, "depth": 5 if limit <= 100 else 25}
        return weights.get(name, 1)

    # ------------------------------------------------------------------------------------------------------ answers

    def _route(self, request: Request) -> Reply:
        prefix, _, name = request.path.lstrip("/").partition("/v")
        name = name.partition("/")[2]
        if prefix not in ("api", "fapi"):
            return Reply(404, b"<html>not found</html>")
        if name in ("time", "ping"):
            return reply_json({"serverTime": self.now} if name == "time" else {})
        if name == "exchangeInfo":
            return reply_json(self._exchange_info())
        if name == "ticker/24hr":
            return self._listed(request, self._ticker)
        if name == "ticker/bookTicker":
            return self._listed(request, self._book_ticker)
        if name == "fundingRate":
            return self._funding(request)
        symbol = request.query.get("symbol")
        if symbol is None:
            return reply_json({"code": -1102, "msg": "Mandatory parameter 'symbol' was not sent."}, 400)
        if symbol not in self._names():
            return reply_json({"code": -1121, "msg": "Invalid symbol."}, 400)
        if name == "klines":
            return reply_json(self._klines(request, symbol, 1500 if prefix == "fapi" else 1000))
        if name == "depth":
            return reply_json(self._depth(symbol))
        return Reply(404, b"<html>not found</html>")

    def _exchange_info(self) -> dict[str, Any]:
        limits = [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": self.weight_limit}
        ]
        symbols = [entry for entry in self.symbols if entry["symbol"] not in self.vanished]
        return {"timezone": "UTC", "serverTime": self.now, "rateLimits": limits, "symbols": symbols}

    def _names(self) -> set[str]:
        return {entry["symbol"] for entry in self.symbols} - self.vanished

    def _listed(self, request: Request, row: Any) -> Reply:
        if "symbol" in request.query:
            symbol = request.query["symbol"]
            if symbol not in self._names():
                return reply_json({"code": -1121, "msg": "Invalid symbol."}, 400)
            return reply_json(row(symbol))
        rows = [row(entry["symbol"]) for entry in self.symbols if entry["symbol"] not in self.vanished]
        return reply_json([each for each in rows if each is not None])

    def _ticker(self, symbol: str) -> Mapping[str, Any] | None:
        if symbol in self.tickers or symbol not in self.series:
            return self.tickers.get(symbol)
        one = self.series[symbol]
        day = (one.timestamp > self.now - 25 * HOUR) & (one.timestamp + HOUR <= self.now)
        if not day.any():
            return None
        last = float(one.close[day][-1])
        quote_volume = float((one.close[day] * one.volume[day]).sum())
        return {
            "symbol": symbol, "lastPrice": f"{last:.8f}", "openPrice": f"{one.open[day][0]:.8f}",
            "highPrice": f"{one.high[day].max():.8f}", "lowPrice": f"{one.low[day].min():.8f}",
            "bidPrice": f"{last * 0.9999:.8f}", "bidQty": "3.00000000", "askPrice": f"{last * 1.0001:.8f}",
            "askQty": "2.00000000", "volume": f"{one.volume[day].sum():.8f}", "quoteVolume": f"{quote_volume:.8f}",
            "openTime": self.now - 24 * HOUR, "closeTime": self.now, "count": 1000,
        }  # fmt: skip

    def _book_ticker(self, symbol: str) -> Mapping[str, Any] | None:
        row = self._ticker(symbol)
        names = ("symbol", "bidPrice", "bidQty", "askPrice", "askQty")
        return None if row is None else {name: row.get(name, "0") for name in names}

    def _depth(self, symbol: str) -> dict[str, Any]:
        row = self._ticker(symbol)
        if row is None or not float(row.get("askPrice", 0)):
            return {"lastUpdateId": 1, "bids": [], "asks": []}
        bid, ask = float(row["bidPrice"]), float(row["askPrice"])
        step = (ask - bid) or bid * 1e-6
        return {
            "lastUpdateId": 1,
            "bids": [[f"{bid - i * step:.8f}", row["bidQty"]] for i in range(20) if bid - i * step > 0],
            "asks": [[f"{ask + i * step:.8f}", row["askQty"]] for i in range(20)],
        }

    def _klines(self, request: Request, symbol: str, most: int) -> list[list[Any]]:
        length = INTERVALS[request.query["interval"]]
        limit = min(int(request.query.get("limit", "500")), self.page_limit or most)
        start, end = int(request.query.get("startTime", "0")), int(request.query.get("endTime", str(self.now)))
        if symbol not in self.series:
            return []
        one = _joined(self.series[symbol], length, self.now)
        stop = int(np.searchsorted(one.timestamp, min(end, self.now), side="right"))
        first = max(0, int(np.searchsorted(one.timestamp, start, side="left")) - self.overlap)
        if "startTime" not in request.query:
            first = max(0, stop - limit)
        return [_kline(one, row, length) for row in range(first, min(stop, first + limit))]

    def _funding(self, request: Request) -> Reply:
        symbol, limit = request.query.get("symbol", ""), min(int(request.query.get("limit", "100")), 1000)
        start, end = int(request.query.get("startTime", "0")), int(request.query.get("endTime", str(self.now)))
        due = [(at, rate) for at, rate in self.funding.get(symbol, ()) if start <= at <= min(end, self.now)]
        rows = [
            {"symbol": symbol, "fundingTime": at, "fundingRate": f"{rate:.8f}", "markPrice": "1"} for at, rate in due
        ]
        return reply_json(rows[:limit])


def _joined(one: Series, length: int, now: int) -> Series:
    """Return longer bars; the last may still be open, as on the real exchange."""
    known = one.timestamp <= now
    if length == HOUR:
        return one
    opens = one.timestamp[known] - one.timestamp[known] % length
    times, first = np.unique(opens, return_index=True)
    stops = np.append(first[1:], len(opens)) - 1
    return Series(
        times,
        one.open[known][first],
        np.maximum.reduceat(one.high[known], first) if len(first) else one.high[:0],
        np.minimum.reduceat(one.low[known], first) if len(first) else one.low[:0],
        one.close[known][stops] if len(first) else one.close[:0],
        np.add.reduceat(one.volume[known], first) if len(first) else one.volume[:0],
    )


def _kline(one: Series, row: int, length: int) -> list[Any]:
    time_, volume = int(one.timestamp[row]), float(one.volume[row])
    prices = [repr(float(column[row])) for column in (one.open, one.high, one.low, one.close)]
    quote = repr(volume * float(one.close[row]))
    return [time_, *prices, repr(volume), time_ + length - 1, quote, 10, "0", "0", "0"]


def made_up(hours: int, end: int, seed: int = 0, price: float = 100.0, volume: float = 1e5) -> Series:
    """Return a random walk of hourly candles, the last of which opens at ``end`` (ms)."""
    dice = np.random.default_rng(seed)
    close = price * np.exp(np.cumsum(dice.normal(0, 0.01, hours)))
    open_ = np.append(price, close[:-1])
    high, low = np.maximum(open_, close) * 1.001, np.minimum(open_, close) * 0.999
    times = end - HOUR * np.arange(hours - 1, -1, -1, dtype=np.int64)
    traded = dice.uniform(0.5, 1.5, hours) * volume / close
    return Series(times, *(np.round(column, 8) for column in (open_, high, low, close, traded)))


def without(one: Series, missing: np.ndarray) -> Series:
    """Return the candles without those of a mask."""
    keep = ~missing
    columns = (one.timestamp, one.open, one.high, one.low, one.close, one.volume)
    return Series(*(column[keep] for column in columns))
