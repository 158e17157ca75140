"""The universe of Binance as it was on 2020-10-09: its own list of markets, its own tickers, its own candles."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from huracan.context import Context
from huracan.types import Outcome
from huracan_universe.job import run
from servers.binance import BinanceServer, Series

pytestmark = pytest.mark.realdata


@pytest.fixture
def binance(realdata: Path) -> BinanceServer:
    info = json.loads(
        gzip.decompress((realdata / "exchange_meta/binance_spot_exchangeInfo_2020-10-09.json.gz").read_bytes())
    )
    rows = json.loads(
        gzip.decompress((realdata / "exchange_meta/binance_spot_ticker24hr_2020-10-09.json.gz").read_bytes())
    )
    series = {}
    for file in sorted((realdata / "crypto_1h").glob("*-USDT.parquet")):
        frame = pl.read_parquet(file)
        names = ("timestamp", "open", "high", "low", "close", "volume")
        series[file.stem.replace("-", "")] = Series(*(frame[name].to_numpy() for name in names))
    return BinanceServer(series, info["symbols"], info["serverTime"] + 60_000, rows)


def test_every_pair_has_its_reason(binance: BinanceServer, make_context: Callable[..., Context]) -> None:
    as_of = datetime.fromtimestamp(binance.now / 1000, UTC)
    with binance:
        options = {"urls": {"api": {"public": f"{binance.url}/api/v3"}}}
        settings = {"exchange": {"name": "ccxt", "id": "binance", "options": options}, "universe": {"examine": 60}}
        context = make_context(settings, as_of=as_of)
        result = run(context)
        requests = sum(each.query.get("symbol", "BTCUSDT") in binance.series for each in binance.requests)
    assert result.outcome is Outcome.DONE, result.problems
    selection = context.store.universe.latest()
    assert selection is not None
    chosen = [each.symbol for each in selection.decisions if each.selected]
    reasons = Counter(rule for each in selection.decisions for rule, _ in each.reasons)
    assert chosen[:2] == ["BTC-USDT", "ETH-USDT"]
    assert {"LINK-USDT", "BCH-USDT", "LTC-USDT", "TRX-USDT"} <= set(chosen)
    assert len(selection.decisions) == 1089, "no pair vanishes without a reason"
    assert all(each.selected or each.reasons for each in selection.decisions)
    assert {"quote", "volume", "spread", "delisted", "stablecoin", "leveraged", "fiat", "age", "activity"} <= set(
        reasons
    )
    facts = {each.symbol: each for each in selection.decisions}
    for symbol, rule in {
        "BTCUP-USDT": "leveraged", "USDC-USDT": "stablecoin", "EUR-USDT": "fiat", "BCC-USDT": "delisted",
        "ETH-BTC": "quote",
    }.items():  # fmt: skip
        assert rule in [name for name, _ in facts[symbol].reasons], symbol
    assert facts["BTC-USDT"].facts["spread_source"] == "exchange"
    assert facts["BTC-USDT"].facts["depth"] > 0
    assert requests <= 3 + 4 * 60, "what takes requests of its own is asked about the best pairs alone"
