"""What dealing costs at every row: by side, by the hour, and funding when it was due."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from huracan.clock import milliseconds
from huracan.errors import DataError
from huracan.market.candles import COLUMNS, Candles
from huracan.market.costs import estimate_costs, slippage_series
from huracan.market.funding import Funding, write_funding
from huracan_training.errors import CoinSkippedError
from huracan_training.inputs import Coin, coin_costs
from huracan_training.outcomes import find_outcomes
from huracan_training.pricing import prices_of
from huracan_training.settings import LabelSettings, OrderSettings

HOUR = 3_600_000


def costs(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "taker_fee_bps": 10.0, "maker_fee_bps": 2.0, "fee_source": "exchange", "spread_bps": 4.0,
        "spread_source": "ticker", "quote_volume_24h": 1e7, "daily_volatility": 0.04, "order_quote": 1000.0,
        "perpetual": True,
    }  # fmt: skip
    return estimate_costs(**{**values, **changes}).to_json()


def wandering(rows: int = 300) -> Candles:
    rng = np.random.default_rng(4)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, rows)))
    columns = (HOUR * np.arange(rows), close, close, close, close, rng.lognormal(6, 1, rows))
    return Candles.from_columns(dict(zip(COLUMNS, columns, strict=True)))


def content(tmp_path: Path, funding: Funding) -> bytes:
    write_funding(tmp_path / "funding.parquet", funding)
    return (tmp_path / "funding.parquet").read_bytes()


def test_a_side_pays_fee_half_spread_and_the_slippage_known_at_the_close_before() -> None:
    candles = wandering()
    prices = prices_of(candles, "1h", costs(), None)
    slipped = slippage_series(candles, "1h", 1000.0)
    assert prices.enter[1:] == pytest.approx((10 + 2 + slipped[:-1]) / 1e4)
    np.testing.assert_array_equal(prices.enter, prices.leave)


def test_a_makers_side_pays_its_fee_alone() -> None:
    prices = prices_of(wandering(), "1h", costs(entry="maker"), None)
    assert set(prices.enter) == {2.0 / 1e4}
    assert (prices.leave[2:] > 12.0 / 1e4).all()


def test_an_order_that_costs_the_stake_skips_the_coin() -> None:
    with pytest.raises(CoinSkippedError, match="the order is too large"):
        prices_of(wandering(), "1h", costs(taker_fee_bps=6000.0), None)


def test_a_trade_pays_the_funding_that_falls_due_while_it_is_held(tmp_path: Path) -> None:
    candles = wandering()
    funding = Funding(8 * HOUR * np.arange(40), np.random.default_rng(1).normal(0, 0.001, 40))
    free = costs(taker_fee_bps=0.0, spread_bps=0.0, order_quote=0.0)
    prices = prices_of(candles, "1h", free, content(tmp_path, funding))
    found = find_outcomes(prices, 10, LabelSettings(), 0.01)
    for row in (20, 21, 27, 100, 250):
        bought, sold = candles.timestamp[row + 1], candles.timestamp[row + 11]
        due = funding.rate[(funding.timestamp > bought) & (funding.timestamp <= sold)]
        assert (1 + found.net[row]) / (1 + found.gross[row]) == pytest.approx(np.prod(1 - due), rel=1e-12)


def test_without_rates_every_hour_pays_the_flat_estimate() -> None:
    prices = prices_of(wandering(), "1h", costs(), None)
    assert prices.carry == pytest.approx(np.full(300, 1 - 3e-4 / 24))
    assert (prices_of(wandering(), "1h", costs(perpetual=False), None).carry == 1.0).all()


def test_rates_that_end_early_are_followed_by_the_estimate(tmp_path: Path) -> None:
    funding = Funding(8 * HOUR * np.arange(10), np.zeros(10))
    carry = prices_of(wandering(), "1h", costs(), content(tmp_path, funding)).carry
    assert (carry[:79] == 1.0).all()
    assert carry[79:] == pytest.approx(np.full(221, 1 - 3e-4 / 24))


def test_damaged_rates_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no readable parquet"):
        prices_of(wandering(), "1h", costs(), b"nothing")


@pytest.mark.parametrize(
    ("kind", "known", "source"),
    [("spot", False, "none"), ("perpetual", False, "estimate"), ("perpetual", True, "exchange")],
)
def test_the_file_of_costs_says_where_funding_is_from(kind: str, known: bool, source: str, schemas: Any) -> None:
    facts = {
        "kind": kind, "taker_fee_bps": 5.0, "maker_fee_bps": 2.0, "fee_source": "default", "spread_bps": 1.0,
        "spread_source": "estimate", "quote_volume_24h": 1e9, "daily_volatility": 0.03,
    }  # fmt: skip
    written = coin_costs(Coin("BTC-USDT", facts, 0, "", known), OrderSettings())
    assert written["funding_source"] == source
    schemas("costs", written)


@pytest.mark.realdata
def test_a_real_long_of_a_week_pays_what_the_exchange_charged(realdata: Path, tmp_path: Path) -> None:
    frame = pl.read_parquet(realdata / "crypto_1h_perp" / "DOGE-USDT-PERP.parquet")
    candles = Candles.from_columns({name: frame[name].to_numpy() for name in COLUMNS})
    table = pl.read_parquet(realdata / "funding" / "DOGE-USDT-PERP.parquet")
    funding = Funding(table["timestamp"].to_numpy(), table["funding_rate"].to_numpy())
    prices = prices_of(candles, "1h", costs(), content(tmp_path, funding))
    row = int(np.searchsorted(candles.timestamp, milliseconds(datetime(2025, 3, 3, 9, tzinfo=UTC))))
    bought, sold = candles.timestamp[row], candles.timestamp[row + 168]
    due = table.filter((pl.col("timestamp") > bought) & (pl.col("timestamp") <= sold))["funding_rate"]
    assert len(due) == 21
    assert np.prod(prices.carry[row : row + 168]) == pytest.approx(np.prod(1 - due.to_numpy()), rel=1e-12)
    assert np.isfinite(prices.enter).all()
    assert 7e-4 < np.median(prices.enter) < 30e-4
