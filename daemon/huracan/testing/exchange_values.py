"""Whether what an exchange hands over can be: markets, tickers, bars, and what some offer besides."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import numpy as np

from huracan.clock import milliseconds
from huracan.market.candles import Candles
from huracan.types import (
    CheckResult,
    CheckState,
    Examiner,
    Exchange,
    FundingSource,
    Market,
    MarketKind,
    SelfCheck,
    Ticker,
)

__all__ = ["bad_extras", "bad_market", "bad_ticker", "impossible_bar"]


def bad_market(market: Any, now: datetime) -> str | None:
    """Say why a market cannot be; None where it can."""
    if not isinstance(market, Market):
        return f"a market is {type(market).__name__}, not Market"
    name = market.symbol
    plain = f"{market.base}-{market.quote}"
    # A perpetual that is settled in something else than its quote says so behind a colon.
    if not market.base or not market.quote or name.partition(":")[0] != plain:
        return f"{name} is not called {plain}"
    kind: Any = market.kind
    if not isinstance(kind, MarketKind):
        return f"{name} is of the kind {kind!r}"
    for side in ("taker_fee_bps", "maker_fee_bps"):
        fee = getattr(market, side)
        if not (math.isfinite(fee) and -50 <= fee <= 500):
            return f"{side} of {name} is {fee}: fees are basis points a side"
    if market.listed_at is not None and (wrong := _bad_instant(market.listed_at, now)):
        return f"{name} is listed at {market.listed_at}, {wrong}"
    for limit in ("price_step", "amount_step", "least_amount", "least_cost"):
        value = getattr(market, limit)
        if value is not None and not (math.isfinite(value) and value >= 0):
            return f"{limit} of {name} is {value}"
    return None


def bad_ticker(ticker: Any, now: datetime) -> str | None:
    """Say why a ticker cannot be; None where it can."""
    if not isinstance(ticker, Ticker):
        return f"a ticker is {type(ticker).__name__}, not Ticker"
    name = ticker.symbol
    for field, value in (("time", ticker.time), ("last_trade_at", ticker.last_trade_at)):
        if value is not None and (wrong := _bad_instant(value, now)):
            return f"{field} of {name} is {value}, {wrong}"
    for field in ("last", "quote_volume", "spread_bps", "daily_volatility", "depth"):
        value = getattr(ticker, field)
        if value is not None and not (math.isfinite(value) and value >= 0):
            return f"{field} of {name} is {value}"
    if ticker.active_share is not None and not 0 <= ticker.active_share <= 1:
        return f"active_share of {name} is {ticker.active_share}"
    return None if ticker.spread_source else f"nobody says where the spread of {name} comes from"


def impossible_bar(candles: Candles) -> str | None:
    """Name the first bar that no market can have made."""
    prices = np.stack([candles.open, candles.high, candles.low, candles.close])
    fine = np.isfinite(prices).all(axis=0) & (prices > 0).all(axis=0)
    fine &= (candles.high >= prices.max(axis=0)) & (candles.low <= prices.min(axis=0))
    fine &= np.isfinite(candles.volume) & (candles.volume >= 0)
    if fine.all():
        return None
    row = int(np.argmin(fine))
    bar = ", ".join(f"{name} {array[row]:g}" for name, array in candles.columns().items() if name != "timestamp")
    return f"the bar of {candles.timestamp[row]} cannot be: {bar}"


def bad_extras(exchange: Exchange, symbol: str, now: datetime, bar: int) -> str | None:
    """Say which promise of what some exchanges offer besides is not kept."""
    market = next((each for each in exchange.markets() if each.symbol == symbol), None)
    if isinstance(exchange, Examiner) and market is not None:
        seen, ticker = exchange.examine(market, exchange.tickers([symbol])[symbol])
        if wrong := bad_market(seen, now) or bad_ticker(ticker, now):
            return f"examine: {wrong}"
        if (seen.symbol, ticker.symbol) != (symbol, symbol):
            return f"examine answers with {seen.symbol} and {ticker.symbol} for {symbol}"
    if isinstance(exchange, FundingSource) and (wrong := _bad_funding(exchange, symbol, now, bar)):
        return f"funding: {wrong}"
    if isinstance(exchange, SelfCheck):
        answer: Any = exchange.check()
        if not isinstance(answer, CheckResult):
            return f"check answers with {type(answer).__name__}, not CheckResult"
        if answer.state is not CheckState.OK and not answer.hint:
            return f"check says {answer.state} and not how to mend it"
    return None


def _bad_funding(exchange: FundingSource, symbol: str, now: datetime, bar: int) -> str | None:
    until = milliseconds(now)
    since = until - 400 * bar
    found = exchange.funding(symbol, since, until + 100 * bar)
    if found is None:
        return None
    times = found.timestamp
    if len(times) and (times[0] < since or times[-1] > until):
        return f"instants from {times[0]} to {times[-1]} for {since} up to the clock, {until}"
    if (np.diff(times) <= 0).any():
        return "instants are out of order, or there twice"
    return None if np.isfinite(found.rate).all() else "a rate is no number"


def _bad_instant(instant: datetime, now: datetime) -> str | None:
    if instant.tzinfo is None:
        return "without a time zone"
    return "which is after the clock" if instant > now else None
