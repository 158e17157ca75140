"""Which coins the simulated exchange has, and in which of them there is something to be earned."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

__all__ = ["EVENT_BARS", "Coin", "Edge", "Sort", "edge_of", "permanent_coins", "rotating_coins"]

EVENT_BARS = 10
"""How many hours after its event a planted drift lasts."""

QUOTE = "USDT"
LIFE_DAYS = 300
REMEMBERED_DAYS = 60
"""How long a delisted coin stays in the list of markets, as not active."""


class Sort(StrEnum):
    """How a coin's price is made."""

    COIN = "coin"
    BITCOIN = "bitcoin"
    STABLE = "stable"
    FIAT = "fiat"
    WRAPPED = "wrapped"
    LEVERAGED = "leveraged"
    THIN = "thin"
    REDENOMINATED = "redenominated"
    HALTED = "halted"


@dataclass(frozen=True, slots=True)
class Edge:
    """A planted drift: ``bars`` hours after an event the price moves ``total_bps`` in all, on average.

    ``direction`` is 1 where it goes on as the event began (momentum) and -1 where it turns back (reversal).
    """

    direction: int
    total_bps: float
    bars: int = EVENT_BARS


@dataclass(frozen=True, slots=True)
class Coin:
    """What a coin is made with: ``noise`` is its own hourly volatility, ``turnover`` quote currency a day.

    ``memory`` is how strongly its returns go on (above 0) or turn back, see :mod:`huracan_exchanges.planted`.
    """

    base: str
    price: float
    beta: float
    noise: float
    turnover: float
    spread_bps: float
    taker_fee_bps: float = 10.0
    edge: Edge | None = None
    memory: float = 0.0
    sort: Sort = Sort.COIN
    listed: date | None = None
    delisted: date | None = None

    @property
    def symbol(self) -> str:
        return f"{self.base}-{QUOTE}"


_UP, _STRONG, _BACK = Edge(1, 200.0), Edge(1, 230.0), Edge(-1, 210.0)

_PERMANENT = (
    Coin("BTC", 30_000.0, 1.0, 0.0040, 1.5e9, 1.0, sort=Sort.BITCOIN),
    Coin("ETH", 2_000.0, 1.05, 0.0023, 7.0e8, 1.0),
    Coin("AURA", 24.0, 0.9, 0.0042, 2.1e8, 1.6, edge=_UP),
    Coin("BOLT", 0.61, 0.9, 0.0046, 1.8e8, 1.8),
    Coin("CIRRUS", 3.4, 0.8, 0.0044, 1.5e8, 1.9, edge=_BACK),
    Coin("DRIFT", 11.0, 1.0, 0.0047, 1.2e8, 2.1),
    Coin("EMBER", 0.084, 1.0, 0.0046, 9.0e7, 2.4, edge=_UP),
    Coin("FJORD", 95.0, 0.9, 0.0039, 7.5e7, 2.7),
    Coin("GROVE", 1.9, 1.1, 0.0049, 6.0e7, 3.0, edge=_STRONG),
    Coin("HALO", 0.0042, 0.8, 0.0052, 5.0e7, 3.3),
    Coin("INDIGO", 7.7, 0.9, 0.0046, 4.0e7, 3.6, 12.0, edge=_BACK),
    Coin("JADE", 0.33, 1.0, 0.0047, 3.0e7, 4.2, 12.0),
    Coin("KELP", 15.0, 0.9, 0.0044, 2.4e7, 4.7, 12.0, edge=_STRONG),
    Coin("LUMEN", 0.19, 1.0, 0.0051, 1.8e7, 5.4, 12.0),
    Coin("MIRAGE", 2.6, 0.9, 0.0049, 1.3e7, 6.3, 14.0, edge=_STRONG),
    Coin("NIMBUS", 0.72, 1.1, 0.0055, 9.0e6, 7.5, 14.0),
    Coin("OPAL", 41.0, 0.9, 0.0052, 6.0e6, 9.2, 14.0),
    Coin("USDC", 1.0, 0.0, 0.0003, 3.0e8, 1.0, sort=Sort.STABLE),
    Coin("EUR", 1.08, 0.0, 0.0006, 3.0e7, 1.5, sort=Sort.FIAT),
    Coin("WBTC", 30_000.0, 1.0, 0.0004, 1.2e7, 5.0, sort=Sort.WRAPPED),
    Coin("BTCUP", 12.0, 3.0, 0.0005, 2.0e7, 6.0, sort=Sort.LEVERAGED),
    Coin("DUST", 0.011, 0.7, 0.0078, 1.5e5, 55.0, 14.0, sort=Sort.THIN),
    Coin("SPLIT", 0.9, 0.9, 0.0052, 1.6e7, 6.0, 12.0, sort=Sort.REDENOMINATED),
    Coin("HALT", 5.1, 1.0, 0.0051, 1.4e7, 6.2, 12.0, sort=Sort.HALTED),
)

_ROTATING = ("COMET", "ORBIT", "QUARK", "PULSE")


def permanent_coins(count: int) -> tuple[Coin, ...]:
    """Return the coins that are always listed, of an exchange of ``count`` markets."""
    visible_rotating = 6
    extra = max(0, count - len(_PERMANENT) - visible_rotating)
    return (*_PERMANENT[:count], *(_extra(number) for number in range(1, extra + 1)))


def rotating_coins(count: int, day: date) -> tuple[Coin, ...]:
    """Return the coins known on ``day`` that come and go: one is listed each quarter and delisted 300 days later.

    They exist where the exchange has more markets than permanent ones.
    """
    if count <= len(_PERMANENT):
        return ()
    coins = (_rotating(year, quarter) for year in range(day.year - 2, day.year + 1) for quarter in range(4))
    return tuple(
        coin
        for coin in coins
        if coin.listed and coin.delisted and coin.listed <= day <= coin.delisted + timedelta(days=REMEMBERED_DAYS)
    )


def edge_of(symbol: str) -> Edge | None:
    """Return what is planted in a coin of the simulated exchange, or None where its price cannot be foretold."""
    return next((coin.edge for coin in _PERMANENT if coin.symbol == symbol), None)


def _rotating(year: int, quarter: int) -> Coin:
    base = f"{_ROTATING[quarter]}{year % 100:02d}"
    spread = zlib.crc32(base.encode()) % 1000 / 1000
    listed = date(year, 1 + 3 * quarter, 1) + timedelta(days=int(80 * spread))
    return Coin(
        base, 0.5 + 4 * spread, 0.9, 0.006, 4e6 + 3e7 * spread, 8.0 - 4 * spread, 14.0,
        listed=listed, delisted=listed + timedelta(days=LIFE_DAYS),
    )  # fmt: skip


def _extra(number: int) -> Coin:
    base = f"X{number:03d}"
    spread = zlib.crc32(base.encode()) % 1000 / 1000
    return Coin(base, 0.1 + 20 * spread, 0.7 + 0.4 * spread, 0.005, 2e6 + 2e7 * spread, 9.0 - 4 * spread, 14.0)
