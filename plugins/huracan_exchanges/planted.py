"""An edge of known worth: how much memory a coin's returns need for a plain rule to earn a given Sharpe ratio.

With memory ``k`` the expected return of the next hour is ``k * z`` hourly volatilities, where ``z`` is the sum of the
last 20 returns, each over its volatility, divided by the square root of 20: an autoregression that candles show and
every model can read. With ``k`` above 0 moves go on (momentum), below 0 they turn back (reversal).

The plain rule reads ``z`` exactly: it buys the next hour's open where ``z`` (times the sign of ``k``) is above a
threshold, the best one of a few, holds 8 hours, one position at a time, and pays the coin's costs. What it earns
depends on its costs over the volatility of 8 hours; ``TABLE`` was measured on 60 simulated years for each entry by
``tests/references/make_planted_table.py``.
"""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt

from huracan_exchanges.catalogue import Coin

__all__ = ["MEMORY", "RATIOS", "SHARPES", "TABLE", "cost_of", "memory_of", "remember", "rule_sharpe", "signal"]

Series = npt.NDArray[np.float64]

MEMORY = 20
HOLD = 8
THRESHOLDS = (0.6, 0.9, 1.2, 1.5, 1.8, 2.1)
ORDER = 1000.0
"""Size of the rule's orders in quote currency, for slippage by the square-root law."""

YEAR = 24 * 365

SHARPES = (1.0, 2.0, 3.0, 4.0, 5.0)
RATIOS = (0.10, 0.15, 0.20, 0.25, 0.30)
"""Costs of a round trip over the volatility of 8 hours."""

TABLE: dict[int, tuple[tuple[float, ...], ...]] = {
    1: (
        (0.0342, 0.0436, 0.0510, 0.0588, 0.0662),
        (0.0518, 0.0596, 0.0662, 0.0732, 0.0803),
        (0.0650, 0.0721, 0.0795, 0.0857, 0.0916),
        (0.0783, 0.0850, 0.0904, 0.0967, 0.1025),
        (0.0893, 0.0955, 0.1014, 0.1072, 0.1119),
    ),
    -1: (
        (0.0439, 0.0545, 0.0650, 0.0768, 0.0896),
        (0.0732, 0.0885, 0.1037, 0.1178, 0.1330),
        (0.1072, 0.1248, 0.1412, 0.1588, 0.1787),
        (0.1400, 0.1600, 0.1811, 0.2021, 0.2232),
        (0.1775, 0.2021, 0.2256, 0.2537, 0.2818),
    ),
}  # fmt: skip
"""``k`` by sign, then Sharpe ratio (rows of ``SHARPES``), then costs (columns of ``RATIOS``)."""


def cost_of(coin: Coin, volatility: float) -> float:
    """Return what a round trip in a coin of this hourly volatility costs the rule, as a fraction."""
    slippage = volatility * float(np.sqrt(24 * ORDER / coin.turnover))
    return (2 * coin.taker_fee_bps + coin.spread_bps) / 1e4 + 2 * slippage


def direction_of(coin: Coin) -> int:
    """Half of the coins go on as they went, the others turn back; the name decides."""
    return 1 if zlib.crc32(coin.base.encode()) % 2 else -1


def memory_of(coin: Coin, sharpe: float, volatility: float) -> float:
    """Return the memory with which the plain rule earns ``sharpe``, for a coin of this hourly ``volatility``."""
    sign = direction_of(coin)
    ratio = cost_of(coin, volatility) / (volatility * np.sqrt(HOLD))
    by_sharpe = [float(np.interp(ratio, RATIOS, row)) for row in TABLE[sign]]
    return sign * float(np.interp(sharpe, SHARPES, by_sharpe))


def remember(returns: Series, volatility: Series, memory: float) -> Series:
    """Return the returns with memory added; each depends on those before it alone."""
    from scipy.signal import lfilter

    weights = np.full(MEMORY, memory / np.sqrt(MEMORY))
    shocks = returns / volatility
    filtered: Series = lfilter([1.0], np.concatenate([[1.0], -weights]), shocks) * volatility
    return filtered


def signal(returns: Series, volatility: Series) -> Series:
    """Return ``z`` at the close of each hour."""
    summed: Series = np.convolve(returns / volatility, np.ones(MEMORY) / np.sqrt(MEMORY))[: len(returns)]
    return summed


def rule_sharpe(returns: Series, volatility: Series, sign: int, costs: float) -> float:
    """Return the yearly Sharpe ratio of hourly returns that the plain rule earns after costs, at its best threshold.

    ``costs`` is that of a round trip as a fraction.
    """
    z = sign * signal(returns, volatility)
    return max(_earned(returns, z > threshold, costs) for threshold in THRESHOLDS)


def _earned(returns: Series, wanted: npt.NDArray[np.bool_], costs: float) -> float:
    signals = np.flatnonzero(wanted[: -HOLD - 1])
    following = np.searchsorted(signals, signals + HOLD)
    chosen, position = [], 0
    while position < len(signals):
        chosen.append(position)
        position = int(following[position])
    entries = signals[chosen] + 1
    held = np.zeros(len(returns))
    paid = np.zeros(len(returns))
    held[(entries[:, None] + np.arange(HOLD)).ravel()] = 1.0
    paid[entries] += costs / 2
    paid[entries + HOLD - 1] += costs / 2
    earned = held * returns - paid
    deviation = float(earned.std())
    return float(earned.mean()) / deviation * float(np.sqrt(YEAR)) if deviation > 0 else 0.0
