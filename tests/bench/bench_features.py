"""Prints how fast the features are: ``python tests/bench/bench_features.py``.

Beside all of ``classic`` stand the indicators that TA-Lib has among them, as TA-Lib alone, pandas and polars-talib
compute them (``pip install pandas polars-talib``), in the same run and on one thread, for a year of hours and for the
longest history that we have.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import talib

from huracan.market.candles import Candles
from huracan.types import FeatureInput
from huracan_features.classic import CLASSIC, COLUMNS
from huracan_training.pool import KEPT_MEMORY, ONE_THREAD

ROWS = (8_760, 76_542)
RUNS = 30


def made_up(rows: int) -> FeatureInput:
    """Return a random walk with two references."""
    random = np.random.default_rng(1)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.01, rows)))
    candles = Candles.from_columns(
        {
            "timestamp": np.arange(rows) * 3_600_000,
            "open": np.concatenate([[100.0], close[:-1]]),
            "high": close * 1.02,
            "low": close * 0.98,
            "close": close,
            "volume": random.lognormal(5, 1, rows),
        }
    )
    return FeatureInput(candles, "1h", {"BTC": close[::-1].copy(), "ETH": close**0.5})


def by_talib(given: FeatureInput) -> int:
    """Compute what TA-Lib has of the set; return how many columns that is."""
    c = given.candles
    close, volume, high, low = c.close, c.volume, c.high, c.low
    moves = talib.ROCP(close, 1)
    columns: list[object] = [moves, talib.ROCP(close, 5), talib.ROCP(close, 20), talib.LN(close)]
    columns += [talib.SMA(close, rows) for rows in (5, 10, 20, 50)]
    columns += [talib.EMA(close, rows) for rows in (5, 10, 20)]
    columns += [talib.STDDEV(moves[1:], rows) for rows in (5, 20, 10, 50, 100)]
    columns += [talib.SMA(moves[1:], rows) for rows in (10, 50, 100)]
    columns += [talib.ATR(high, low, close, 14), talib.RSI(close, 14), talib.ADX(high, low, close, 14)]
    columns += [*talib.MACD(close), *talib.STOCH(high, low, close, 14), *talib.BBANDS(close, 20)]
    columns += [talib.MIN(close, rows) for rows in (20, 50, 100)] + [talib.MAX(close, rows) for rows in (20, 50, 100)]
    columns += [talib.SMA(volume, 20), talib.STDDEV(volume, 20), talib.MIN(volume, 20), talib.MAX(volume, 20)]
    columns += [talib.OBV(close, volume)]
    columns += [talib.SUM(moves[1:] * volume[1:], 100), talib.SUM(volume, 100), talib.SUM(np.abs(moves[1:]), 20)]
    for other in given.reference.values():
        columns += [talib.CORREL(moves[1:], talib.ROCP(other, 1)[1:], 72)]
    columns += [talib.BETA(close, given.reference["BTC"], 72)]
    columns += [talib.SMA(volume, 200), talib.STDDEV(moves[1:], 200)]
    return len(columns)


def by_pandas(given: FeatureInput) -> int:
    """Compute the same with pandas as its users write it."""
    pd = importlib.import_module("pandas")
    c = given.candles
    close, volume, high, low = (pd.Series(each) for each in (c.close, c.volume, c.high, c.low))
    moves = close.pct_change()
    columns: list[object] = [moves, close.pct_change(5), close.pct_change(20), np.log(close)]
    columns += [close.rolling(rows).mean() for rows in (5, 10, 20, 50)]
    columns += [close.ewm(span=rows, adjust=False).mean() for rows in (5, 10, 20)]
    columns += [moves.rolling(rows).std() for rows in (5, 20, 10, 50, 100)]
    columns += [moves.rolling(rows).mean() for rows in (10, 50, 100)]
    before = close.shift()
    ranges = np.maximum(high - low, np.maximum((high - before).abs(), (low - before).abs()))
    wilder = {"alpha": 1 / 14, "adjust": False}
    atr, change = ranges.ewm(**wilder).mean(), close.diff()
    rsi = 100 - 100 / (1 + change.clip(lower=0).ewm(**wilder).mean() / (-change.clip(upper=0)).ewm(**wilder).mean())
    up, down = high.diff(), -low.diff()
    plus = up.where((up > down) & (up > 0), 0.0).ewm(**wilder).mean() / atr
    minus = down.where((down > up) & (down > 0), 0.0).ewm(**wilder).mean() / atr
    columns += [atr, rsi, ((plus - minus).abs() / (plus + minus)).ewm(**wilder).mean()]
    macd = close.ewm(span=12, adjust=False).mean() - close.ewm(span=26, adjust=False).mean()
    signal = macd.ewm(span=9, adjust=False).mean()
    lowest, highest = low.rolling(14).min(), high.rolling(14).max()
    k = ((close - lowest) / (highest - lowest)).rolling(3).mean()
    middle, wide = close.rolling(20).mean(), close.rolling(20).std()
    columns += [macd, signal, macd - signal, k, k.rolling(3).mean(), middle + 2 * wide, middle, middle - 2 * wide]
    columns += [close.rolling(r).min() for r in (20, 50, 100)] + [close.rolling(r).max() for r in (20, 50, 100)]
    columns += [getattr(volume.rolling(20), what)() for what in ("mean", "std", "min", "max")]
    columns += [(np.sign(change) * volume).cumsum()]
    columns += [(moves * volume).rolling(100).sum(), volume.rolling(100).sum(), moves.abs().rolling(20).sum()]
    others = {name: pd.Series(each).pct_change() for name, each in given.reference.items()}
    columns += [moves.rolling(72).corr(each) for each in others.values()]
    columns += [moves.rolling(72).cov(others["BTC"]) / others["BTC"].rolling(72).var()]
    columns += [volume.rolling(200).mean(), moves.rolling(200).std()]
    return len(columns)


def by_polars_talib(given: FeatureInput) -> int:
    """Compute the same with polars-talib in one ``select``."""
    import polars as pl

    ta: Any = importlib.import_module("polars_talib")
    c = given.candles
    frame = pl.DataFrame(
        {"high": c.high, "low": c.low, "close": c.close, "volume": c.volume, **dict(given.reference.items())}
    )
    high, low, close, volume, btc = (pl.col(name) for name in ("high", "low", "close", "volume", "BTC"))
    moves = close.pct_change()
    columns = [ta.rocp(close, timeperiod=rows) for rows in (1, 5, 20)] + [ta.ln(close)]
    columns += [ta.sma(close, timeperiod=rows) for rows in (5, 10, 20, 50)]
    columns += [ta.ema(close, timeperiod=rows) for rows in (5, 10, 20)]
    columns += [ta.stddev(moves, timeperiod=rows) for rows in (5, 20, 10, 50, 100)]
    columns += [ta.sma(moves, timeperiod=rows) for rows in (10, 50, 100)]
    columns += [ta.atr(high, low, close, timeperiod=14), ta.rsi(close, timeperiod=14)]
    columns += [ta.adx(high, low, close, timeperiod=14), ta.macd(close), ta.stoch(high, low, close, fastk_period=14)]
    columns += [ta.bbands(close, timeperiod=20)]
    columns += [what(close, timeperiod=rows) for what in (ta.min, ta.max) for rows in (20, 50, 100)]
    columns += [what(volume, timeperiod=20) for what in (ta.sma, ta.stddev, ta.min, ta.max)]
    columns += [ta.obv(close, volume), ta.sum(moves * volume, timeperiod=100), ta.sum(volume, timeperiod=100)]
    columns += [ta.sum(moves.abs(), timeperiod=20)]
    columns += [ta.correl(moves, pl.col(name).pct_change(), timeperiod=72) for name in given.reference]
    columns += [ta.beta(close, btc, timeperiod=72), ta.sma(volume, timeperiod=200), ta.stddev(moves, timeperiod=200)]
    made = frame.select(each.alias(str(number)) for number, each in enumerate(columns))
    return len(made.columns) + 2 + 1 + 2  # MACD, stochastics and bands are columns of several


def seconds_of(work: Callable[[FeatureInput], int], given: FeatureInput) -> float:
    """Return the CPU seconds of one run."""
    begun = time.process_time()
    work(given)
    return time.process_time() - begun


def main() -> None:
    """Print a table for each size, and the growth with rows."""
    if not os.environ.keys() >= KEPT_MEMORY.keys():  # the C library reads them once, at the start of a process
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ONE_THREAD, **KEPT_MEMORY})
    peers: dict[str, Callable[[FeatureInput], int]] = {"TA-Lib alone": by_talib}
    for module, name, peer in (("pandas", "pandas", by_pandas), ("polars_talib", "polars-talib", by_polars_talib)):
        if importlib.util.find_spec(module):
            peers[name] = peer
        else:
            print(f"{name} is not installed: pip install pandas polars-talib")
    works = {"classic, all": lambda given: len(CLASSIC.compute(given)), **peers}
    per_row: list[float] = []
    for rows in ROWS:
        given = made_up(rows)
        columns = {name: work(given) for name, work in works.items()}
        took: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(RUNS):
            for name, work in works.items():
                took[name].append(seconds_of(work, given))
        median = {name: statistics.median(each) for name, each in took.items()}
        print(f"{rows:,} rows, one thread, median CPU time of {RUNS} runs in turn")
        for name, seconds in median.items():
            values = rows * columns[name] / seconds / 1e6
            ratio = seconds / median["TA-Lib alone"]
            print(f"  {name:<14} {columns[name]:3} columns {seconds * 1e3:8.2f} ms {values:7.1f} million values "
                  f"a second {ratio:6.2f} x TA-Lib")  # fmt: skip
        per_row.append(median["classic, all"] / rows)
    print(f"a row of {ROWS[1]:,} costs {per_row[1] / per_row[0]:.2f} times one of {ROWS[0]:,}; {len(COLUMNS)} columns")


if __name__ == "__main__":
    main()
