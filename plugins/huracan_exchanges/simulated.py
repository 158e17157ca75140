"""A simulated exchange: about 30 made-up coins, the same for everybody with the same seed, without network.

What is in it: BTC and ETH; 15 further coins of falling liquidity (200 down to 6 million a day; spreads 1.6 to 9 bp;
taker fees 10 to 14 bp); a coin that is listed each quarter and delisted 300 days later; and the odd ones that the
rules of the universe and the checks of candles are for: a stablecoin (USDC), a fiat pair (EUR), a wrapped coin
(WBTC), a leveraged token (BTCUP), a coin that hardly trades (DUST), one that is redenominated every March (SPLIT) and
one that stands still for 20 days every September (HALT). How prices are made: :mod:`huracan_exchanges.world`.

What can be earned: in AURA, EMBER, GROVE, KELP, MIRAGE (momentum) and CIRRUS, INDIGO (reversal) the price drifts 200
to 230 bp over the 10 hours after a volume-backed jump, about 415 times a year; see :func:`edge_of`. In the other
coins the best forecast of a return is zero, and whatever a model seems to earn there is luck. (USDC and WBTC waver
around their worth by less than a trade costs.)

What that is worth after costs, as a yearly Sharpe ratio of hourly returns over 2022 to 2026, seeds 7 and 8, with
costs of two taker fees, the spread and 4 bp of slippage a round trip: an oracle that is told each event 17 to 22 long
and short and 12 to 16 long only; a plain rule that knows what to look for (volume above three times and move above
1.5 times their 20-hour average, held 10 hours, long and short) 14 to 18. That is far more than any market pays, and
on purpose: a model does not know what to look for. Small LightGBM models (10 plain features among 20 of noise, a year
of data, walk-forward, long only, 8 hours, seed 7) earned 1.6 to 7.1, in the middle 2.9; an earlier form with half the
drift and smaller jumps gave them nothing after costs. In the other coins all of them lose what they pay (Sharpe about
-2 to -5).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from huracan.clock import milliseconds
from huracan.errors import DataError
from huracan.market.candles import Candles
from huracan.market.timeframes import TIMEFRAMES
from huracan.types import Market, Ticker
from huracan_exchanges.bars import Bars, instant, last_days, pages, resample
from huracan_exchanges.catalogue import Coin, Sort, edge_of, permanent_coins, rotating_coins
from huracan_exchanges.planted import memory_of
from huracan_exchanges.settings import SimulatedSettings
from huracan_exchanges.world import HOUR_MS, World, typical_volatility

__all__ = ["SimulatedExchange", "edge_of"]


def _with_edge(coin: Coin, settings: SimulatedSettings) -> Coin:
    """Return the coin with the edge that the settings ask for."""
    if settings.edge == "demo":
        return coin
    remembers = settings.edge == "memory" and coin.sort is Sort.COIN
    memory = memory_of(coin, settings.edge_sharpe, typical_volatility(coin)) if remembers else 0.0
    return replace(coin, edge=None, memory=memory)


class SimulatedExchange:
    """The made-up market as of ``now``: later hours do not exist yet."""

    def __init__(self, settings: SimulatedSettings, now: datetime) -> None:
        self._now = now
        self._world = World(settings.seed, settings.start, milliseconds(now))
        known = (*permanent_coins(settings.coins), *rotating_coins(settings.coins, now.date()))
        made = (_with_edge(coin, settings) for coin in known)
        self._coins = {coin.symbol: coin for coin in sorted(made, key=lambda coin: coin.symbol)}
        self._bars: dict[str, Bars] = {}

    def markets(self) -> Sequence[Market]:
        """Return every pair that has traded so far and is listed, or was until two months ago, by name."""
        return [self._market(coin) for symbol, coin in self._coins.items() if len(self._read(symbol).candles)]

    def tickers(self, symbols: Sequence[str]) -> Mapping[str, Ticker]:
        """Return the last days of each symbol. Raises DataError for one that does not exist."""
        return {symbol: self._ticker(symbol) for symbol in symbols}

    def candles(self, symbol: str, timeframe: str, since: int, until: int) -> Iterator[Candles]:
        """Yield pages of closed candles, oldest first. Raises DataError for bars shorter than an hour."""
        bars = self._read(symbol)
        if timeframe not in TIMEFRAMES:
            raise DataError(symbol, f"no candles of {timeframe!r}; use one of {', '.join(TIMEFRAMES)}")
        longer = resample(bars, TIMEFRAMES[timeframe], symbol)
        yield from pages(longer.candles, since, until)

    def problems(self) -> Sequence[str]:
        """Return nothing: made-up data has no damage."""
        return []

    def close(self) -> None:
        """Forget the histories."""
        self._bars.clear()

    def _read(self, symbol: str) -> Bars:
        if symbol not in self._coins:
            raise DataError(symbol, "the simulated exchange has no such market")
        if symbol not in self._bars:
            self._bars[symbol] = Bars(self._world.candles(self._coins[symbol]), HOUR_MS)
        return self._bars[symbol]

    def _market(self, coin: Coin) -> Market:
        first = int(self._read(coin.symbol).candles.timestamp[0])
        return Market(
            symbol=coin.symbol,
            base=coin.base,
            quote=coin.symbol.partition("-")[2],
            active=coin.delisted is None or self._now.date() < coin.delisted,
            listed_at=instant(first),
            taker_fee_bps=coin.taker_fee_bps,
            maker_fee_bps=coin.taker_fee_bps - 2.0,
            leveraged_token=coin.sort is Sort.LEVERAGED,
            source="exchange",
        )

    def _ticker(self, symbol: str) -> Ticker:
        bars = self._read(symbol)
        if len(bars.candles) == 0:
            raise DataError(symbol, f"the simulated exchange has no candles before {self._now:%Y-%m-%d %H:%M} UTC")
        facts = last_days(bars, milliseconds(self._now))
        return Ticker(
            symbol=symbol,
            time=self._now,
            last=facts.last,
            quote_volume=facts.quote_volume,
            spread_bps=self._coins[symbol].spread_bps,
            spread_source="exchange",
            active_share=facts.active_share,
            daily_volatility=facts.daily_volatility,
            last_trade_at=facts.last_trade_at,
        )
