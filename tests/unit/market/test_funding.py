"""Funding is paid at its own instants; where no rate is known, the flat estimate counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan.errors import DataError
from huracan.market.funding import Funding, accrued, due_by_bar, parse_funding, read_funding, write_funding

HOUR = 3_600_000

EIGHT_HOURLY = Funding(8 * HOUR * np.arange(10), np.full(10, 0.0003))
FLAT = 24.0
"""Basis points a day: one an hour."""


@given(
    rates=st.lists(st.floats(-0.01, 0.01), max_size=40), bought=st.integers(-20, 200), held=st.integers(0, 100)
)  # fmt: skip
def test_a_position_pays_what_falls_due_after_its_entry_up_to_its_exit(
    rates: list[float], bought: int, held: int
) -> None:
    at = 8 * HOUR * np.arange(len(rates))
    begin, end = bought * HOUR, (bought + held) * HOUR
    paid = accrued(Funding(at, np.array(rates)), np.array([begin, end]))
    by_hand = sum(rate for instant, rate in zip(at.tolist(), rates, strict=True) if begin < instant <= end)
    assert paid[1] - paid[0] == pytest.approx(by_hand, abs=1e-12)


def test_who_buys_just_after_an_instant_does_not_pay_it_and_who_sells_then_has_paid() -> None:
    eight, sixteen = accrued(EIGHT_HOURLY, np.array([8 * HOUR, 16 * HOUR]))
    assert sixteen - eight == pytest.approx(0.0003), "bought at 8:00: what was due then was due to the owner before"


# ------------------------------------------------------------------------------------------------------- bar by bar


def test_a_bar_pays_what_falls_due_up_to_its_end() -> None:
    due = due_by_bar(EIGHT_HOURLY, HOUR * np.arange(25), FLAT)
    assert np.flatnonzero(due).tolist() == [7, 15, 23]
    assert due.sum() == pytest.approx(0.0009)


def test_a_day_that_holds_three_instants_pays_them_all() -> None:
    assert due_by_bar(EIGHT_HOURLY, 24 * HOUR * np.arange(3), FLAT) == pytest.approx([0.0009, 0.0009])


def test_hours_whose_rates_are_missing_pay_the_estimate() -> None:
    rows = np.array([0, 1, 4, 5])
    due = due_by_bar(
        Funding(EIGHT_HOURLY.timestamp[rows], EIGHT_HOURLY.rate[rows]), HOUR * np.arange(-4, 61), FLAT
    )  # fmt: skip
    by_end = dict(zip(range(-3, 61), due.tolist(), strict=True))
    assert [by_end[end] for end in (-3, -2, -1)] == pytest.approx([0.0001] * 3), "before the first instant"
    assert [by_end[end] for end in (0, 8, 32, 40)] == pytest.approx([0.0003] * 4)
    assert [by_end[end] for end in (*range(1, 8), *range(9, 16))] == [0.0] * 14
    assert [by_end[end] for end in range(16, 32)] == pytest.approx([0.0001] * 16), "16:00 and 24:00 are missing"
    assert [by_end[end] for end in range(48, 61)] == pytest.approx([0.0001] * 13), "after the last one"


def test_without_any_rates_every_hour_pays_the_estimate_gaps_included() -> None:
    edges = HOUR * np.array([0, 1, 2, 6])
    assert due_by_bar(Funding.none(), edges, FLAT) == pytest.approx([0.0001, 0.0001, 0.0004])


@given(hours=st.lists(st.integers(1, 8), min_size=1, max_size=60), rows=st.integers(2, 200))
def test_whatever_the_intervals_a_position_over_all_bars_pays_all_rates(hours: list[int], rows: int) -> None:
    at = HOUR * np.cumsum([0, *hours])
    funding = Funding(at, np.linspace(-0.001, 0.002, len(at)))
    edges = np.arange(0, at[-1] + 1, HOUR)[:rows]
    paid = funding.rate[(at > 0) & (at <= edges[-1])].sum()
    assert due_by_bar(funding, edges, FLAT).sum() == pytest.approx(paid, abs=1e-12)


@pytest.mark.realdata
@pytest.mark.parametrize(("symbol", "least", "most"), [("BTC", 0.02, 0.12), ("XTZ", -0.5, 0.2)])
def test_real_rates_add_up_over_a_year_whatever_their_intervals(
    realdata: Path, symbol: str, least: float, most: float
) -> None:
    frame = pl.read_parquet(realdata / "funding" / f"{symbol}-USDT-PERP.parquet")
    funding = Funding(frame["timestamp"].to_numpy(), frame["funding_rate"].to_numpy())
    edges = np.arange(1_746_100_800_000, 1_777_636_800_000 + HOUR, HOUR)
    due = due_by_bar(funding, edges, 1e6)
    assert due.sum() == pytest.approx(funding.between(edges[0] + 1, edges[-1] + 1).rate.sum())
    assert least < due.sum() < most, "from May 2025 on, as a fraction of the position"


# ------------------------------------------------------------------------------------------------------------ files


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_funding(tmp_path / "x.parquet", EIGHT_HOURLY, "here")
    again = read_funding(tmp_path / "x.parquet", "here")
    np.testing.assert_array_equal(again.timestamp, EIGHT_HOURLY.timestamp)
    np.testing.assert_array_equal(again.rate, EIGHT_HOURLY.rate)


def test_rates_of_another_exchange_are_refused(tmp_path: Path) -> None:
    write_funding(tmp_path / "x.parquet", Funding.none(), "here")
    with pytest.raises(DataError, match="of exchange 'here', now it is 'there'"):
        read_funding(tmp_path / "x.parquet", "there")


def test_a_file_that_was_changed_after_it_was_written_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    write_funding(path, EIGHT_HOURLY)
    content = path.read_bytes()
    path.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    with pytest.raises(DataError, match="changed or damaged"):
        read_funding(path)


@pytest.mark.parametrize("rate", [np.nan, np.inf, 1.5])
def test_rates_that_cannot_be_are_refused(tmp_path: Path, rate: float) -> None:
    write_funding(tmp_path / "x.parquet", Funding(np.array([0, 1]), np.array([0.0, rate])))
    with pytest.raises(DataError, match="rates that are no fractions"):
        read_funding(tmp_path / "x.parquet")


@pytest.mark.parametrize("instants", [[1, 0], [5, 5]])
def test_instants_out_of_order_are_refused(tmp_path: Path, instants: list[int]) -> None:
    write_funding(tmp_path / "x.parquet", Funding(np.array(instants), np.zeros(2)))
    with pytest.raises(DataError, match="instants out of order"):
        read_funding(tmp_path / "x.parquet")


def test_what_is_no_such_parquet_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no readable parquet"):
        parse_funding(b"PAR1 nothing", "x")
    pl.DataFrame({"timestamp": [1], "price": [0.1]}).write_parquet(tmp_path / "x.parquet")
    with pytest.raises(DataError, match="has columns timestamp, price in place of timestamp, rate"):
        parse_funding((tmp_path / "x.parquet").read_bytes(), "x")
    with pytest.raises(DataError, match="is not there"):
        read_funding(tmp_path / "absent.parquet")
