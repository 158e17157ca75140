from __future__ import annotations

from pathlib import Path

import pytest

from huracan.errors import UsageError
from huracan_training.inputs import choose_symbols

UNIVERSE = ["BTC-USDT", "ETH-USDT", "SOL-USDT", "ADA-USDT"]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("", UNIVERSE),
        ("top2", UNIVERSE[:2]),
        ("TOP99", UNIVERSE),
        ("ada-usdt, BTC-USDT,", ["BTC-USDT", "ADA-USDT"]),
        ("coins.csv", ["ETH-USDT", "SOL-USDT"]),
        ("plain.csv", ["ETH-USDT"]),
    ],
)
def test_coins_are_chosen_by_number_list_or_file(tmp_path: Path, wanted: str, expected: list[str]) -> None:
    (tmp_path / "coins.csv").write_text("\ufeffSymbol,note\nSOL-USDT,x\n\nETH-USDT,y\n")
    (tmp_path / "plain.csv").write_text("ETH-USDT\n")
    assert choose_symbols(wanted, UNIVERSE, tmp_path) == (expected, [])


def test_a_coin_that_dropped_out_of_the_universe_does_not_stop_the_others(tmp_path: Path) -> None:
    assert choose_symbols("DOGE-USDT,BTC-USDT", UNIVERSE, tmp_path) == (["BTC-USDT"], ["DOGE-USDT"])


def test_a_list_without_any_coin_of_the_universe_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"training\.symbols: none of DOGE-USDT is in tonight's universe"):
        choose_symbols("DOGE-USDT", UNIVERSE, tmp_path)


def test_what_is_no_symbol_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"training\.symbols: '\.\./\.\./ETC': is not a symbol"):
        choose_symbols("BTC-USDT,../../etc", UNIVERSE, tmp_path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.csv cannot be read"):
        choose_symbols("none.csv", UNIVERSE, tmp_path)
