"""An exchange that is a folder of candle files, one per pair, seen as of the clock.

Volume, activity, volatility, age and delisting are measured from the candles. There is no order book in a candle, so
the spread is an estimate: ``clip(sqrt(500e6 / quote_volume_24h), 1, 50)`` basis points, which is 1 bp at 500 million
and more, about 7 bp at 10 million and 22 bp at 1 million of 24 h turnover. Checked against the quotes of Binance's USDT
pairs on 2020-10-09, median spread and estimate by turnover: 10 to 30 million 3.7 and 4.8 bp, 3 to 10 million 17 and
10 bp, 1 to 3 million 21 and 17 bp, 0.3 to 1 million 44 and 33 bp. It is labelled ``estimate`` wherever it is stored.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from huracan.clock import milliseconds
from huracan.errors import DataError
from huracan.market.candles import Candles
from huracan.market.funding import Funding
from huracan.market.timeframes import TIMEFRAMES
from huracan.types import Market, MarketKind, Ticker
from huracan_exchanges.bars import Bars, instant, last_days, pages, resample
from huracan_exchanges.candle_file import read_candle_file
from huracan_exchanges.folder import Folder, list_folder
from huracan_exchanges.funding_file import read_funding_file
from huracan_exchanges.metadata import MarketFacts, Metadata, read_metadata
from huracan_exchanges.probe import deadly_files
from huracan_exchanges.settings import FilesSettings

__all__ = ["FilesExchange", "estimate_spread_bps"]

_LEVERAGED = re.compile(r"(.+?)(UP|DOWN|BULL|BEAR|[2345][LS])")


def estimate_spread_bps(quote_volume: float) -> float:
    """Estimate the full spread in basis points from 24 h turnover in quote currency; see the module."""
    return min(50.0, max(1.0, math.sqrt(500e6 / quote_volume))) if quote_volume > 0 else 50.0


@dataclass(frozen=True, slots=True)
class _Seen:
    market: Market
    ticker: Ticker


class FilesExchange:
    """The folder as of ``now``. Each file is read once for its market and ticker, and again when its candles are asked
    for: a hundred coins must not lie in memory at once.

    Raises SettingsError where a folder or the metadata cannot be read.
    """

    def __init__(self, settings: FilesSettings, now: datetime, log: logging.LoggerAdapter[logging.Logger]) -> None:
        self._settings = settings
        self._now = now
        self._log = log
        self._metadata = read_metadata(settings.metadata) if settings.metadata else Metadata(None, {})
        if settings.metadata and self._metadata.said_at is None:
            log.warning("%s has no serverTime: what it says about halts is not used", settings.metadata.name)
        perpetual = settings.market_type is MarketKind.PERPETUAL
        self._folder = list_folder(settings.path, "exchange.path", perpetual)
        self._files, self._refused = self._folder.files, self._folder.refused
        self._rates = list_folder(settings.funding, "exchange.funding", perpetual) if settings.funding else None
        self._seen: dict[str, _Seen] | None = None
        self._newest: tuple[str, Bars] | None = None
        self._deadly: dict[Path, frozenset[Path]] = {}

    def markets(self) -> Sequence[Market]:
        """Return every pair whose first candle closed before the clock, by name."""
        return [seen.market for seen in self._look().values()]

    def tickers(self, symbols: Sequence[str]) -> Mapping[str, Ticker]:
        """Return what the candles say about the last days. Raises DataError for a symbol that is not in the folder."""
        seen = self._look()
        for symbol in symbols:
            if symbol not in seen:
                raise self._unknown(symbol)
        return {symbol: seen[symbol].ticker for symbol in symbols}

    def candles(self, symbol: str, timeframe: str, since: int, until: int) -> Iterator[Candles]:
        """Yield pages of closed candles, oldest first; longer bars are joined from shorter ones, never the reverse."""
        if symbol not in self._files:
            raise self._unknown(symbol)
        if timeframe not in TIMEFRAMES:
            raise DataError(symbol, f"no candles of {timeframe!r}; use one of {', '.join(TIMEFRAMES)}")
        bars = self._read(symbol)
        if bars is None:
            raise self._unknown(symbol)
        longer = resample(bars, TIMEFRAMES[timeframe], self._files[symbol].name)
        yield from pages(longer.candles.closed_at(milliseconds(self._now), timeframe), since, until)

    def funding(self, symbol: str, since: int, until: int) -> Funding | None:
        """Return what the pair's file in the folder of funding says, None where there is no file of it.

        Raises DataError where the file cannot be used.
        """
        if self._rates is None:
            return None
        path = self._rates.files.get(symbol)
        if path is not None:
            self._refuse_deadly(self._rates, path)
            return read_funding_file(path, milliseconds(self._now)).between(since, until)
        refused = self._rates.why_not(symbol)
        if refused is not None:
            raise refused
        return None

    def problems(self) -> Sequence[str]:
        """Return one line for each file that was left out, by file name."""
        self._look()
        return [f"{name}: {what}" for name, what in sorted(self._refused.items())]

    def close(self) -> None:
        """Forget what was read."""
        self._newest = None

    # ------------------------------------------------------------------------------------------------------ reading

    def _look(self) -> dict[str, _Seen]:
        if self._seen is None:
            seen: dict[str, _Seen] = {}
            for symbol, path in self._files.items():
                try:
                    bars = self._read(symbol)
                except DataError as error:
                    self._refused[path.name] = error.what
                    continue
                if bars is not None:
                    seen[symbol] = self._judge(symbol, bars)
                    if bars.dropped:
                        self._log.warning("%s: dropped %d row(s) that repeat another one", path.name, bars.dropped)
            self._seen = _mark_leveraged(seen)
        return self._seen

    def _read(self, symbol: str) -> Bars | None:
        if self._newest is not None and self._newest[0] == symbol:
            return self._newest[1]
        path = self._files[symbol]
        self._refuse_deadly(self._folder, path)
        bars = read_candle_file(path, milliseconds(self._now))
        if bars is not None:
            self._newest = (symbol, bars)
        return bars

    def _refuse_deadly(self, folder: Folder, path: Path) -> None:
        if folder.path not in self._deadly:
            self._deadly[folder.path] = deadly_files(list(folder.files.values()))
        if path in self._deadly[folder.path]:
            raise DataError(path.name, "is a damaged parquet file (reading it ends the process)")

    def _judge(self, symbol: str, bars: Bars) -> _Seen:
        base, _, quote = symbol.partition("-")
        facts = last_days(bars, milliseconds(self._now))
        said = self._metadata.markets.get((base, quote))
        last_close = instant(int(bars.candles.timestamp[-1]) + bars.length)
        first_open = instant(int(bars.candles.timestamp[0]))
        fresh = self._now - last_close <= timedelta(hours=self._settings.stale_hours)
        market = Market(
            symbol=symbol,
            base=base,
            quote=quote,
            kind=self._settings.market_type,
            active=fresh and not self._halted(said, facts.last_trade_at),
            listed_at=min(first_open, said.listed_at) if said and said.listed_at else first_open,
            taker_fee_bps=self._settings.taker_fee_bps,
            maker_fee_bps=self._settings.maker_fee_bps,
            leveraged_token=said is not None and said.leveraged_token,
            source="default",
        )
        spread = estimate_spread_bps(facts.quote_volume)
        ticker = Ticker(
            symbol=symbol,
            time=self._now,
            last=facts.last,
            quote_volume=facts.quote_volume,
            spread_bps=spread,
            spread_source="estimate",
            active_share=facts.active_share,
            daily_volatility=facts.daily_volatility,
            last_trade_at=facts.last_trade_at,
        )
        return _Seen(market, ticker)

    def _halted(self, said: MarketFacts | None, last_trade_at: datetime | None) -> bool:
        """Believe the exchange's list where it is not from the future and no trade came after it."""
        said_at = self._metadata.said_at
        if said is None or said.trading or said_at is None or said_at > self._now:
            return False
        return last_trade_at is None or last_trade_at <= said_at

    def _unknown(self, symbol: str) -> DataError:
        return self._folder.why_not(symbol) or DataError(
            symbol, f"no candles in {self._settings.path} before {self._now:%Y-%m-%d %H:%M} UTC"
        )


def _mark_leveraged(seen: dict[str, _Seen]) -> dict[str, _Seen]:
    """Call a coin a leveraged token where its name says so about another coin here: BTCUP beside BTC, but not JUP."""
    bases = {entry.market.base for entry in seen.values()}
    marked = dict(seen)
    for symbol, entry in seen.items():
        match = _LEVERAGED.fullmatch(entry.market.base)
        if match and match[1] in bases:
            marked[symbol] = replace(entry, market=replace(entry.market, leveraged_token=True))
    return marked
