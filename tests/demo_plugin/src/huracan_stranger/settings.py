"""The section `stranger` of the settings."""

from __future__ import annotations

from huracan.config import Section
from pydantic import Field, SecretStr

__all__ = ["Settings"]


class Settings(Section):
    """What the plugin stranger goes by."""

    longest_minutes: float = Field(240.0, gt=0, description="Minutes; a night that takes longer is told of.")
    most_cost_share: float = Field(0.5, gt=0, le=1, description="Largest share of the gross gain that costs may take.")
    memes: tuple[str, ...] = Field(("DOGE", "SHIB", "PEPE", "WIF"), description="Coins that are left out.")
    url: str = Field("", pattern=r"^(https?://\S+)?$", description="Where alerts are posted to; empty: nowhere.")
    token: SecretStr = Field(SecretStr(""), description="What the server knows us by.")
    timeout_seconds: float = Field(10.0, gt=0, le=60, description="Seconds until a post counts as lost.")
