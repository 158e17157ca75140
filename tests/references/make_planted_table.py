"""Measures the table of ``huracan_exchanges.planted``: ``python tests/references/make_planted_table.py`` (minutes).

For each sign, Sharpe ratio and cost it looks for the memory with which the plain rule earns that ratio over 60 years of
the simulated market.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np

from huracan.clock import milliseconds
from huracan_exchanges.catalogue import Coin
from huracan_exchanges.planted import RATIOS, SHARPES, remember, rule_sharpe
from huracan_exchanges.world import World

COIN = Coin("CALIBRATION", 1.0, 0.9, 0.0047, 3.0e7, 4.0)


def main() -> None:
    """Print the rows of ``TABLE``."""
    histories = []
    for seed in (101, 102, 103):
        world = World(seed, date(2000, 1, 1), milliseconds(datetime(2020, 1, 1, tzinfo=UTC)))
        histories.append(world.unremembered(COIN))
    returns, volatility = (np.concatenate(parts) for parts in zip(*histories, strict=True))
    scale = float(np.sqrt(np.mean(volatility**2)) * np.sqrt(8))
    for sign in (1, -1):
        print(f"    {sign}: (")
        for sharpe in SHARPES:
            row = [found(returns, volatility, sign, sharpe, ratio * scale) for ratio in RATIOS]
            print("        (" + ", ".join(f"{value:.4f}" for value in row) + "),", flush=True)
        print("    ),")


def found(returns: np.ndarray, volatility: np.ndarray, sign: int, sharpe: float, costs: float) -> float:
    """Halve the range of memories until it is narrow."""
    low, high = 0.0, 0.2 if sign > 0 else 0.6
    for _ in range(9):
        middle = (low + high) / 2
        earned = rule_sharpe(remember(returns, volatility, sign * middle), volatility, sign, costs)
        low, high = (middle, high) if earned < sharpe else (low, middle)
    return (low + high) / 2


if __name__ == "__main__":
    main()
