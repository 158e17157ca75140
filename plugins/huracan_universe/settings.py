"""The section ``universe``."""

from __future__ import annotations

from pydantic import Field, field_validator, model_validator

from huracan.config import Section
from huracan.errors import DataError
from huracan.paths import safe_symbol
from huracan.types import MarketKind

__all__ = ["UniverseSettings"]


class UniverseSettings(Section):
    """Which pairs are studied."""

    quote: str = Field("USDT", description="Quote currency of the pairs.")
    top: int = Field(20, ge=1, le=1000, description="How many pairs are selected, best first.")
    market_type: MarketKind = Field(MarketKind.SPOT, description="spot or perpetual.")
    min_quote_volume_24h: float = Field(
        1_000_000.0, ge=0, description="Least turnover of the last 24 h, quote currency."
    )
    min_age_days: float = Field(30.0, ge=0, description="Least days since listing.")
    max_spread_bps: float = Field(50.0, gt=0, description="Widest spread, basis points.")
    min_active_share: float = Field(
        0.9, ge=0, le=1, description="Least share of the last 7 days' bars with trades, 0-1."
    )
    min_daily_volatility: float = Field(
        0.005, ge=0, description="Least standard deviation of daily returns (0.005 = 0.5 %): below it a pair is pegged."
    )
    allow_stablecoins: bool = Field(False, description="Let stablecoins in, also those that lost their peg.")
    allow_fiat: bool = Field(False, description="Let pairs of national currencies in.")
    allow_wrapped: bool = Field(False, description="Let coins in that follow another one (WBTC, stETH ...).")
    allow_leveraged: bool = Field(False, description="Let leveraged tokens in (BTCUP, ETH3S ...).")
    examine: int = Field(
        100,
        ge=1,
        le=2000,
        description="Most pairs whose order book, last week and first candle are asked for, by turnover; some requests "
        "each, on exchanges where that is not in the tickers.",
    )
    include: tuple[str, ...] = Field(
        (),
        description="Pairs that are always selected, whatever rules and ranks say, as BASE-QUOTE; they count in top.",
    )
    exclude: tuple[str, ...] = Field((), description="Pairs that are never selected, as BASE-QUOTE.")
    rules_off: tuple[str, ...] = Field((), description="Names of rules that are not asked.")
    volume_weight: float = Field(0.5, ge=0, description="Weight of turnover in the rank.")
    liquidity_weight: float = Field(0.3, ge=0, description="Weight of a narrow spread in the rank.")
    activity_weight: float = Field(0.2, ge=0, description="Weight of steady trading in the rank.")

    @field_validator("quote")
    @classmethod
    def _upper(cls, value: str) -> str:
        return value.upper()

    @field_validator("include", "exclude")
    @classmethod
    def _pairs(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            try:
                safe_symbol(value)
            except DataError:
                raise ValueError(f"{value!r} is no pair; write it as BTC-USDT") from None
        return values

    @model_validator(mode="after")
    def _weights(self) -> UniverseSettings:
        if self.volume_weight + self.liquidity_weight + self.activity_weight <= 0:
            raise ValueError("at least one of volume_weight, liquidity_weight, activity_weight must be above 0")
        return self
