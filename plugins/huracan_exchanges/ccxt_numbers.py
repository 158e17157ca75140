"""What ccxt answers, as numbers that can be trusted: cells that are none are None, never zero."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["as_bps", "as_number", "first_known", "measure_book", "scaled", "spread_in_bps"]

DEPTH_BPS = 50.0


def measure_book(book: Mapping[str, Any], contract: float, inverse: bool) -> tuple[float | None, float | None]:
    """Return the spread in basis points and the smaller side's worth within DEPTH_BPS of the middle, quote currency.

    Amounts are in contracts of ``contract`` base currency each, of quote currency where the pair is inverse.
    """
    bids, asks = book.get("bids") or [], book.get("asks") or []
    if not bids or not asks:
        return None, None
    middle = (bids[0][0] + asks[0][0]) / 2
    reach = middle * DEPTH_BPS / 1e4
    sides = [
        sum(
            contract * amount * (1.0 if inverse else price)
            for price, amount, *_ in side
            if abs(price - middle) <= reach
        )
        for side in (bids, asks)
    ]
    return spread_in_bps(bids[0][0], asks[0][0]), float(min(sides))


def spread_in_bps(bid: Any, ask: Any) -> float | None:
    """Return the full spread in basis points of the middle, None where either side is not known or they cross."""
    low, high = as_number(bid), as_number(ask)
    if not low or not high or high < low:
        return None
    return (high - low) / ((high + low) / 2) * 1e4


def as_bps(fraction: Any) -> float | None:
    """Return a fraction in basis points."""
    number = as_number(fraction)
    return None if number is None else round(number * 1e4, 6)


def as_number(value: Any) -> float | None:
    """Return a finite number, None for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def scaled(value: float | None, unit: float) -> float | None:
    """Return a number of contracts in the unit of one."""
    return None if value is None else value * unit


def first_known(*values: float | None) -> float:
    """Return the first that is not None; one must be."""
    return next(value for value in values if value is not None)
