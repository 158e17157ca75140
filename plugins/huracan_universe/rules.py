"""The bundled rules: each looks at one thing and says in numbers why a pair is left out."""

from __future__ import annotations

import re

from huracan.context import Context
from huracan.types import Candidate, UniverseRule
from huracan_universe.kinds import FIAT, STABLECOINS, WRAPPED
from huracan_universe.settings import UniverseSettings

__all__ = ["RULES"]

_LEVERAGED = re.compile(r"[A-Z0-9]{2,}(UP|DOWN|BULL|BEAR|[2345][LS])")
_NOT_LEVERAGED = frozenset({"JUP", "SYRUP", "PUP", "PUMPUP", "SETUP", "CUP"})


def _settings(context: Context) -> UniverseSettings:
    return context.settings.section(UniverseSettings)


def _quote(context: Context, candidate: Candidate) -> str | None:
    wanted = _settings(context).quote
    quote = candidate.market.quote
    return None if quote == wanted else f"is quoted in {quote}, not {wanted}"


def _market_type(context: Context, candidate: Candidate) -> str | None:
    wanted = _settings(context).market_type
    return None if candidate.market.kind == wanted else f"is a {candidate.market.kind} market, not {wanted}"


def _delisted(_: Context, candidate: Candidate) -> str | None:
    if candidate.market.active:
        return None
    last = candidate.ticker.last_trade_at
    return "is not traded any more" + (f", the last trade was on {last:%Y-%m-%d %H:%M}" if last else "")


def _age(context: Context, candidate: Candidate) -> str | None:
    least, age = _settings(context).min_age_days, candidate.age_days
    if age is None:
        return "has no known listing date" if least > 0 and candidate.examined else None
    return f"is listed for {age:.1f} days, less than {least:g}" if age < least else None


def _volume(context: Context, candidate: Candidate) -> str | None:
    least, volume = _settings(context).min_quote_volume_24h, candidate.ticker.quote_volume
    if volume >= least:
        return None
    return f"turned over {volume:,.0f} {candidate.market.quote} in 24 h, less than {least:,.0f}"


def _spread(context: Context, candidate: Candidate) -> str | None:
    most, spread = _settings(context).max_spread_bps, candidate.ticker.spread_bps
    if spread <= most:
        return None
    return f"has a spread of {spread:.1f} bps ({candidate.ticker.spread_source}), more than {most:g}"


def _activity(context: Context, candidate: Candidate) -> str | None:
    least, share = _settings(context).min_active_share, candidate.ticker.active_share
    if share is None:
        return "has no candles of the last week" if least > 0 and candidate.examined else None
    return f"traded in {share:.0%} of the last week's bars, less than {least:.0%}" if share < least else None


def _pegged(context: Context, candidate: Candidate) -> str | None:
    least, volatility = _settings(context).min_daily_volatility, candidate.ticker.daily_volatility
    if volatility is None or volatility >= least or candidate.ticker.active_share == 0:
        return None
    return f"moves {volatility:.2%} a day, less than {least:.2%}: it is pegged"


def _stablecoin(context: Context, candidate: Candidate) -> str | None:
    if _settings(context).allow_stablecoins or candidate.market.base not in STABLECOINS:
        return None
    return f"{candidate.market.base} is a stablecoin"


def _fiat(context: Context, candidate: Candidate) -> str | None:
    if _settings(context).allow_fiat or candidate.market.base not in FIAT:
        return None
    return f"{candidate.market.base} is a national currency"


def _wrapped(context: Context, candidate: Candidate) -> str | None:
    if _settings(context).allow_wrapped or candidate.market.base not in WRAPPED:
        return None
    return f"{candidate.market.base} is a claim on something else, whose price it follows"


def _leveraged(context: Context, candidate: Candidate) -> str | None:
    base = candidate.market.base
    named = bool(_LEVERAGED.fullmatch(base)) and base not in _NOT_LEVERAGED
    if _settings(context).allow_leveraged or not (candidate.market.leveraged_token or named):
        return None
    return f"{base} is a leveraged token"


def _excluded(context: Context, candidate: Candidate) -> str | None:
    return "is on the list universe.exclude" if candidate.market.symbol in _settings(context).exclude else None


RULES = (
    UniverseRule("quote", _quote),
    UniverseRule("market_type", _market_type),
    UniverseRule("delisted", _delisted),
    UniverseRule("age", _age),
    UniverseRule("volume", _volume),
    UniverseRule("spread", _spread),
    UniverseRule("activity", _activity),
    UniverseRule("pegged", _pegged),
    UniverseRule("stablecoin", _stablecoin),
    UniverseRule("fiat", _fiat),
    UniverseRule("wrapped", _wrapped),
    UniverseRule("leveraged", _leveraged),
    UniverseRule("excluded", _excluded),
)
