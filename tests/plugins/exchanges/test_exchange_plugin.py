"""The plugin as the program sees it: what it offers, its settings, and opening from a context."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from huracan.config import RawSettings
from huracan.context import Context
from huracan.errors import SettingsError
from huracan.settings_sources import Layer, Origin, merge
from huracan.types import Exchange, ExchangeType
from huracan_exchanges import huracan_exchanges
from huracan_exchanges.settings import CcxtSettings, FilesSettings, SimulatedSettings

NOW = datetime(2023, 6, 30, tzinfo=UTC)


def offers() -> dict[str, ExchangeType]:
    return {offer.name: offer for offer in huracan_exchanges()}


def opened(context: Context) -> Exchange:
    settings: Any = context.settings.choice("exchange")
    return context.plugins.exchanges()[settings.name].open(context, settings)


def test_three_exchanges_are_offered_and_each_has_defaults() -> None:
    assert set(offers()) == {"ccxt", "files", "simulated"}
    assert CcxtSettings().id == "binance"
    assert FilesSettings().name == "files"
    assert FilesSettings().taker_fee_bps == FilesSettings().maker_fee_bps == 10.0
    assert SimulatedSettings().coins == 30


def test_every_setting_is_described() -> None:
    for model in (CcxtSettings, FilesSettings, SimulatedSettings):
        assert all(field.description for field in model.model_fields.values())


def test_importing_the_plugin_loads_no_heavy_library() -> None:
    program = (
        "import sys, huracan_exchanges; print([m for m in ('numpy', 'polars', 'pydantic', 'ccxt') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert said.strip() == "[]"


def test_paths_are_meant_from_the_folder_of_the_settings_file(tmp_path: Path) -> None:
    values = {"exchange": {"name": "files", "path": "candles", "metadata": "info.json.gz"}}
    raw = RawSettings(*merge([Layer(values, Origin("settings.yaml", tmp_path), {})]))
    settings = raw.section("exchange", FilesSettings)
    assert settings.path == tmp_path / "candles"
    assert settings.metadata == tmp_path / "info.json.gz"


@pytest.mark.parametrize(
    "wrong",
    [{"taker_fee_bps": -1}, {"stale_hours": 0}, {"market_type": "margin"}, {"folder": "x"}, {"path": 7}],
)
def test_wrong_settings_of_files_are_refused(wrong: dict[str, Any], tmp_path: Path) -> None:
    values = {"exchange": {"name": "files", **wrong}}
    raw = RawSettings(*merge([Layer(values, Origin("settings.yaml", tmp_path), {})]))
    with pytest.raises(SettingsError, match=rf"exchange\.{next(iter(wrong))}"):
        raw.section("exchange", FilesSettings)


def test_the_simulated_exchange_opens_at_the_clock_of_the_run(make_context: Callable[..., Context]) -> None:
    exchange = opened(make_context({"exchange": {"name": "simulated", "coins": 4}}, as_of=NOW, plugins=["exchanges"]))
    symbols = [market.symbol for market in exchange.markets()]
    assert len(symbols) == 4
    assert all(ticker.time == NOW for ticker in exchange.tickers(symbols).values())
    assert list(exchange.problems()) == []
    exchange.close()


def test_a_folder_opens_at_the_clock_of_the_run(
    folder: Path, frame: Callable[..., pl.DataFrame], make_context: Callable[..., Context]
) -> None:
    frame(24 * 365).write_parquet(folder / "AAA-USDT.parquet")
    settings = {"exchange": {"name": "files", "path": str(folder)}}
    exchange = opened(make_context(settings, as_of=NOW, plugins=["exchanges"]))
    assert [market.symbol for market in exchange.markets()] == ["AAA-USDT"]
    last = [page.timestamp[-1] for page in exchange.candles("AAA-USDT", "1h", 0, 2**62)][-1]
    assert last == NOW.timestamp() * 1000 - 3_600_000
    exchange.close()
