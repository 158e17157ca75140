"""What was known about a pair when it was judged, and which pairs cannot be judged at all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime

from huracan.errors import DataError
from huracan.paths import safe_symbol
from huracan.store import UniverseDecision
from huracan.types import Candidate, Market, Ticker

__all__ = ["facts_of", "sort_out"]

_MEASURES = ("quote_volume", "spread_bps", "active_share", "daily_volatility")


def sort_out(
    markets: Sequence[Market], tickers: Mapping[str, Ticker], now: datetime
) -> tuple[list[Candidate], list[UniverseDecision]]:
    """Return the pairs that rules can judge, and a decision for each of the others: no pair vanishes without a reason.

    An exchange may list a pair that never traded, or send a number that is none; neither may be ranked.
    """
    candidates, unusable = [], []
    for market in markets:
        ticker = tickers.get(market.symbol)
        reason = _unusable(market, ticker)
        if ticker is not None and reason is None:
            candidates.append(Candidate(market, ticker, now))
        elif reason is not None:
            facts = facts_of(market, ticker, now)
            unusable.append(UniverseDecision(market.symbol, selected=False, reasons=(reason,), facts=facts))
    return candidates, sorted(unusable, key=lambda each: each.symbol)


def _unusable(market: Market, ticker: Ticker | None) -> tuple[str, str] | None:
    """Return a rule's name and the reason where a pair cannot be judged."""
    try:
        safe_symbol(market.symbol)
    except DataError:
        return "name", "has a name that cannot be a file name: only capital letters, digits and dots can"
    if ticker is None and not market.active:
        return "delisted", "is not traded any more"
    if ticker is None:
        return "ticker", "the exchange says nothing about its last 24 h"
    numbers = {name: getattr(ticker, name) for name in _MEASURES}
    numbers |= {"taker_fee_bps": market.taker_fee_bps, "maker_fee_bps": market.maker_fee_bps}
    wrong = [
        f"{name} {value:g}"
        for name, value in numbers.items()
        if value is not None and (not math.isfinite(value) or (name in _MEASURES and value < 0))
    ]
    return ("ticker", f"the exchange gives numbers that cannot be: {', '.join(wrong)}") if wrong else None


def facts_of(market: Market, ticker: Ticker | None, now: datetime) -> dict[str, object]:
    """Return what was known about a pair as JSON values; what is not known, or no number, is None."""
    age = None if market.listed_at is None else (now - market.listed_at).total_seconds() / 86400.0
    return {
        "base": market.base,
        "quote": market.quote,
        "kind": market.kind.value,
        "active": market.active,
        "age_days": None if age is None else round(age, 3),
        "quote_volume_24h": _number(ticker.quote_volume if ticker else None),
        "spread_bps": _number(ticker.spread_bps if ticker else None),
        "spread_source": ticker.spread_source if ticker else None,
        "active_share": _number(ticker.active_share if ticker else None),
        "daily_volatility": _number(ticker.daily_volatility if ticker else None),
        "depth": _number(ticker.depth if ticker else None),
        "taker_fee_bps": _number(market.taker_fee_bps),
        "maker_fee_bps": _number(market.maker_fee_bps),
        "fee_source": market.source,
        "price_step": _number(market.price_step),
        "amount_step": _number(market.amount_step),
        "least_amount": _number(market.least_amount),
        "least_cost": _number(market.least_cost),
    }


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
