"""Makes the price histories of the simulated exchange, hour by hour from a fixed first day.

Every random series has a generator of its own, seeded by (seed, coin, purpose) and drawn from in order of time: a coin
does not depend on which others exist, and an hour does not depend on how far the history goes on.

The simple return of a coin in hour t is ``beta * market + noise + event + drift``:

- market: Student t with 5 degrees of freedom, clipped at 8 and scaled to unit variance, times the volatility of BTC,
  which is (regime) x (a daily log-AR(1)) x (hour of day and weekend). Regimes are a Markov chain: range, trend, panic.
  A panic begins with a fall of exponential size; the other regimes drift up by just the fall's expected size per hour,
  so that the mean stays zero whatever one knows. Neither regime has another drift.
- noise: the same with the coin's own volatility.
- event: every 21 hours or so a jump of 3 to 5 hourly volatilities, up or down with equal chance, at six times the usual
  volume, which then fades over hours. All coins have events.
- drift: planted, in some coins only; see :func:`huracan_exchanges.catalogue.edge_of`.

All else is symmetric, so that the conditional mean of the next simple return is zero without the drift: prices are
martingales, and their logarithms sink by half their variance.
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt

from huracan.clock import milliseconds
from huracan.market.candles import Candles
from huracan_exchanges.catalogue import EVENT_BARS, Coin, Sort
from huracan_exchanges.planted import remember

__all__ = ["HOUR_MS", "World", "typical_volatility"]

Series = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

HOUR_MS = 3_600_000
RANGE, TREND, PANIC = 0, 1, 2
MEAN_HOURS = np.array([144.0, 96.0, 30.0])
LOUDNESS = np.array([0.75, 1.05, 2.0])
BITCOIN_NOISE = 0.0040
"""Volatility of BTC in a typical hour, as a fraction."""
PANIC_SHARE = 0.15
"""Chance that a range or trend that ends becomes a panic."""
FALL, LARGEST_FALL = 0.025, 0.12
EVENT_MEAN_GAP = 10.0
"""Hours between the end of one event's window and the next event, on average."""
EVENT_SIZE = (3.0, 5.0)
"""Least and largest jump of an event, in the coin's own hourly volatility."""
EVENT_VOLUME, FADE_HOURS = 5.0, 6.0
"""Volume that an event adds, as a multiple of the usual, and in how many hours it falls to 1/e."""
EVENT_TURNOVER = 2.4
"""By how much events raise a coin's mean turnover; divided out, so that the catalogue's turnover is the mean."""


MARKET_LOUDNESS, OWN_LOUDNESS = 1.0, 1.0
"""Root mean square, over many years, of the market's loudness, and of what a coin's own noise is multiplied with."""


EVENTFUL = (Sort.COIN, Sort.THIN, Sort.REDENOMINATED, Sort.HALTED)


def typical_volatility(coin: Coin) -> float:
    """Return the root mean square of a coin's hourly volatility over many years of regimes, hours and slow changes."""
    return float(np.hypot(coin.noise * OWN_LOUDNESS, coin.beta * BITCOIN_NOISE * MARKET_LOUDNESS))


def _day_ms(day: date) -> int:
    return milliseconds(datetime(day.year, day.month, day.day, tzinfo=UTC))


class World:
    """All histories of one seed, from ``start`` up to the last hour that is full at ``now`` (ms)."""

    def __init__(self, seed: int, start: date, now: int) -> None:
        self._seed = seed
        self._start = _day_ms(start)
        self.hours = max(0, (now - self._start) // HOUR_MS)
        self._timestamp = self._start + HOUR_MS * np.arange(self.hours, dtype=np.int64)

    def candles(self, coin: Coin) -> Candles:
        """Return the hourly candles of a coin, also the first and the last ones of a coin that came or went."""
        if self.hours == 0:
            return Candles.empty()
        close, spread, busy = self._prices(coin)
        factor = _redenomination(self._timestamp) if coin.sort is Sort.REDENOMINATED else np.ones(self.hours)
        opened = np.concatenate([[coin.price], close[:-1]])
        up, down = (np.abs(self._generator(coin.base, side).standard_normal(self.hours)) for side in ("high", "low"))
        high = np.maximum(opened, close) * (1 + 0.35 * spread * up)
        low = np.minimum(opened, close) * (1 - np.minimum(0.35 * spread * down, 0.5))
        volume = self._turnover(coin, busy) / (close * factor)
        prices = [_six_digits(column * factor) for column in (opened, high, low, close)]
        columns: dict[str, np.ndarray] = dict(zip(("open", "high", "low", "close"), prices, strict=True))
        columns |= {"timestamp": self._timestamp, "volume": _six_digits(volume)}
        return self._only_open_hours(coin, columns)

    # ------------------------------------------------------------------------------------------------------- market

    def _generator(self, name: str, purpose: str) -> np.random.Generator:
        return np.random.default_rng([self._seed, zlib.crc32(name.encode()), zlib.crc32(purpose.encode())])

    @cached_property
    def _regime(self) -> Whole:
        generator = self._generator("market", "regime")
        states, lengths, covered, state = [], [], 0, RANGE
        while covered < self.hours:
            length = int(generator.geometric(1 / MEAN_HOURS[state]))
            states.append(state)
            lengths.append(length)
            covered += length
            panic, calm = generator.random() < PANIC_SHARE, generator.random() < 0.5
            others = {RANGE: TREND, TREND: RANGE, PANIC: RANGE if calm else TREND}
            state = PANIC if panic and state != PANIC else others[state]
        return np.repeat(np.array(states, dtype=np.int64), lengths)[: self.hours]

    @cached_property
    def _season(self) -> Series:
        hour = self._timestamp // HOUR_MS % 24
        weekday = (self._timestamp // (24 * HOUR_MS) + 3) % 7
        return (1 + 0.25 * np.sin(2 * np.pi * (hour - 9) / 24)) * np.where(weekday >= 5, 0.8, 1.0)

    @cached_property
    def _market_loudness(self) -> Series:
        return LOUDNESS[self._regime] * self._season * self._slow("market", 0.97, 0.30)

    @cached_property
    def _market(self) -> Series:
        """The simple returns of BTC."""
        noise: Series = BITCOIN_NOISE * self._market_loudness * self._fat_tailed("BTC")
        begins = np.concatenate([[False], (self._regime[1:] == PANIC) & (self._regime[:-1] != PANIC)])
        falls = np.minimum(self._generator("market", "falls").exponential(FALL, self.hours), LARGEST_FALL)
        expected = FALL * (1 - np.exp(-LARGEST_FALL / FALL))
        hazard = np.where(np.arange(3) == PANIC, 0.0, PANIC_SHARE / MEAN_HOURS)
        before = np.concatenate([[RANGE], self._regime[:-1]])
        returns: Series = noise - np.where(begins, falls, 0.0) + hazard[before] * expected
        return returns

    def unremembered(self, coin: Coin) -> tuple[Series, Series]:
        """Return the hourly returns of a coin without any memory or edge, and their volatility."""
        returns, loud, _ = self._coin_returns(replace(coin, edge=None, memory=0.0))
        return returns, loud

    def _slow(self, name: str, memory: float, size: float) -> Series:
        """Return a positive factor per hour, constant within a day: exp of an AR(1) with that standard deviation."""
        days = self.hours // 24 + 1
        steps = self._generator(name, "slow").standard_normal(days) * size * np.sqrt(1 - memory**2)
        level, levels = 0.0, []
        for step in steps.tolist():
            level = memory * level + step
            levels.append(level)
        return np.repeat(np.exp(levels), 24)[: self.hours]

    def _fat_tailed(self, name: str) -> Series:
        draws: Series = np.clip(self._generator(name, "noise").standard_t(5, self.hours), -8, 8)
        return draws / float(np.sqrt(5 / 3))

    # --------------------------------------------------------------------------------------------------------- coin

    def _prices(self, coin: Coin) -> tuple[Series, Series, Series]:
        """Return closes, hourly volatility, and how busy each hour is (about 1 on average without events)."""
        if coin.sort is Sort.STABLE:
            wobble = coin.noise * self._fat_tailed(coin.base)
            return coin.price * (1 + wobble), np.full(self.hours, coin.noise, dtype=np.float64), self._season
        if coin.sort is Sort.BITCOIN:
            loud = BITCOIN_NOISE * self._market_loudness
            returns = self._market
            events = np.zeros(self.hours)
        elif coin.sort is Sort.FIAT:
            loud = coin.noise * self._season**2
            returns = loud * self._fat_tailed(coin.base)
            events = np.zeros(self.hours)
        elif coin.sort is Sort.WRAPPED:
            gap = coin.noise * self._fat_tailed(coin.base)
            loud = BITCOIN_NOISE * self._market_loudness
            return coin.price * np.cumprod(1 + self._market) * (1 + gap), loud, self._season
        else:
            returns, loud, events = self._coin_returns(coin)
        returns = np.clip(returns, -0.6, 0.6)
        busy = self._season * (0.4 + 0.6 * np.minimum(np.abs(returns) / loud, 6.0)) * (1 + events)
        return coin.price * np.cumprod(1 + returns, dtype=np.float64), loud, busy

    def _coin_returns(self, coin: Coin) -> tuple[Series, Series, Series]:
        own = coin.noise * np.sqrt(self._market_loudness) * self._slow(coin.base, 0.90, 0.25)
        loud = np.hypot(own, coin.beta * BITCOIN_NOISE * self._market_loudness)
        returns = coin.beta * self._market + own * self._fat_tailed(coin.base)
        if coin.sort is Sort.LEVERAGED:
            return returns, loud, np.zeros(self.hours)
        at, sign, size = self._events(coin.base)
        returns[at] += sign * size * own[at]
        if coin.memory:
            returns = remember(returns, loud, coin.memory)
        fade = np.zeros(self.hours)
        drift = np.zeros(self.hours)
        for after in range(EVENT_BARS + 1):
            hit = at + after < self.hours
            where = at[hit] + after
            fade[where] = EVENT_VOLUME * np.exp(-after / FADE_HOURS)
            if coin.edge is not None and 0 < after <= coin.edge.bars:
                drift[where] = sign[hit] * coin.edge.direction * coin.edge.total_bps / 1e4 / coin.edge.bars
        return returns + drift, loud, fade

    def _events(self, name: str) -> tuple[Whole, Series, Series]:
        """Return the hour, sign and size (in volatilities) of each event; windows after them never overlap."""
        most = self.hours // (EVENT_BARS + 1) + 1
        gaps = EVENT_BARS + self._generator(name, "gaps").geometric(1 / (EVENT_MEAN_GAP + 1), most)
        at = np.cumsum(gaps)
        at = at[at < self.hours]
        sign = np.where(self._generator(name, "signs").random(most) < 0.5, -1.0, 1.0)[: at.size]
        return at, sign, self._generator(name, "sizes").uniform(*EVENT_SIZE, most)[: at.size]

    def _turnover(self, coin: Coin, busy: np.ndarray) -> Series:
        noise = np.exp(0.35 * self._generator(coin.base, "volume").standard_normal(self.hours))
        share = EVENT_TURNOVER if coin.sort in EVENTFUL else 1.0
        turnover = coin.turnover / share / 24 * busy * noise * self._slow(f"{coin.base} turnover", 0.95, 0.25)
        if coin.sort is Sort.THIN:
            turnover[self._generator(coin.base, "silence").random(self.hours) < 0.3] = 0.0
        return turnover

    def _only_open_hours(self, coin: Coin, columns: dict[str, np.ndarray]) -> Candles:
        keep = self._exchange_open()
        if coin.sort is Sort.THIN:
            keep &= self._generator(coin.base, "missing").random(self.hours) >= 0.15
        if coin.listed is not None:
            keep &= self._timestamp >= _day_ms(coin.listed)
        if coin.delisted is not None:
            keep &= self._timestamp < _day_ms(coin.delisted)
        for first, last in _closures(coin.sort, self._timestamp):
            keep &= (self._timestamp < first) | (self._timestamp >= last)
        return Candles.from_columns({name: column[keep] for name, column in columns.items()})

    def _exchange_open(self) -> npt.NDArray[np.bool_]:
        """Every 90 days the whole exchange is away for three hours, at an hour that the seed decides."""
        keep = np.ones(self.hours, dtype=bool)
        begins = self._generator("market", "outages").integers(0, 90 * 24 - 3, self.hours // (90 * 24) + 1)
        for number, begin in enumerate(begins.tolist()):
            keep[number * 90 * 24 + begin : number * 90 * 24 + begin + 3] = False
        return keep


def _closures(sort: Sort, timestamp: np.ndarray) -> list[tuple[int, int]]:
    """Return when a coin's trading is stopped: 20 days each September, or 4 days before each redenomination."""
    if sort not in (Sort.HALTED, Sort.REDENOMINATED):
        return []
    closures = []
    for year in _years(timestamp):
        begin = date(year, 9, 1) if sort is Sort.HALTED else date(year, 3, 1) - timedelta(days=4)
        end = begin + timedelta(days=20) if sort is Sort.HALTED else date(year, 3, 1)
        closures.append((_day_ms(begin), _day_ms(end)))
    return closures


def _redenomination(timestamp: np.ndarray) -> Series:
    """Return how many old units one unit is: 100 after March 1 of odd years, 1 again after March 1 of even ones."""
    factor = np.ones(timestamp.size)
    for year in _years(timestamp):
        factor[timestamp >= _day_ms(date(year, 3, 1))] = 100.0 if year % 2 else 1.0
    return factor


def _years(timestamp: np.ndarray) -> range:
    first, last = (datetime.fromtimestamp(int(value) / 1000, UTC).year for value in timestamp[[0, -1]])
    return range(first, last + 1)


def _six_digits(values: np.ndarray) -> Series:
    """Round to six significant digits, as a price is quoted; it also hides that processors differ in the last bit."""
    magnitude = np.floor(np.log10(np.where(values > 0, values, 1.0)))
    scale = 10.0 ** (5 - magnitude)
    return np.round(values * scale) / scale
