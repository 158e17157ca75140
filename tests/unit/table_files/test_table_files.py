"""Tables that spreadsheets open and programs read back."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan.table_files import write_csv


def read_back(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, strict=True))


def test_a_table_has_its_header_and_crlf_lines(tmp_path: Path) -> None:
    assert write_csv(tmp_path / "a.csv", ("symbol", "net"), [("BTC-USDT", -0.25), ("ETH-USDT", None)]) == 2
    assert (tmp_path / "a.csv").read_bytes() == b"symbol,net\r\nBTC-USDT,-0.25\r\nETH-USDT,\r\n"


def test_an_empty_table_is_its_header(tmp_path: Path) -> None:
    assert write_csv(tmp_path / "a.csv", ("symbol",), []) == 0
    assert (tmp_path / "a.csv").read_bytes() == b"symbol\r\n"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0"])
def test_text_that_a_spreadsheet_would_run_is_only_text(text: str, tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", ("reason",), [(text,)])
    assert read_back(tmp_path / "a.csv")[1] == [f"'{text}"]


def test_a_negative_number_stays_a_number(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", ("net", "rows"), [(-1.5e-05, -3)])
    assert read_back(tmp_path / "a.csv")[1] == ["-1.5e-05", "-3"]


@given(st.lists(st.tuples(st.text(st.characters(codec="utf-8")), st.floats(allow_nan=False)), max_size=8))
def test_whatever_is_written_is_read_back(rows: list[tuple[str, float]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        write_csv(path, ("text", "number"), rows)
        found = read_back(path)[1:]
    assert [float(number) for _, number in found] == [number for _, number in rows]
    for (text, _), (expected, _) in zip(found, rows, strict=True):
        assert text in (expected, f"'{expected}")
        assert not text.startswith(("=", "+", "-", "@"))
