"""Prints how fast the features of a year of hourly candles are: ``python tests/bench/bench_features.py``.

Beside it stands bare TA-Lib on the indicators it has, the least that the work could cost.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import talib

from huracan.market.candles import Candles
from huracan.types import FeatureInput
from huracan_features.classic import CLASSIC, COLUMNS

ROWS = 8760
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


def bare_talib(candles: Candles) -> int:
    """Compute what TA-Lib has of the set and return how many columns that is."""
    high, low, close = candles.high, candles.low, candles.close
    columns: list[object] = [talib.SMA(close, rows) for rows in (5, 10, 20, 50)]
    columns += [talib.EMA(close, rows) for rows in (5, 10, 20)]
    columns += [talib.ATR(high, low, close, 14), talib.RSI(close, 14), talib.ADX(high, low, close, 14)]
    columns += [*talib.MACD(close), *talib.STOCH(high, low, close, 14), *talib.BBANDS(close, 20)]
    columns += [talib.MIN(close, rows) for rows in (20, 50, 100)] + [talib.MAX(close, rows) for rows in (20, 50, 100)]
    return len(columns)


def median_seconds(work: Callable[[], object]) -> float:
    """Return the median CPU time of several runs, after one that does not count."""
    seconds = []
    for _ in range(RUNS + 1):
        begun = time.process_time()
        work()
        seconds.append(time.process_time() - begun)
    return statistics.median(seconds[1:])


def main() -> None:
    """Print both, per column and in all."""
    given = made_up(ROWS)
    ours, count = median_seconds(lambda: CLASSIC.compute(given)), len(COLUMNS)
    bare, fewer = median_seconds(lambda: bare_talib(given.candles)), bare_talib(given.candles)
    print(f"{ROWS} rows, one thread, median CPU time of {RUNS} runs")
    print(
        f"classic     {count:3} columns  {ours * 1e3:6.2f} ms  {ROWS * count / ours / 1e6:6.1f} million values a second"
    )
    print(
        f"bare TA-Lib {fewer:3} columns  {bare * 1e3:6.2f} ms  {ROWS * fewer / bare / 1e6:6.1f} million values a second"
    )
    print(f"a column of classic costs {ours / count / (bare / fewer):.1f} times one of bare TA-Lib")


if __name__ == "__main__":
    main()
