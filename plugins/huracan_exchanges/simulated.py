"""A simulated exchange: about 30 made-up coins, the same for everybody with the same seed, without network.

What is in it: BTC and ETH; 15 further coins of falling liquidity (200 down to 6 million a day; spreads 1.6 to 9 bp;
taker fees 10 to 14 bp); a coin that is listed each quarter and delisted 300 days later; and the odd ones that the
rules of the universe and the checks of candles are for: a stablecoin (USDC), a fiat pair (EUR), a wrapped coin
(WBTC), a leveraged token (BTCUP), a coin that hardly trades (DUST), one that is redenominated every March (SPLIT) and
one that stands still for 20 days every September (HALT). How prices are made: :mod:`huracan_exchanges.world`.

What can be earned: in AURA, EMBER, GROVE, KELP, MIRAGE (momentum) and CIRRUS, INDIGO (reversal) the price drifts 90
to 105 bp over the 10 hours after a volume-backed jump, about 350 times a year; see :func:`edge_of`. In the other
coins the best forecast of a return is zero, and whatever a model seems to earn there is luck. (USDC and WBTC waver
around their worth by less than a trade costs.)

What that is worth after costs, measured over 2022 to 2026 with seeds 7 and 8, costs being two taker fees, the spread
and 4 bp of slippage a round trip, as a yearly Sharpe ratio of hourly returns: an oracle that is told each event earns
5.4 to 7.6 long and short, 3.7 to 5.4 long only (net 54 to 90 bp a trade); a plain rule that sees only candles (volume
above three times and move above 1.5 times their 20-hour average, held 10 hours) earns 3.2 to 5.8. A trained model
should come out below that rule: 2 to 4 is good, and far more than the rule is a mistake in the evaluation. In the
other coins the same rules lose what they pay (Sharpe -2 to -4).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from huracan.clock import milliseconds
from huracan.errors import DataError
from huracan.market.candles import TIMEFRAMES, Candles
from huracan.types import Market, Ticker
from huracan_exchanges.bars import Bars, instant, last_days, pages, resample
from huracan_exchanges.catalogue import Coin, Sort, edge_of, permanent_coins, rotating_coins
from huracan_exchanges.settings import SimulatedSettings
from huracan_exchanges.world import HOUR_MS, World

__all__ = ["SimulatedExchange", "edge_of"]


class SimulatedExchange:
    """The made-up market as of ``now``: later hours do not exist yet."""

    def __init__(self, settings: SimulatedSettings, now: datetime) -> None:
        self._now = now
        self._world = World(settings.seed, settings.start, milliseconds(now))
        known = (*permanent_coins(settings.coins), *rotating_coins(settings.coins, now.date()))
        self._coins = {coin.symbol: coin for coin in sorted(known, key=lambda coin: coin.symbol)}
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
