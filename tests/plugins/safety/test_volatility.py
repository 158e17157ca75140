"""Volatility against a naive reference, what is not known, and that it does not flap."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan.context import Context
from huracan.market.files import write_candles
from huracan.trading import Mode
from huracan_safety.breakers import volatility
from huracan_safety.settings import SafetySettings
from huracan_safety.volatility import Market, Turbulence, _since, realised, turbulence
from plugins.safety.samples import HOUR, NOW, candles_of

SHORT = SafetySettings(volatility_days=14)
HOUR_MS = 3_600_000
END = int(NOW.timestamp() * 1000)


def walk(steps: list[float]) -> list[float]:
    closes = [100.0]
    for step in steps:
        closes.append(closes[-1] * math.exp(step))
    return closes


def naive(closes: list[float | None], row: int) -> float:
    """Return the volatility of the 24 h that end with a row, percent, by a loop."""
    squares = []
    for each in range(row - 23, row + 1):
        now, before = closes[each], closes[each - 1]
        if now is not None and before is not None:
            squares.append(math.log(now / before) ** 2)
    return math.sqrt(sum(squares) * 24 / len(squares)) * 100 if len(squares) >= 0.8 * 24 else math.nan


@settings(max_examples=50)
@given(st.lists(st.floats(-0.2, 0.2), min_size=40, max_size=80), st.sets(st.integers(0, 79), max_size=12))
def test_realised_volatility_is_what_a_loop_over_the_hours_gives(steps: list[float], missing: set[int]) -> None:
    closes = walk(steps)
    candles = candles_of(closes)
    gone = [row for row in range(len(closes)) if row in missing]
    candles = candles.take(np.array([row not in missing for row in range(len(closes))]))
    holes: list[float | None] = [None if row in gone else close for row, close in enumerate(closes)]
    first = END - (len(closes) - 25) * HOUR_MS
    found = realised(candles, HOUR_MS, first, END)
    wanted = [naive(holes, row) for row in range(24, len(closes))]
    assert found == pytest.approx(wanted, rel=1e-6, abs=1e-5, nan_ok=True)


def test_a_wild_day_after_calm_weeks_trips_and_calm_releases() -> None:
    random = np.random.default_rng(1)
    calm = list(random.normal(0, 0.002, 24 * 20))
    wild = list(random.normal(0, 0.02, 24))
    found = turbulence(SHORT, candles_of(walk(calm + wild)), "1h", NOW)
    assert isinstance(found, Turbulence)
    assert found.value > found.limit > found.calm
    tripped = volatility(SHORT, found, NOW)
    assert (tripped.tripped, tripped.mode, tripped.size_factor) == (True, Mode.DEFENSIVE, 0.5)
    assert tripped.since is not None
    assert NOW - 24 * HOUR <= tripped.since <= NOW
    after = turbulence(SHORT, candles_of(walk(calm + wild + calm[:48])), "1h", NOW)
    assert isinstance(after, Turbulence)
    assert not volatility(SHORT, after, NOW).tripped


def test_a_market_that_never_moves_is_calm() -> None:
    found = turbulence(SHORT, candles_of([100.0] * 24 * 20), "1h", NOW)
    assert isinstance(found, Turbulence)
    assert not volatility(SHORT, found, NOW).tripped


@given(st.lists(st.floats(0, 10) | st.just(math.nan), min_size=1, max_size=30), st.floats(0, 10), st.floats(0, 10))
def test_between_both_thresholds_all_stays_as_it_was(values: list[float], one: float, other: float) -> None:
    calm, limit = sorted((one, other))
    state: int | None = None
    for row, value in enumerate(values):
        if value > limit:
            state = row if state is None else state
        elif value < calm:
            state = None
    assert _since(np.array(values), limit, calm) == state


def test_what_wobbles_around_the_limit_does_not_flap() -> None:
    values = np.array([1.0, 5.1, 4.9, 5.1, 4.9, 5.1, 4.9])
    states = [_since(values[: row + 1], 5.0, 3.0) is not None for row in range(len(values))]
    assert states == [False, True, True, True, True, True, True]


@pytest.mark.parametrize("unknown", ["defensive", "normal"])
def test_what_is_not_known_is_defended_against_unless_the_settings_say_otherwise(unknown: str) -> None:
    chosen = SafetySettings.model_validate({"volatility_unknown": unknown, "volatility_days": 14})
    old = turbulence(chosen, candles_of([100.0] * 24 * 20, last=NOW - 49 * HOUR), "1h", NOW)
    short = turbulence(chosen, candles_of([100.0] * 24 * 9), "1h", NOW)
    none = turbulence(chosen, candles_of([], last=NOW), "1h", NOW)
    for found, words in ((old, "too long ago"), (short, "too few candles"), (none, "no candle")):
        breaker = volatility(chosen, found, NOW)
        assert words in breaker.sentence
        assert breaker.tripped == (unknown == "defensive")
        assert breaker.value is None


def test_a_candle_that_is_still_open_is_not_looked_at() -> None:
    closes = [100.0] * 24 * 20
    found = turbulence(SHORT, candles_of([*closes, 300.0], last=NOW + timedelta(minutes=30)), "1h", NOW)
    assert isinstance(found, Turbulence)
    assert found.value == 0.0


def test_the_file_is_read_when_it_changed_and_what_is_damaged_is_not_known(
    safe: Callable[..., Context], calm_market: Callable[[Context], None]
) -> None:
    context, market = safe(), Market()
    assert market.look(context) == "there is no candle of BTC-USDT"
    calm_market(context)
    found = market.look(context)
    assert isinstance(found, Turbulence)
    assert market.look(context) is found
    path = context.paths.candle_file("BTC-USDT")
    path.write_bytes(path.read_bytes()[:-7])
    assert "cannot be read" in str(market.look(context))
    write_candles(path, candles_of([1.0]), {})
    assert "cannot be read" in str(market.look(context))
