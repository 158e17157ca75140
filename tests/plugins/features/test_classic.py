"""The set as a whole: names, shapes, quiet markets, units, and values that cannot change unnoticed."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan.context import Context
from huracan.errors import DataError
from huracan.market.candles import Candles
from huracan.types import CheckState, FeatureInput
from huracan_features.classic import CLASSIC, COLUMNS, WARMUP
from huracan_features.requirement import check_talib

Build = Callable[..., Candles]
Compute = Callable[..., dict[str, np.ndarray]]

REQUIRED = """
ret_1 ret_5 ret_20 log_ret_1 log_ret_5 price_change high_low_ratio close_open_ratio
sma_5 sma_10 sma_20 sma_50 ema_5 ema_10 ema_20 price_vs_sma_20
volatility_5 volatility_20 atr_14 bb_upper bb_lower bb_width price_vs_bb
rsi_14 macd macd_signal macd_histogram stoch_k stoch_d adx_14
volume_sma_20 volume_ratio price_volume_trend on_balance_volume
btc_correlation eth_correlation market_beta
trend_strength volatility_regime market_regime hour_of_day day_of_week is_weekend
"""

IN_PRICE = {
    "price_change", "sma_5", "sma_10", "sma_20", "sma_50", "ema_5", "ema_10", "ema_20", "atr_14", "bb_upper",
    "bb_lower", "macd", "macd_signal", "macd_histogram", "macd_histogram_lag_1",
}  # fmt: skip
RANGES = {
    "rsi_14": (0, 100), "stoch_k": (0, 100), "stoch_d": (0, 100), "adx_14": (0, 100), "trend_strength": (0, 1),
    "btc_correlation": (-1, 1), "eth_correlation": (-1, 1), "on_balance_volume": (-1, 1),
    "volatility_regime": (0, 2), "market_regime": (0, 3), "hour_of_day": (0, 23), "day_of_week": (0, 6),
    "is_weekend": (0, 1), "close_min_100": (-1, 0),
}  # fmt: skip
SILENT = {name for name in COLUMNS if "volume" in name and name != "volume_sma_20"}
STILL = {name for name in COLUMNS if "correlation" in name} | {"price_vs_bb"}


def test_every_required_feature_is_there_by_name() -> None:
    assert len(set(COLUMNS)) == len(COLUMNS)
    assert set(REQUIRED.split()) <= set(COLUMNS)


def test_interactions_lags_and_rolling_windows_are_there_too() -> None:
    for part in ("_x_", "_lag_", "_min_", "_max_", "_mean_", "_std_"):
        assert any(part in name for name in COLUMNS), part


def test_the_plugin_brings_the_set_under_its_name(make_context: Callable[..., Context]) -> None:
    sets = make_context(plugins=("features",)).plugins.features()
    assert [(each.name, each.columns) for each in sets.values()] == [("classic", COLUMNS)]


def test_columns_come_as_declared_one_float_a_row(walk: Build, compute: Compute) -> None:
    found = compute(walk(300))
    assert tuple(found) == COLUMNS
    assert all(values.shape == (300,) and values.dtype == np.float64 for values in found.values())


@pytest.mark.parametrize("rows", [0, 1, 2, 5, 14, 15, 26, 34, 100, WARMUP])
def test_candles_too_few_for_a_window_give_unknown_values(rows: int, walk: Build, compute: Compute) -> None:
    found = compute(walk(rows))
    assert all(len(values) == rows for values in found.values())
    assert not np.isfinite(found["ret_20"][:20]).any()


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(0, 330),
    seed=st.integers(0, 10_000),
    price=st.sampled_from([1e-7, 0.013, 1.0, 65_000.0]),
    flat=st.sampled_from([0.0, 0.5, 0.97, 1.0]),
    silent=st.sampled_from([0.0, 0.5, 0.97, 1.0]),
    unknown=st.integers(0, 330),
)  # fmt: skip
def test_quiet_cheap_or_thin_markets_give_nothing_infinite_and_stay_in_range(
    walk: Build, compute: Compute, rows: int, seed: int, price: float, flat: float, silent: float, unknown: int
) -> None:
    candles = walk(rows, seed, price=price, flat=flat, silent=silent)
    btc = walk(rows, seed + 1).close.copy()
    btc[:unknown] = np.nan
    for name, values in compute(candles, BTC=btc, ETH=btc).items():
        assert not np.isinf(values).any(), name
        low, high = RANGES.get(name, (-np.inf, np.inf))
        known = values[np.isfinite(values)]
        assert ((known >= low - 1e-9) & (known <= high + 1e-9)).all(), name


@pytest.mark.parametrize("price", [0.1, 0.3, 1.0, 123.456])
def test_in_a_market_that_stands_still_only_what_has_no_answer_is_unknown(
    price: float, walk: Build, compute: Compute
) -> None:
    found = compute(walk(400, price=price, flat=1.0, silent=1.0))
    unknown = {name for name, values in found.items() if not np.isfinite(values[WARMUP:]).all()}
    assert unknown == SILENT | STILL
    assert (found["volatility_20"][WARMUP:] == 0).all()
    assert (found["trend_strength"][WARMUP:] == 0).all()
    assert (found["bb_width"][WARMUP:] == 0).all()
    assert (found["market_regime"][WARMUP:] == 3).all()


@pytest.mark.parametrize("column", ["open", "high", "low", "close", "volume"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
def test_impossible_candles_are_refused(column: str, value: float, walk: Build, compute: Compute) -> None:
    columns = walk(400).columns()
    damaged = np.where(np.arange(400) == 300, value, columns[column])
    with pytest.raises(DataError, match="row 300: open"):
        compute(Candles.from_columns({**columns, column: damaged}))


def test_a_price_of_zero_is_refused_and_a_volume_of_zero_is_not(walk: Build, compute: Compute) -> None:
    columns = walk(400).columns()
    nothing = np.where(np.arange(400) == 300, 0.0, 1.0)
    compute(Candles.from_columns({**columns, "volume": columns["volume"] * nothing}))
    with pytest.raises(DataError, match="row 300"):
        compute(Candles.from_columns({**columns, "low": columns["low"] * nothing}))


def test_a_quiet_stretch_is_forgotten(walk: Build, compute: Compute) -> None:
    loud, quiet = walk(900, 3), walk(900, 3, flat=1.0, silent=1.0)
    rows = np.arange(900) < 300
    mixed = {name: np.where(rows, quiet.columns()[name], loud.columns()[name]) for name in loud.columns()}
    before, after = compute(loud), compute(Candles.from_columns(mixed))
    for name in COLUMNS:
        np.testing.assert_allclose(after[name][-50:], before[name][-50:], rtol=1e-6, atol=1e-9, err_msg=name)


def test_a_coin_that_is_the_market_has_correlation_and_beta_one(walk: Build, compute: Compute) -> None:
    candles = walk(400, 5)
    found = compute(candles, BTC=candles.close * 3, ETH=1 / candles.close)
    np.testing.assert_allclose(found["btc_correlation"][100:], 1.0)
    np.testing.assert_allclose(found["market_beta"][100:], 1.0)
    np.testing.assert_allclose(found["eth_correlation"][100:], -1.0)


def test_without_references_the_market_is_unknown_and_the_rest_is_not(walk: Build) -> None:
    found = CLASSIC.compute(FeatureInput(walk(400), "1h", {}))
    unknown = {name for name, values in found.items() if np.isnan(values[WARMUP:]).any()}
    assert unknown == {name for name in COLUMNS if "correlation" in name or "beta" in name}


@pytest.mark.parametrize("hole", [np.nan, 0.0])
def test_a_hole_in_the_reference_ends_when_it_has_left_the_window(hole: float, walk: Build, compute: Compute) -> None:
    btc = walk(500, 9).close.copy()
    whole = compute(walk(500), BTC=btc.copy(), ETH=btc)
    btc[300] = hole
    found = compute(walk(500), BTC=btc, ETH=btc)
    assert np.isnan(found["btc_correlation"][300:373]).all()
    np.testing.assert_array_equal(found["btc_correlation"][373:], whole["btc_correlation"][373:])


def test_another_unit_of_price_or_volume_changes_only_what_is_in_that_unit(walk: Build, compute: Compute) -> None:
    candles = walk(500, 6)
    columns = candles.columns()
    dearer = {name: columns[name] * 1024.0 for name in ("open", "high", "low", "close")}
    base, scaled = compute(candles), compute(Candles.from_columns({**columns, **dearer}))
    louder = compute(Candles.from_columns({**columns, "volume": candles.volume * 64.0}))
    for name in COLUMNS:
        np.testing.assert_allclose(scaled[name], base[name] * (1024.0 if name in IN_PRICE else 1.0), rtol=1e-9)
        np.testing.assert_allclose(louder[name], base[name] * (64.0 if name == "volume_sma_20" else 1.0), rtol=1e-9)


def test_the_candles_are_left_as_they_are(walk: Build, compute: Compute) -> None:
    candles = walk(300)
    before = {name: values.copy() for name, values in candles.columns().items()}
    first, again = compute(candles), compute(candles)
    for name, values in candles.columns().items():
        np.testing.assert_array_equal(values, before[name])
    for name in COLUMNS:
        np.testing.assert_array_equal(first[name], again[name])


def test_a_feature_that_changes_gets_a_new_version(walk: Build, compute: Compute) -> None:
    """Whoever changes a value raises ``CLASSIC.version`` and writes the file anew: old models must be told apart."""
    kept = json.loads((Path(__file__).parent / "classic_values.json").read_text())
    found = compute(walk(400, 42, flat=0.05, silent=0.05))
    assert kept["version"] == CLASSIC.version
    assert sorted(kept["values"]) == sorted(COLUMNS)
    for name, values in kept["values"].items():
        np.testing.assert_allclose(found[name][[260, 330, 399]], values, rtol=1e-7, atol=1e-10, err_msg=name)


def test_without_talib_the_check_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_talib(None).state is CheckState.OK
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    found = check_talib(None)
    assert found.state is CheckState.FAILED
    assert "pip install TA-Lib" in found.hint


def test_every_column_is_documented_and_nothing_else_is(repository: Path) -> None:
    page = (repository / "docs" / "reference" / "features.md").read_text("utf-8")
    named = set()
    for line in page.splitlines():
        first = line.split("|")[1] if line.startswith("| `") else ""
        for part in first.split(", `") if "_N`" in first else [first]:
            windows = re.findall(r"\d+", part.rpartition("(")[2]) if "(" in part else []
            names = re.findall(r"\w*[a-z]\w*", part.partition("(")[0])
            named |= {re.sub("N$", rows, name) for name in names for rows in windows or [""]}
    assert named == set(COLUMNS)
