"""What exchanges and universe rules hand over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from pydantic import BaseModel

    from huracan.context import Context
    from huracan.market.candles import Candles
    from huracan.market.funding import Funding
    from huracan.types.health import CheckResult

__all__ = [
    "Candidate",
    "ConcurrentSource",
    "Examiner",
    "Exchange",
    "ExchangeType",
    "FundingSource",
    "Market",
    "MarketKind",
    "SelfCheck",
    "Ticker",
    "UniverseRule",
]


class MarketKind(StrEnum):
    SPOT = "spot"
    PERPETUAL = "perpetual"


@dataclass(frozen=True, slots=True)
class Market:
    """One pair of an exchange. ``symbol`` is ``BASE-QUOTE`` everywhere. Fees are per side, in basis points."""

    symbol: str
    base: str
    quote: str
    kind: MarketKind = MarketKind.SPOT
    active: bool = True
    listed_at: datetime | None = None
    taker_fee_bps: float = 10.0
    maker_fee_bps: float = 10.0
    leveraged_token: bool = False
    source: str = "default"
    """Where the fees come from: ``exchange``, ``estimate`` or ``default``."""
    price_step: float | None = None
    amount_step: float | None = None
    least_amount: float | None = None
    least_cost: float | None = None
    """Limits of an order, in quote currency a unit, base, base and quote currency; None where nobody says."""


@dataclass(frozen=True, slots=True)
class Ticker:
    """The last 24 h of a market up to ``time``. ``quote_volume`` in quote currency, ``spread_bps`` the full spread."""

    symbol: str
    time: datetime
    last: float
    quote_volume: float
    spread_bps: float
    spread_source: str
    active_share: float | None
    """Share of the bars of the last 7 days that exist and carry volume, 0 to 1; None where it is not known (yet)."""
    daily_volatility: float | None
    """Standard deviation of log returns of the last 7 days, scaled to a day, as a fraction; None as above."""
    last_trade_at: datetime | None = None
    depth: float | None = None
    """What can be bought and sold within 50 bp of the middle, the smaller of both, quote currency; None as above."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a universe rule judges: a pair and its last day, as of ``as_of``."""

    market: Market
    ticker: Ticker
    as_of: datetime
    examined: bool = True
    """False while the exchange was not yet asked for what takes requests of its own: a rule waits for what is None."""

    @property
    def age_days(self) -> float | None:
        """Days since listing, or None where the exchange does not say."""
        if self.market.listed_at is None:
            return None
        return (self.as_of - self.market.listed_at).total_seconds() / 86400.0


class Exchange(Protocol):
    """An open connection to an exchange that shows nothing later than the clock it was opened with.

    One that knows the funding of its perpetuals is a :class:`FundingSource` besides.
    """

    def markets(self) -> Sequence[Market]: ...

    def tickers(self, symbols: Sequence[str]) -> Mapping[str, Ticker]: ...

    def candles(self, symbol: str, timeframe: str, since: int, until: int) -> Iterator[Candles]:
        """Yield pages, oldest first, of closed candles with ``since <= open time < until`` (ms, UTC).

        Raises :class:`huracan.errors.DataError` where the symbol's data cannot be used, and
        :class:`huracan.errors.TryAgainError` where the exchange is away.
        """
        ...

    def problems(self) -> Sequence[str]:
        """Return one line for each market that had to be left out because its data cannot be read."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class Examiner(Protocol):
    """What an exchange offers besides where some facts of a pair take requests of their own (order book, first candle).

    It is asked about the pairs that no rule dropped for what was known before.
    """

    def examine(self, market: Market, ticker: Ticker) -> tuple[Market, Ticker]:
        """Return the pair with what could be found out; what nobody knows stays None. Raises as ``candles`` does."""
        ...


@runtime_checkable
class SelfCheck(Protocol):
    """What an exchange offers besides where a cheaper question than for all markets says within seconds how it is."""

    def check(self) -> CheckResult: ...


@runtime_checkable
class ConcurrentSource(Protocol):
    """What an exchange says besides where ``candles`` may be called by several threads: how many are worth it."""

    requests_at_once: int


@runtime_checkable
class FundingSource(Protocol):
    """What an exchange offers besides where it knows what its perpetuals pay; without it, funding is estimated."""

    def funding(self, symbol: str, since: int, until: int) -> Funding | None:
        """Return the rates that fell due at ``since <= instant < until`` (ms, UTC), None where it knows of none.

        Instants that lie after the clock are not among them. Raises as ``candles`` does.
        """
        ...


@dataclass(frozen=True, slots=True)
class ExchangeType:
    """An exchange that settings can choose by ``name``.

    ``settings`` is a frozen pydantic model with a field ``name: Literal["..."]`` of the same value; ``open`` gets the
    context and the validated settings. A class attribute ``candle_source`` of it may name the fields that give the
    exchange other candles (a seed, a folder): where one changes, the cache of candles is set aside and fetched anew.
    ``funding_source`` says the same of funding.
    """

    name: str
    settings: type[BaseModel]
    open: Callable[[Context, Any], Exchange]


@dataclass(frozen=True, slots=True)
class UniverseRule:
    """A reason to leave a pair out. ``veto`` returns that reason as one sentence with numbers, or None."""

    name: str
    veto: Callable[[Context, Candidate], str | None]
