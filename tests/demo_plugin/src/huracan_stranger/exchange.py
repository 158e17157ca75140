"""What settings choose with `exchange: {name: stranger}`, without what it needs to ask."""

from __future__ import annotations

from typing import ClassVar, Literal

from huracan.config import Section
from huracan.context import Context
from huracan.types import Exchange
from pydantic import Field

__all__ = ["ExchangeSettings", "open_exchange"]


class ExchangeSettings(Section):
    """An exchange that answers by HTTP."""

    candle_source: ClassVar[tuple[str, ...]] = ("url",)
    name: Literal["stranger"] = Field("stranger", description="Chooses it.")
    url: str = Field("http://127.0.0.1:8080", pattern=r"^https?://\S+$", description="Where its API is.")
    timeout_seconds: float = Field(20.0, gt=0, le=300, description="Seconds until an answer counts as lost.")


def open_exchange(context: Context, settings: ExchangeSettings) -> Exchange:
    """Open the exchange; what it needs is loaded now."""
    from huracan_stranger.exchange_client import HttpExchange

    return HttpExchange(context, settings)
