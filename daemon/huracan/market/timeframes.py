"""Lengths of bars, by name; apart from the candles, so that settings and the daemon need no NumPy for them."""

from __future__ import annotations

__all__ = ["TIMEFRAMES", "bars_per_year", "timeframe_ms"]

TIMEFRAMES = {
    "1m": 60_000,
    "3m": 180_000,
    "5m": 300_000,
    "15m": 900_000,
    "30m": 1_800_000,
    "1h": 3_600_000,
    "2h": 7_200_000,
    "4h": 14_400_000,
    "6h": 21_600_000,
    "8h": 28_800_000,
    "12h": 43_200_000,
    "1d": 86_400_000,
}
"""Length of a bar in milliseconds, by the exchange's usual name."""


def timeframe_ms(timeframe: str) -> int:
    """Return the length of a bar in milliseconds. Raises ValueError for an unknown timeframe."""
    try:
        return TIMEFRAMES[timeframe]
    except KeyError:
        raise ValueError(f"unknown timeframe {timeframe!r}; use one of {', '.join(TIMEFRAMES)}") from None


def bars_per_year(timeframe: str) -> float:
    """Return how many bars a year of 365 days holds: crypto never closes."""
    return 365 * 86_400_000 / timeframe_ms(timeframe)
