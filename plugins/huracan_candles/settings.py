"""The section ``candles``."""

from __future__ import annotations

from pydantic import Field, field_validator

from huracan.config import Section
from huracan.market.timeframes import timeframe_ms

__all__ = ["CandleSettings"]


class CandleSettings(Section):
    """Which candles are kept, and where a series stops being one."""

    timeframe: str = Field("1h", description="Length of a bar: 1m, 5m, 15m, 1h, 4h, 1d ...")
    days: int = Field(150, ge=30, le=3650, description="History that training uses, days before the run.")
    fresh_hours: float = Field(
        24.0,
        gt=0,
        description="A pair whose newest candle closed longer before the run is not trained (two bars where they last "
        "longer). Closed candles that are missing are fetched in every run; what is there is never fetched again.",
    )
    max_gap_hours: float = Field(
        48.0, gt=0, description="A longer silence is a break: only candles after the last break are trained on."
    )
    max_jump_ratio: float = Field(
        2.5,
        gt=1.0,
        description="A larger price ratio between neighbouring bars (up to 4h; longer bars: more) is a break too.",
    )

    @field_validator("timeframe")
    @classmethod
    def _known(cls, value: str) -> str:
        timeframe_ms(value)
        return value
