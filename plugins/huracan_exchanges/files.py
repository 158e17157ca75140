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
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from huracan.clock import milliseconds
from huracan.errors import DataError, SettingsError
from huracan.market.candles import TIMEFRAMES, Candles
from huracan.types import Market, Ticker
from huracan_exchanges.bars import Bars, instant, last_days, pages, resample
from huracan_exchanges.candle_file import read_candle_file
from huracan_exchanges.metadata import MarketFacts, Metadata, read_metadata
from huracan_exchanges.probe import deadly_files
from huracan_exchanges.settings import FilesSettings

__all__ = ["FilesExchange", "estimate_spread_bps"]

SUFFIXES = (".parquet", ".csv")
_NAME = re.compile(r"([A-Z0-9]{1,20})-([A-Z0-9]{1,20})\.(parquet|csv)")
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

    Raises SettingsError where the folder or the metadata cannot be read.
    """

    def __init__(self, settings: FilesSettings, now: datetime, log: logging.LoggerAdapter[logging.Logger]) -> None:
        self._settings = settings
        self._now = now
        self._log = log
        self._metadata = read_metadata(settings.metadata) if settings.metadata else Metadata(None, {})
        if settings.metadata and self._metadata.said_at is None:
            log.warning("%s has no serverTime: what it says about halts is not used", settings.metadata.name)
        self._files, self._refused = _list_folder(settings.path)
        self._seen: dict[str, _Seen] | None = None
        self._newest: tuple[str, Bars] | None = None
        self._deadly: frozenset[Path] | None = None

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
        if self._deadly is None:
            self._deadly = deadly_files(list(self._files.values()))
        path = self._files[symbol]
        if path in self._deadly:
            raise DataError(path.name, "is a damaged parquet file (reading it ends the process)")
        bars = read_candle_file(path, milliseconds(self._now))
        if bars is not None:
            self._newest = (symbol, bars)
        return bars

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
        for name in (f"{symbol}{suffix}" for suffix in SUFFIXES):
            if name in self._refused:
                return DataError(name, self._refused[name])
        return DataError(symbol, f"no candles in {self._settings.path} before {self._now:%Y-%m-%d %H:%M} UTC")


def _list_folder(folder: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """Return the candle files by symbol and, by file name, why others are refused. Hidden files, sub-folders and files
    that are no candles by their suffix are left alone."""
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as error:
        raise SettingsError(
            f"exchange.path: {folder} cannot be read as a folder: {error.strerror}; "
            "name a folder of BASE-QUOTE.parquet or BASE-QUOTE.csv files"
        ) from None
    files: dict[str, Path] = {}
    refused: dict[str, str] = {}
    for entry in entries:
        hidden = entry.name.startswith(".") and not entry.name.startswith("..")
        if hidden or not entry.name.lower().endswith(SUFFIXES):
            continue
        problem = _refusal(entry)
        symbol = entry.name.rpartition(".")[0]
        if problem is not None:
            refused[_printable(entry.name)] = problem
        elif symbol in files:
            refused[files.pop(symbol).name] = f"{entry.name} is there too; keep one of the two"
        else:
            files[symbol] = Path(entry.path)
    return files, refused


def _refusal(entry: os.DirEntry[str]) -> str | None:
    if entry.is_symlink():
        return "is a symbolic link; only plain files in the folder itself are read"
    if not _NAME.fullmatch(entry.name):
        return "is not named BASE-QUOTE.parquet or BASE-QUOTE.csv in capital letters and digits"
    if not entry.is_file(follow_symlinks=False):
        return "is not a plain file"
    return None


def _printable(name: str) -> str:
    return name if name.isprintable() else ascii(name)


def _mark_leveraged(seen: dict[str, _Seen]) -> dict[str, _Seen]:
    """Call a coin a leveraged token where its name says so about another coin here: BTCUP beside BTC, but not JUP."""
    bases = {entry.market.base for entry in seen.values()}
    marked = dict(seen)
    for symbol, entry in seen.items():
        match = _LEVERAGED.fullmatch(entry.market.base)
        if match and match[1] in bases:
            marked[symbol] = replace(entry, market=replace(entry.market, leveraged_token=True))
    return marked
