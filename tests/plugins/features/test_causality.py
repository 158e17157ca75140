"""No feature looks ahead, and none remembers how long its file is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan.market.candles import COLUMNS as CANDLE_COLUMNS
from huracan.market.candles import Candles
from huracan.types import FeatureInput
from huracan_features.classic import CLASSIC, COLUMNS, WARMUP

Build = Callable[..., Candles]

SINGLE_SMOOTHING, DOUBLE_SMOOTHING = 1e-6, 1e-5
"""What may differ at the first row after the warm-up, relative to the column's usual size, whatever came before."""

RECURSIVE = {
    "ema_5": SINGLE_SMOOTHING, "ema_10": SINGLE_SMOOTHING, "ema_20": SINGLE_SMOOTHING, "rsi_14": SINGLE_SMOOTHING,
    "atr_14": SINGLE_SMOOTHING, "macd": DOUBLE_SMOOTHING, "macd_signal": DOUBLE_SMOOTHING,
    "macd_histogram": DOUBLE_SMOOTHING, "adx_14": DOUBLE_SMOOTHING, "rsi_14_lag_1": SINGLE_SMOOTHING,
    "rsi_14_lag_6": SINGLE_SMOOTHING, "macd_histogram_lag_1": DOUBLE_SMOOTHING,
    "rsi_14_x_volume_ratio": SINGLE_SMOOTHING, "price_vs_sma_20_x_adx_14": DOUBLE_SMOOTHING,
}  # fmt: skip


def closes(seed: int, rows: int) -> np.ndarray:
    found: np.ndarray = 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, rows)))
    return found


def given_to(candles: Candles, begin: int = 0) -> FeatureInput:
    reference = {base: closes(seed, begin + len(candles))[begin:] for base, seed in (("BTC", 5), ("ETH", 6))}
    return FeatureInput(candles, "1h", reference)


def cut(whole: FeatureInput, rows: slice) -> FeatureInput:
    reference = {base: closes[rows] for base, closes in whole.reference.items()}
    return FeatureInput(whole.candles.take(rows), whole.timeframe, reference)


def assert_equal_before(cut_at: int, whole: FeatureInput, other: FeatureInput) -> None:
    expected, found = CLASSIC.compute(whole), CLASSIC.compute(other)
    for name in COLUMNS:
        np.testing.assert_array_equal(found[name][:cut_at], expected[name][:cut_at], err_msg=name)


@settings(max_examples=25, deadline=None)
@given(cut_at=st.integers(0, 700), seed=st.integers(0, 1000), quiet=st.sampled_from([0.0, 0.3, 0.95]))
def test_cutting_off_the_future_changes_no_bit(walk: Build, cut_at: int, seed: int, quiet: float) -> None:
    whole = given_to(walk(700, seed, flat=quiet, silent=quiet, gaps=0.02))
    cut_at = min(cut_at, len(whole.candles))
    assert_equal_before(cut_at, whole, cut(whole, slice(0, cut_at)))


@settings(max_examples=25, deadline=None)
@given(cut_at=st.integers(0, 600), seed=st.integers(0, 1000), factor=st.sampled_from([1e-4, 0.5, 3.0, 1e5]))
def test_another_future_changes_no_bit(walk: Build, cut_at: int, seed: int, factor: float) -> None:
    whole = given_to(walk(600, seed))
    rows = np.arange(600) >= cut_at
    columns = whole.candles.columns()
    changed = {name: np.where(rows, columns[name] * factor, columns[name]) for name in CANDLE_COLUMNS[1:]}
    candles = Candles.from_columns({"timestamp": columns["timestamp"], **changed})
    reference = {base: np.where(rows, closes / factor, closes) for base, closes in whole.reference.items()}
    assert_equal_before(cut_at, whole, FeatureInput(candles, "1h", reference))


@pytest.mark.realdata
@pytest.mark.parametrize("symbol", ["ADA-USDT", "LUNA-USDT", "BNX-USDT"])
def test_no_real_candle_of_the_future_is_seen(real_input: Callable[[str, int], FeatureInput], symbol: str) -> None:
    whole = real_input(symbol, 6000)
    full = CLASSIC.compute(whole)
    for cut_at in (1, 2, 40, 251, 700, 1999, 3777, 5000, len(whole.candles) - 1):
        part = CLASSIC.compute(cut(whole, slice(0, cut_at)))
        for name in COLUMNS:
            np.testing.assert_array_equal(part[name], full[name][:cut_at], err_msg=f"{name} at {cut_at}")


def differences(short: FeatureInput, long: FeatureInput, row: int) -> dict[str, float]:
    """Return by column how far the newest ``row`` rows of both are apart, relative to the column's usual size."""
    left, right = CLASSIC.compute(short), CLASSIC.compute(long)
    result = {}
    for name in COLUMNS:
        usual = float(np.nanmedian(np.abs(right[name][WARMUP:]))) or 1.0
        result[name] = float(np.max(np.abs(left[name][row:] - right[name][-(len(left[name]) - row) :]))) / usual
    return result


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_last_row_is_the_same_with_twice_the_history(walk: Build, seed: int) -> None:
    whole = given_to(walk(1440, seed))
    for name, apart in differences(cut(whole, slice(720, None)), whole, 719).items():
        assert apart <= 1e-9, name


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_after_the_warm_up_recursive_indicators_have_forgotten_their_beginning(walk: Build, seed: int) -> None:
    whole = given_to(walk(1440, seed))
    for name, apart in differences(cut(whole, slice(720, None)), whole, WARMUP).items():
        assert apart <= RECURSIVE.get(name, 1e-9), name


def test_every_value_is_known_after_the_warm_up(walk: Build) -> None:
    found = CLASSIC.compute(given_to(walk(400, 4)))
    for name in COLUMNS:
        assert np.isfinite(found[name][CLASSIC.warmup :]).all(), name


def test_the_warm_up_is_no_longer_than_the_shortest_history_of_an_exchange() -> None:
    assert CLASSIC.warmup <= 720 / 2  # Kraken gives 720 candles whatever is asked
