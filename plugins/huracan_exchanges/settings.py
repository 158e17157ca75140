"""What can be set in ``exchange: {name: ccxt}``, ``{name: files}`` and ``{name: simulated}``."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, SecretStr, model_validator

from huracan.config import Section, SettingsPath
from huracan.types import MarketKind

__all__ = ["CcxtSettings", "FilesSettings", "SimulatedSettings"]

_NO_SECRET = SecretStr("")


class CcxtSettings(Section):
    """A real exchange, by the library ccxt. Keys are optional: everything that a night needs is public."""

    candle_source: ClassVar[tuple[str, ...]] = ("id", "market_type")
    funding_source: ClassVar[tuple[str, ...]] = ("id",)

    name: Literal["ccxt"] = Field("ccxt", description="Any exchange that the library ccxt knows.")
    id: str = Field("binance", description="The exchange, by its name in ccxt: binance, kraken, okx, bybit ...")
    market_type: MarketKind = Field(MarketKind.SPOT, description="Which markets are looked at: spot or perpetual.")
    api_key: SecretStr = Field(
        _NO_SECRET, description="Only for fees of your own account; a key that may read and nothing else."
    )
    api_secret: SecretStr = Field(_NO_SECRET, description="The secret that belongs to api_key.")
    api_password: SecretStr = Field(_NO_SECRET, description="The passphrase, where the exchange has one (OKX, KuCoin).")
    taker_fee_bps: float | None = Field(
        None, ge=-50, le=500, description="Taker fee per side, basis points; empty: what the exchange or ccxt says."
    )
    maker_fee_bps: float | None = Field(
        None, ge=-50, le=500, description="Maker fee per side, basis points; empty: what the exchange or ccxt says."
    )
    timeout_seconds: float = Field(20.0, gt=0, le=300, description="Longest silence of one request, seconds.")
    patience_seconds: float = Field(
        900.0,
        ge=0,
        le=86_400,
        description="How long a request is tried again while the exchange is away or wants a pause (a ban), seconds.",
    )
    requests_at_once: int = Field(
        8, ge=1, le=64, description="Requests under way at the same time; the exchange's own rate limit holds anyway."
    )
    options: dict[str, Any] = Field(
        default_factory=dict,
        repr=False,
        description="Further settings of the ccxt client, by their names in its manual (httpsProxy, options ...).",
    )

    @model_validator(mode="after")
    def _a_key_has_its_secret(self) -> Self:
        if bool(self.api_key.get_secret_value()) != bool(self.api_secret.get_secret_value()):
            raise ValueError("api_key and api_secret belong together: set both, or neither")
        return self


class FilesSettings(Section):
    """A folder of candle files named BASE-QUOTE.parquet or BASE-QUOTE.csv."""

    candle_source: ClassVar[tuple[str, ...]] = ("path",)
    funding_source: ClassVar[tuple[str, ...]] = ("funding",)

    name: Literal["files"] = Field("files", description="A folder of candle files.")
    path: SettingsPath = Field(
        Path("candles"),
        description="Folder of BASE-QUOTE.parquet or BASE-QUOTE.csv files (perpetuals: BASE-QUOTE-PERP too); its "
        "sub-folders are not read.",
    )
    metadata: SettingsPath | None = Field(
        None, description="The exchange's own market list as JSON (Binance exchangeInfo, also as .gz); optional."
    )
    funding: SettingsPath | None = Field(
        None,
        description="Perpetuals: folder of the funding of each, named as candles are, with columns timestamp and rate "
        "(a fraction, above 0 where longs pay); optional, without it costs count a flat estimate.",
    )
    market_type: MarketKind = Field(MarketKind.SPOT, description="What the files hold: spot or perpetual.")
    taker_fee_bps: float = Field(10.0, ge=0, le=500, description="Taker fee per side, basis points.")
    maker_fee_bps: float = Field(10.0, ge=-50, le=500, description="Maker fee per side, basis points.")
    stale_hours: float = Field(
        48.0, gt=0, description="A market whose last candle closed longer ago than this counts as not trading, hours."
    )

    @model_validator(mode="after")
    def _only_perpetuals_pay_funding(self) -> Self:
        if self.funding is not None and self.market_type is not MarketKind.PERPETUAL:
            raise ValueError("funding is what perpetuals pay: set market_type: perpetual, or leave funding out")
        return self


class SimulatedSettings(Section):
    """A made-up market of about 30 coins, the same for everybody who uses the same seed."""

    candle_source: ClassVar[tuple[str, ...]] = ("seed", "start", "edge", "edge_sharpe")

    name: Literal["simulated"] = Field("simulated", description="A simulated exchange: no account, no network.")
    seed: int = Field(7, ge=0, le=2**32 - 1, description="Another seed gives another history of the same coins.")
    coins: int = Field(30, ge=2, le=1000, description="How many markets there are; 25 and up include every odd one.")
    edge: Literal["demo", "none", "memory"] = Field(
        "demo",
        description="demo: strong edges in seven coins; none: nothing can be foretold in any coin; memory: every "
        "ordinary coin but BTC goes on or turns back just enough for edge_sharpe.",
    )
    edge_sharpe: float = Field(
        3.0, ge=1, le=5, description="Edge memory: the yearly Sharpe ratio that a plain rule earns after costs."
    )
    start: date = Field(date(2022, 1, 1), description="First day of its history, UTC.")
