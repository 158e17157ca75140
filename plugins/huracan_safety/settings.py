"""The section ``safety``."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from huracan.config import Section
from huracan.due import time_of_day
from huracan_safety.symbols import Symbol

__all__ = ["DRAWDOWN", "STREAK", "VOLATILITY", "SafetySettings"]

DRAWDOWN, STREAK, VOLATILITY = "drawdown", "streak", "volatility"
"""The names of the breakers."""


class SafetySettings(Section):
    """When losses or the market stop or shrink trading. The kill switch needs no setting."""

    interval_seconds: float = Field(5.0, ge=0.5, le=60, description="Seconds between two looks at the breakers.")
    valid_seconds: float = Field(
        120.0, ge=10, le=3600, description="How long trading.json holds; after that the trading process must stop."
    )
    trades: Literal["live", "paper", "simulated"] = Field("live", description="Whose trades the breakers judge.")
    day_starts_at: str = Field("00:00", description="When the day of the drawdown breaker begins, HH:MM in UTC.")
    drawdown_percent: float = Field(
        3.0, gt=0, le=100, description="Loss since the day began that stops trading, percent of equity at its begin."
    )
    drawdown_until: Literal["day", "resume"] = Field(
        "day", description="Stopped until the next day begins, or until `huracan resume trading`."
    )
    streak_losses: int = Field(3, ge=1, le=1000, description="Losing trades in a row that cut the size of orders.")
    streak_size_factor: float = Field(0.5, ge=0, le=1, description="Size of orders meanwhile, as a factor.")
    streak_hours: float = Field(
        24.0, gt=0, le=8760, description="Hours after the last loss at which a streak ends; a win ends it at once."
    )
    volatility_symbol: Symbol = Field("BTC-USDT", description="Whose candles stand for the market.")
    volatility_percentile: float = Field(
        95.0, ge=50, le=100, description="Volatility of 24 h above this percentile of its history is defended against."
    )
    volatility_release_percentile: float = Field(
        85.0,
        ge=0,
        le=100,
        description="Percentile below which the market is calm again; in between all stays as it is.",
    )
    volatility_days: int = Field(90, ge=14, le=3650, description="Length of that history, days.")
    volatility_size_factor: float = Field(0.5, ge=0, le=1, description="Size of orders in defence, as a factor.")
    volatility_unknown: Literal["defensive", "normal"] = Field(
        "defensive", description="What holds where the candles are missing, too few, or too old to tell."
    )
    volatility_oldest_hours: float = Field(
        48.0, gt=0, le=8760, description="Age of the newest candle from which on volatility is not known, hours."
    )

    @field_validator("day_starts_at", mode="before")
    @classmethod
    def _is_time_of_day(cls, text: object) -> object:
        try:
            time_of_day(text if isinstance(text, str) else "")
        except ValueError:
            raise ValueError("is no time of day; write HH:MM in quotes and UTC, as '00:00'") from None
        return text

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.volatility_release_percentile > self.volatility_percentile:
            raise ValueError("volatility_release_percentile is above volatility_percentile; it must not be")
        if self.valid_seconds < 2 * self.interval_seconds:
            raise ValueError("valid_seconds is less than two intervals; trading would stop in between")
        return self
