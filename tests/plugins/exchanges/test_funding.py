"""Funding from a folder: seen as of an instant, in any usual form, refused in one line where it cannot be trusted."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from huracan.clock import milliseconds
from huracan.errors import DataError, SettingsError
from huracan.types import Exchange, FundingSource
from huracan_exchanges.files import FilesExchange
from huracan_exchanges.settings import FilesSettings

HOUR = 3_600_000
FIRST = datetime(2023, 1, 1, tzinfo=UTC)
NOW = datetime(2023, 1, 21, tzinfo=UTC)
EVER = 2**62


@pytest.fixture
def rates(tmp_path: Path) -> Path:
    path = tmp_path / "rates"
    path.mkdir()
    return path


@pytest.fixture
def open_both(folder: Path, rates: Path, frame: Any, open_folder: Callable[..., Exchange]) -> Callable[..., Any]:
    """Open a folder of perpetuals that holds AAA-USDT, with its funding."""
    frame(600).write_parquet(folder / "AAA-USDT.parquet")

    def open_it(now: datetime = NOW, **settings: Any) -> Exchange:
        return open_folder(now, **{"market_type": "perpetual", "funding": rates, **settings})

    return open_it


def make_rates(count: int = 75, **columns: Any) -> pl.DataFrame:
    times = milliseconds(FIRST) + 8 * HOUR * np.arange(count, dtype=np.int64)
    return pl.DataFrame({"timestamp": times, "rate": np.linspace(-0.001, 0.002, count)}).with_columns(
        **{name: pl.Series(values) for name, values in columns.items()}
    )


def test_rates_are_those_of_the_file_up_to_the_clock(rates: Path, open_both: Callable[..., Any]) -> None:
    table = make_rates()
    table.write_parquet(rates / "AAA-USDT.parquet")
    exchange = open_both()
    assert isinstance(exchange, FundingSource)
    found = exchange.funding("AAA-USDT", 0, EVER)
    assert found is not None
    assert found.timestamp[-1] == milliseconds(NOW), "what is due at this very instant is known"
    assert found.rate.tolist() == table["rate"][:61].to_list()
    part = exchange.funding("AAA-USDT", milliseconds(FIRST) + 8 * HOUR, milliseconds(FIRST) + 24 * HOUR)
    assert part is not None
    assert part.rate.tolist() == table["rate"][1:3].to_list()


def test_later_rows_change_nothing_not_even_damaged_ones(rates: Path, open_both: Callable[..., Any]) -> None:
    table = make_rates()
    early = NOW - timedelta(days=5)
    table.write_parquet(rates / "AAA-USDT.parquet")
    whole = open_both(early).funding("AAA-USDT", 0, EVER)
    late = table["timestamp"].to_numpy() > milliseconds(early)
    table.with_columns(rate=pl.Series(np.where(late, 7.0, table["rate"]))).write_parquet(rates / "AAA-USDT.parquet")
    again = open_both(early).funding("AAA-USDT", 0, EVER)
    np.testing.assert_array_equal(again.rate, whole.rate)


@pytest.mark.parametrize("name", ["AAA-USDT.parquet", "AAA-USDT-PERP.parquet", "AAA-USDT.csv"])
@pytest.mark.parametrize("columns", [("timestamp", "rate"), ("fundingTime", "fundingRate"), ("date", "funding_rate")])
def test_usual_names_of_files_and_columns_are_understood(
    rates: Path, open_both: Callable[..., Any], name: str, columns: tuple[str, str]
) -> None:
    table = make_rates(10).rename(dict(zip(("timestamp", "rate"), columns, strict=True)))
    table.write_csv(rates / name) if name.endswith("csv") else table.write_parquet(rates / name)
    found = open_both().funding("AAA-USDT", 0, EVER)
    assert found.rate.tolist() == make_rates(10)["rate"].to_list()


def test_stamps_some_milliseconds_late_count_at_the_full_hour(rates: Path, open_both: Callable[..., Any]) -> None:
    table = make_rates(10)
    table.with_columns(pl.col("timestamp") + 7).write_parquet(rates / "AAA-USDT.parquet")
    assert open_both().funding("AAA-USDT", 0, EVER).timestamp.tolist() == table["timestamp"].to_list()


def test_rows_in_any_order_are_sorted_and_repeated_ones_count_once(rates: Path, open_both: Callable[..., Any]) -> None:
    table = make_rates(10)
    pl.concat([table.reverse(), table[3:5]]).write_parquet(rates / "AAA-USDT.parquet")
    found = open_both().funding("AAA-USDT", 0, EVER)
    assert found.timestamp.tolist() == table["timestamp"].to_list()
    assert found.rate.tolist() == table["rate"].to_list()


def test_a_pair_without_a_file_or_before_its_first_rate_has_none(rates: Path, open_both: Callable[..., Any]) -> None:
    assert open_both().funding("AAA-USDT", 0, EVER) is None
    assert open_both(funding=None).funding("AAA-USDT", 0, EVER) is None
    make_rates().write_parquet(rates / "AAA-USDT.parquet")
    assert len(open_both(FIRST - timedelta(days=1)).funding("AAA-USDT", 0, EVER)) == 0


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (make_rates(5, rate=[0.1, 0.2, float("nan"), 0.1, 0.1]), "row 3: rate nan is no fraction"),
        (make_rates(5, rate=[0.1, -1.5, 0.1, 0.1, 0.1]), "row 2: rate -1.5 is no fraction"),
        (make_rates(3, rate=["much", "0.1", "0.2"]), "row 1: rate 'much' is no fraction"),
        (make_rates(3, timestamp=[1, 2, 3]), "row 1: 1 cannot be read as a time"),
        (make_rates(3).rename({"rate": "price"}), "has no column rate"),
        (pl.concat([make_rates(3), make_rates(3, rate=[0.1, 0.1, 0.1])]), "two rates of one instant"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused_in_one_line(
    rates: Path, open_both: Callable[..., Any], table: pl.DataFrame, words: str
) -> None:
    table.write_parquet(rates / "AAA-USDT.parquet")
    with pytest.raises(DataError, match=words) as caught:
        open_both().funding("AAA-USDT", 0, EVER)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("AAA-USDT.parquet")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1 and so on PAR1", b"\x00" * 50])
def test_a_damaged_file_is_refused(rates: Path, open_both: Callable[..., Any], content: bytes) -> None:
    (rates / "AAA-USDT.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"AAA-USDT\.parquet"):
        open_both().funding("AAA-USDT", 0, EVER)


def test_a_flipped_byte_is_survived(rates: Path, open_both: Callable[..., Any]) -> None:
    path = rates / "AAA-USDT.parquet"
    make_rates().write_parquet(path)
    sound = path.read_bytes()
    for at in np.random.default_rng(3).integers(0, len(sound), 6).tolist():
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 0xFF]) + sound[at + 1 :])
        try:
            found = open_both().funding("AAA-USDT", 0, EVER)
        except DataError:
            continue
        assert (np.abs(found.rate) < 1).all()


def test_two_files_of_one_pair_and_links_are_refused(rates: Path, open_both: Callable[..., Any]) -> None:
    make_rates().write_parquet(rates / "AAA-USDT.parquet")
    make_rates().write_parquet(rates / "AAA-USDT-PERP.parquet")
    with pytest.raises(DataError, match="is there too; keep one of the two"):
        open_both().funding("AAA-USDT", 0, EVER)
    (rates / "BBB-USDT.parquet").symlink_to(rates / "AAA-USDT.parquet")
    with pytest.raises(DataError, match="symbolic link"):
        open_both().funding("BBB-USDT", 0, EVER)


def test_a_folder_that_is_not_there_is_a_mistake_in_the_settings(open_both: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"exchange\.funding: .* cannot be read as a folder"):
        open_both(funding=tmp_path / "absent")


def test_spot_markets_pay_no_funding(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="set market_type: perpetual"):
        FilesSettings(funding=tmp_path)


def test_names_of_perpetuals_are_candles_of_perpetual_folders_alone(
    folder: Path, frame: Any, open_folder: Callable[..., Exchange]
) -> None:
    frame(480).write_parquet(folder / "AAA-USDT-PERP.parquet")
    assert [each.symbol for each in open_folder(NOW, market_type="perpetual").markets()] == ["AAA-USDT"]
    spot = open_folder(NOW)
    assert spot.markets() == []
    assert "is not named BASE-QUOTE" in spot.problems()[0]


@pytest.mark.realdata
def test_real_perpetuals_and_their_funding_are_read_as_they_are(realdata: Path) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    settings = FilesSettings(
        path=realdata / "crypto_1h_perp", funding=realdata / "funding", market_type="perpetual"
    )  # fmt: skip
    exchange = FilesExchange(settings, now, logging.LoggerAdapter(logging.getLogger("test.exchanges"), {}))
    assert [each.symbol for each in exchange.markets()] == ["BTC-USDT", "DOGE-USDT", "ETH-USDT"]
    for path in sorted((realdata / "funding").iterdir()):
        raw = pl.read_parquet(path).filter(pl.col("timestamp") <= milliseconds(now))
        found = exchange.funding(path.stem.removesuffix("-PERP"), 0, EVER)
        assert found is not None
        np.testing.assert_array_equal(found.timestamp, raw["timestamp"].to_numpy())
        np.testing.assert_array_equal(found.rate, raw["funding_rate"].to_numpy())
