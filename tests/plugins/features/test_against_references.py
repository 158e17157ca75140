"""Every feature against a second implementation: plain Python, written from the textbook, one row at a time."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

import numpy as np
import pytest

from huracan.market.candles import Candles
from huracan.types import FeatureInput
from huracan_features.classic import CLASSIC, COLUMNS
from huracan_features.derived import EXTREME_ROWS, INTERACTIONS, LAGS, MOMENT_ROWS
from huracan_features.market import MARKET_REGIMES, VOLATILITY_REGIMES

ROWS = 900
CHECKED = (620, 650, 667, 700, 720, 741, 777, 790, 812, 851, 870, 899)
"""Rows far enough in for recursive indicators to have forgotten how each implementation begins."""


class Plain:
    """Candles as lists, and the textbook's formulas over them."""

    def __init__(self, candles: Candles, btc: np.ndarray, eth: np.ndarray) -> None:
        self.time: list[int] = candles.timestamp.tolist()
        self.o: list[float]
        self.h: list[float]
        self.l: list[float]
        self.c: list[float]
        self.v: list[float]
        self.o, self.h, self.l, self.c, self.v = (
            array.tolist() for array in (candles.open, candles.high, candles.low, candles.close, candles.volume)
        )
        self.btc: list[float] = btc.tolist()
        self.eth: list[float] = eth.tolist()

    def ret(self, t: int, rows: int = 1) -> float:
        return self.c[t] / self.c[t - rows] - 1

    def mean(self, values: list[float], t: int, rows: int) -> float:
        return statistics.fmean(values[t - rows + 1 : t + 1])

    def logs(self, closes: list[float], t: int, rows: int) -> list[float]:
        return [math.log(closes[i] / closes[i - 1]) for i in range(t - rows + 1, t + 1)]

    def volatility(self, t: int, rows: int) -> float:
        return statistics.stdev(self.logs(self.c, t, rows))

    def ema(self, values: list[float], t: int, rows: int) -> float:
        average = values[0]
        for value in values[1 : t + 1]:
            average += 2 / (rows + 1) * (value - average)
        return average

    def macd_line(self, t: int) -> list[float]:
        fast = slow = self.c[0]
        line = []
        for close in self.c[: t + 1]:
            fast += 2 / 13 * (close - fast)
            slow += 2 / 27 * (close - slow)
            line.append(fast - slow)
        return line

    def wilder(self, values: list[float], rows: int = 14) -> float:
        average = statistics.fmean(values[:rows])
        for value in values[rows:]:
            average += (value - average) / rows
        return average

    def rsi(self, t: int) -> float:
        steps = [self.c[i] - self.c[i - 1] for i in range(1, t + 1)]
        up, down = self.wilder([max(s, 0.0) for s in steps]), self.wilder([max(-s, 0.0) for s in steps])
        return 100 * up / (up + down)

    def true_ranges(self, t: int) -> list[float]:
        before = self.c[: t + 1]
        return [max(self.h[i], before[i - 1]) - min(self.l[i], before[i - 1]) for i in range(1, t + 1)]

    def adx(self, t: int) -> float:
        """Wilder, New Concepts in Technical Trading Systems, chapter IV."""
        plus, minus = [], []
        for i in range(1, t + 1):
            up, down = self.h[i] - self.h[i - 1], self.l[i - 1] - self.l[i]
            plus.append(up if up > down and up > 0 else 0.0)
            minus.append(down if down > up and down > 0 else 0.0)
        averages = zip(self._wilder_path(plus), self._wilder_path(minus), strict=True)
        directional = [100 * abs(p - m) / (p + m) for p, m in averages]
        return self.wilder(directional)

    def _wilder_path(self, values: list[float], rows: int = 14) -> Iterator[float]:
        average = statistics.fmean(values[:rows])
        yield average
        for value in values[rows:]:
            average += (value - average) / rows
            yield average

    def fast_k(self, t: int) -> float:
        low, high = min(self.l[t - 13 : t + 1]), max(self.h[t - 13 : t + 1])
        return 100 * (self.c[t] - low) / (high - low)

    def slow_k(self, t: int) -> float:
        return statistics.fmean(self.fast_k(t - i) for i in range(3))

    def flow(self, t: int, weight: Callable[[int], float]) -> float:
        rows = range(t - 99, t + 1)
        return sum(weight(i) * self.v[i] for i in rows) / sum(self.v[i] for i in rows)

    def sign(self, i: int) -> float:
        return math.copysign(1.0, self.c[i] - self.c[i - 1]) if self.c[i] != self.c[i - 1] else 0.0

    def efficiency(self, t: int) -> float:
        walked = sum(abs(self.c[i] - self.c[i - 1]) for i in range(t - 19, t + 1))
        return abs(self.c[t] - self.c[t - 20]) / walked

    def correlation(self, other: list[float], t: int) -> float:
        return statistics.correlation(self.logs(self.c, t, 72), self.logs(other, t, 72))

    def beta(self, t: int) -> float:
        return statistics.linear_regression(self.logs(self.btc, t, 72), self.logs(self.c, t, 72)).slope

    def loudness(self, t: int) -> float:
        lately = [self.volatility(i, 20) for i in range(t - 199, t + 1)]
        return (lately[-1] - statistics.fmean(lately)) / statistics.stdev(lately)

    def regime(self, t: int) -> str:
        if self.mean(self.v, t, 20) <= 0.2 * self.mean(self.v, t, 200):
            return "ILLIQUID"
        if self.loudness(t) > 1.64 and self.ret(t, 20) < 0:
            return "PANIC"
        return "TREND" if self.adx(t) > 25 else "RANGE"

    def opened(self, t: int) -> datetime:
        return datetime.fromtimestamp(self.time[t] / 1000, UTC)

    def bands(self, t: int) -> tuple[float, float, float]:
        middle, wide = self.mean(self.c, t, 20), 2 * statistics.pstdev(self.c[t - 19 : t + 1])
        return middle - wide, middle, middle + wide


def _bb_width(p: Plain, t: int) -> float:
    low, middle, high = p.bands(t)
    return (high - low) / middle


def _price_vs_bb(p: Plain, t: int) -> float:
    low, _, high = p.bands(t)
    return (p.c[t] - low) / (high - low)


def _macd_signal(p: Plain, t: int) -> float:
    return p.ema(p.macd_line(t), t, 9)


Row = Callable[[Plain, int], float]

PLAIN: dict[str, Row] = {
    "ret_1": lambda p, t: p.ret(t),
    "ret_5": lambda p, t: p.ret(t, 5),
    "ret_20": lambda p, t: p.ret(t, 20),
    "log_ret_1": lambda p, t: math.log(p.c[t] / p.c[t - 1]),
    "log_ret_5": lambda p, t: math.log(p.c[t] / p.c[t - 5]),
    "price_change": lambda p, t: p.c[t] - p.c[t - 1],
    "high_low_ratio": lambda p, t: p.h[t] / p.l[t],
    "close_open_ratio": lambda p, t: p.c[t] / p.o[t],
    "sma_5": lambda p, t: p.mean(p.c, t, 5),
    "sma_10": lambda p, t: p.mean(p.c, t, 10),
    "sma_20": lambda p, t: p.mean(p.c, t, 20),
    "sma_50": lambda p, t: p.mean(p.c, t, 50),
    "ema_5": lambda p, t: p.ema(p.c, t, 5),
    "ema_10": lambda p, t: p.ema(p.c, t, 10),
    "ema_20": lambda p, t: p.ema(p.c, t, 20),
    "price_vs_sma_20": lambda p, t: p.c[t] / p.mean(p.c, t, 20) - 1,
    "volatility_5": lambda p, t: p.volatility(t, 5),
    "volatility_20": lambda p, t: p.volatility(t, 20),
    "atr_14": lambda p, t: p.wilder(p.true_ranges(t)),
    "bb_upper": lambda p, t: p.bands(t)[2],
    "bb_lower": lambda p, t: p.bands(t)[0],
    "bb_width": _bb_width,
    "price_vs_bb": _price_vs_bb,
    "rsi_14": lambda p, t: p.rsi(t),
    "macd": lambda p, t: p.macd_line(t)[-1],
    "macd_signal": _macd_signal,
    "macd_histogram": lambda p, t: p.macd_line(t)[-1] - _macd_signal(p, t),
    "stoch_k": lambda p, t: p.slow_k(t),
    "stoch_d": lambda p, t: statistics.fmean(p.slow_k(t - i) for i in range(3)),
    "adx_14": lambda p, t: p.adx(t),
    "trend_strength": lambda p, t: p.efficiency(t),
    "volume_sma_20": lambda p, t: p.mean(p.v, t, 20),
    "volume_ratio": lambda p, t: p.v[t] / p.mean(p.v, t, 20),
    "price_volume_trend": lambda p, t: p.flow(t, p.ret),
    "on_balance_volume": lambda p, t: p.flow(t, p.sign),
    "btc_correlation": lambda p, t: p.correlation(p.btc, t),
    "eth_correlation": lambda p, t: p.correlation(p.eth, t),
    "market_beta": lambda p, t: p.beta(t),
    "volatility_regime": lambda p, t: VOLATILITY_REGIMES.index(
        "low" if p.loudness(t) < -0.43 else "medium" if p.loudness(t) <= 0.43 else "high"
    ),
    "market_regime": lambda p, t: MARKET_REGIMES.index(p.regime(t)),
    "hour_of_day": lambda p, t: p.opened(t).hour,
    "day_of_week": lambda p, t: p.opened(t).weekday(),
    "is_weekend": lambda p, t: p.opened(t).weekday() in (5, 6),
}


def lagged(name: str, rows: int) -> Row:
    return lambda p, t: PLAIN[name](p, t - rows)


def extreme(of: Callable[[Iterable[float]], float], rows: int) -> Row:
    return lambda p, t: of(p.c[t - rows + 1 : t + 1]) / p.c[t] - 1


def moment(of: Callable[[Iterable[float]], float], rows: int) -> Row:
    return lambda p, t: of([p.ret(i) for i in range(t - rows + 1, t + 1)])


def volume_shape(of: Callable[[Iterable[float]], float]) -> Row:
    return lambda p, t: of(p.v[t - 19 : t + 1]) / p.mean(p.v, t, 20)


def product(left: str, right: str) -> Row:
    return lambda p, t: PLAIN[left](p, t) * PLAIN[right](p, t)


PLAIN |= {f"{name}_lag_{rows}": lagged(name, rows) for name, lags in LAGS.items() for rows in lags}
PLAIN |= {f"close_min_{rows}": extreme(min, rows) for rows in EXTREME_ROWS}
PLAIN |= {f"close_max_{rows}": extreme(max, rows) for rows in EXTREME_ROWS}
PLAIN |= {f"ret_1_mean_{rows}": moment(statistics.fmean, rows) for rows in MOMENT_ROWS}
PLAIN |= {f"ret_1_std_{rows}": moment(statistics.stdev, rows) for rows in MOMENT_ROWS}
PLAIN |= {f"volume_{what}_20": volume_shape(of) for what, of in (("min", min), ("max", max), ("std", statistics.stdev))}
PLAIN |= {f"{left}_x_{right}": product(left, right) for left, right in INTERACTIONS}


@pytest.fixture(scope="module")
def pair(walk: Callable[..., Candles]) -> tuple[Plain, dict[str, np.ndarray]]:
    candles = walk(ROWS, 7, flat=0.05, silent=0.05)
    btc, eth = candles.close**0.4 * walk(ROWS, 8).close, walk(ROWS, 9).close
    found = CLASSIC.compute(FeatureInput(candles, "1h", {"BTC": btc, "ETH": eth}))
    return Plain(candles, btc, eth), dict(found)


def test_there_is_a_reference_for_every_column() -> None:
    assert set(PLAIN) == set(COLUMNS)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_feature_is_what_the_textbook_says(name: str, pair: tuple[Plain, dict[str, np.ndarray]]) -> None:
    plain, found = pair
    expected = [PLAIN[name](plain, t) for t in CHECKED]
    np.testing.assert_allclose(found[name][list(CHECKED)], expected, rtol=1e-9, atol=1e-12)


def test_every_market_regime_is_recognised(walk: Callable[..., Candles]) -> None:
    base = walk(500, 3)
    rows = np.arange(500)
    series = {
        "TREND": (base.close[0] * np.exp(0.002 * rows + 0.002 * np.sin(rows)), np.full(500, 100.0)),
        "RANGE": (100 + np.sin(rows * 1.7) + 0.3 * np.sin(rows * 0.9), np.full(500, 100.0)),
        "PANIC": (np.where(rows < 480, 100 + np.sin(rows), 100 - 4.0 * (rows - 480)), np.full(500, 100.0)),
        "ILLIQUID": (100 + np.sin(rows), np.where(rows < 470, 100.0, 1.0)),
    }
    for regime, (close, volume) in series.items():
        candles = Candles.from_columns(
            {
                "timestamp": base.timestamp,
                "open": close,
                "high": close * 1.001,
                "low": close * 0.999,
                "close": close,
                "volume": volume,
            }
        )
        found = CLASSIC.compute(FeatureInput(candles, "1h", {}))["market_regime"][-1]
        assert MARKET_REGIMES[int(found)] == regime


def test_the_limits_and_the_order_of_market_regimes_are_as_documented(walk: Callable[..., Candles]) -> None:
    rows = np.arange(600)
    restless = np.random.default_rng(5).normal(-0.001, 0.003 + 0.02 * (rows % 150 > 110), 600)
    close = 100 * np.exp(np.cumsum(restless))
    volume = np.select([rows < 400, rows < 480], [100.0, 28.0], default=2.0)
    candles = Candles.from_columns(
        {
            "timestamp": walk(600).timestamp,
            "open": close,
            "high": close * 1.001,
            "low": close * 0.999,
            "close": close,
            "volume": volume,
        }
    )
    plain = Plain(candles, close, close)
    found = CLASSIC.compute(FeatureInput(candles, "1h", {}))["market_regime"]
    decided = {"thin before panic": 0, "not yet panic": 0, "not yet thin": 0}
    for t in range(260, 600, 2):
        assert MARKET_REGIMES[int(found[t])] == plain.regime(t), t
        share, falling = plain.mean(plain.v, t, 20) / plain.mean(plain.v, t, 200), plain.ret(t, 20) < 0
        decided["thin before panic"] += share <= 0.2 and plain.loudness(t) > 1.64 and falling
        decided["not yet panic"] += share > 0.2 and 1 <= plain.loudness(t) <= 1.64 and falling
        decided["not yet thin"] += 0.2 < share <= 0.4
    assert all(decided.values()), decided
