"""Breakers against naive references: what trips them, what never does, and that order and restarts do not matter."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan.errors import SettingsError
from huracan.store import Trade
from huracan.trading import Breaker, Mode
from huracan_safety.breakers import day_start, drawdown, streak
from huracan_safety.settings import SafetySettings
from plugins.safety.samples import HOUR, NOW, trades_of

DEFAULT = SafetySettings()
cents = st.integers(-40_000, 40_000).map(lambda number: number / 100)
results = st.lists(cents, max_size=12)


# ----------------------------------------------------------------------------------------------------------- drawdown


def naive_drawdown(trades: list[Trade], start: datetime, percent: str) -> bool:
    """Walk the day in decimal numbers, and say whether equity ever was down by the limit."""
    today = [each for each in trades if each.closed_at >= start]
    if not today:
        return False
    begin = Decimal(str(today[0].equity_after)) - Decimal(str(today[0].net_pnl))
    equity = begin
    for trade in today:
        equity += Decimal(str(trade.net_pnl))
        if (begin - equity) * 100 >= begin * Decimal(percent):
            return True
    return False


@given(results, st.sampled_from(["0.5", "3.0", "7.25"]), st.integers(0, 40))
def test_drawdown_trips_exactly_where_a_naive_walk_through_the_day_does(
    values: list[float], percent: str, hours: int
) -> None:
    settings = SafetySettings(drawdown_percent=float(percent))
    trades = trades_of(values, last=NOW - hours * HOUR, step=HOUR)
    found = drawdown(settings, trades, NOW)
    assert found.tripped == naive_drawdown(trades, day_start(settings, NOW), percent)
    assert found.value is None or (found.value >= float(percent)) == found.tripped


@pytest.mark.parametrize(("loss", "tripped"), [(299.99, False), (300.0, True), (300.01, True)])
def test_exactly_three_percent_trips_and_a_cent_less_does_not(loss: float, tripped: bool) -> None:
    assert drawdown(DEFAULT, trades_of([-loss]), NOW).tripped is tripped
    # 0.15 is less than 0.15 in binary.
    assert drawdown(DEFAULT, trades_of([-0.15] * 2, equity=10.0), NOW).tripped is True


def test_a_win_after_the_deepest_point_does_not_let_trading_go_on() -> None:
    found = drawdown(DEFAULT, trades_of([-300.0, 500.0]), NOW)
    assert found.tripped
    assert (found.value, found.limit, found.since) == (3.0, 3.0, NOW - HOUR / 60)
    assert found.until == datetime(2026, 11, 21, tzinfo=UTC)


def test_a_loss_after_a_win_is_counted_from_where_the_day_began() -> None:
    assert not drawdown(DEFAULT, trades_of([500.0, -700.0]), NOW).tripped
    assert drawdown(DEFAULT, trades_of([500.0, -801.0]), NOW).tripped


def test_yesterday_does_not_count_and_the_day_begins_when_the_settings_say() -> None:
    at_eleven = trades_of([-400.0], last=NOW - HOUR)
    assert drawdown(DEFAULT, at_eleven, NOW).tripped
    assert not drawdown(DEFAULT, at_eleven, NOW + 12 * HOUR).tripped
    later = SafetySettings(day_starts_at="11:30")
    assert not drawdown(later, at_eleven, NOW).tripped
    assert drawdown(later, at_eleven, NOW - HOUR).until == datetime(2026, 11, 20, 11, 30, tzinfo=UTC)


def test_until_resume_it_lasts_over_days_until_a_person_acknowledges() -> None:
    settings = SafetySettings(drawdown_until="resume")
    deep = drawdown(settings, trades_of([-400.0]), NOW)
    assert deep.tripped
    assert deep.until is None
    later = NOW + 72 * HOUR
    assert drawdown(settings, [], later, None, deep.since).tripped
    assert drawdown(settings, [], later, deep.since and deep.since - HOUR, deep.since).tripped
    assert not drawdown(settings, [], later, later, deep.since).tripped
    assert not drawdown(DEFAULT, [], later, None, deep.since).tripped


def test_until_resume_a_loss_of_any_day_since_counts_by_the_equity_of_that_day() -> None:
    settings = SafetySettings(drawdown_until="resume")
    midnight = datetime(2026, 11, 20, tzinfo=UTC)
    late = trades_of([-400.0], last=midnight - HOUR / 60)
    found = drawdown(settings, late, NOW)
    assert (found.tripped, found.since, found.value) == (True, late[0].closed_at, 4.0)
    assert "on 2026-11-19; stopped until `huracan resume trading`" in found.sentence
    assert not drawdown(DEFAULT, late, NOW).tripped
    assert not drawdown(settings, late, NOW, midnight).tripped
    assert drawdown(settings, late, NOW + 29 * 24 * HOUR).tripped
    over_days = trades_of([-200.0, -200.0], last=NOW, step=24 * HOUR)
    assert not drawdown(settings, over_days, NOW).tripped, "2 % a day are no day of 3 %"


def test_a_loss_that_was_recorded_after_a_person_looked_was_not_seen() -> None:
    closed = trades_of([-100.0] * 4)
    late = [replace(each, recorded_at=NOW + HOUR / 60) for each in closed]
    seen = NOW + HOUR / 3600
    assert [each.tripped for each in (drawdown(DEFAULT, late, NOW, seen), streak(DEFAULT, late, NOW, seen))] == [
        True
    ] * 2
    early = [replace(each, recorded_at=NOW) for each in closed]
    assert not drawdown(DEFAULT, early, NOW, seen).tripped
    assert streak(DEFAULT, early, NOW, seen).value == 0


def test_after_a_person_acknowledged_it_counts_anew_from_there() -> None:
    trades = trades_of([-400.0, -100.0])
    seen = trades[0].closed_at
    found = drawdown(DEFAULT, trades, NOW, acknowledged=seen)
    assert not found.tripped
    assert found.value == pytest.approx(100 / 9600 * 100)
    assert drawdown(DEFAULT, trades_of([-400.0, -300.0]), NOW, acknowledged=seen).tripped


def test_an_account_without_equity_stops_at_any_loss() -> None:
    assert drawdown(DEFAULT, trades_of([-1.0], equity=0.0), NOW).tripped
    assert not drawdown(DEFAULT, trades_of([1.0], equity=0.0), NOW).tripped


# ------------------------------------------------------------------------------------------------------------- streak


def naive_streak(values: list[float]) -> int:
    """Count the losses at the end, leaving out what came out even."""
    count = 0
    for value in values:
        count = 0 if value > 0 else count + (value < 0)
    return count


@given(st.lists(st.sampled_from([-1.0, -2.0, 0.0, 3.0]), max_size=14), st.integers(1, 5), st.integers(0, 30))
def test_a_streak_trips_exactly_where_a_naive_count_does(values: list[float], losses: int, hours: int) -> None:
    settings = SafetySettings(streak_losses=losses)
    trades = trades_of(values, last=NOW - hours * HOUR, step=HOUR)
    found = streak(settings, trades, NOW)
    count = naive_streak(values)
    last = max((each.closed_at for each in trades if each.net_pnl < 0), default=NOW)
    assert found.value == count
    assert found.tripped == (count >= losses and NOW - last < timedelta(hours=24))


def test_three_losses_halve_the_size_and_a_win_ends_it() -> None:
    found = streak(DEFAULT, trades_of([-1.0, -1.0, -1.0]), NOW)
    assert (found.tripped, found.mode, found.size_factor, found.since) == (True, Mode.REDUCED, 0.5, NOW)
    assert found.until == NOW + 24 * HOUR
    assert not streak(DEFAULT, trades_of([-1.0, -1.0]), NOW).tripped
    assert not streak(DEFAULT, trades_of([-1.0, -1.0, -1.0, 0.5]), NOW).tripped
    assert streak(DEFAULT, trades_of([5.0, -1.0, 0.0, -1.0, -1.0]), NOW).tripped


def test_a_streak_ends_after_its_hours_and_the_next_loss_brings_it_back() -> None:
    losses = trades_of([-1.0, -1.0, -1.0])
    assert streak(DEFAULT, losses, NOW + 23.9 * HOUR).tripped
    assert not streak(DEFAULT, losses, NOW + 24 * HOUR).tripped
    fourth = trades_of([-1.0], last=NOW + 30 * HOUR)[0]
    assert streak(DEFAULT, [*losses, replace(fourth, id="later")], NOW + 30 * HOUR).tripped


def test_an_acknowledged_streak_counts_anew() -> None:
    losses = trades_of([-1.0, -1.0, -1.0, -1.0])
    assert streak(DEFAULT, losses, NOW, acknowledged=losses[1].closed_at).value == 2
    assert not streak(DEFAULT, losses, NOW, acknowledged=NOW).tripped


def test_a_factor_of_zero_stops() -> None:
    found = streak(SafetySettings(streak_size_factor=0.0), trades_of([-1.0] * 3), NOW)
    assert (found.tripped, found.mode) == (True, Mode.STOPPED)


# --------------------------------------------------------------------------------------------------------------- both


def both(trades: list[Trade], acknowledged: datetime | None = None) -> tuple[Breaker, Breaker]:
    return drawdown(DEFAULT, trades, NOW, acknowledged), streak(DEFAULT, trades, NOW, acknowledged)


@given(results, st.randoms(use_true_random=False))
def test_the_order_in_which_trades_arrive_does_not_matter(values: list[float], shuffled: random.Random) -> None:
    trades = trades_of(values, step=timedelta(0))
    mixed = list(trades)
    shuffled.shuffle(mixed)
    assert both(mixed) == both(trades)


@given(results, st.floats(0.01, 500), st.integers(0, 12))
def test_one_more_loss_never_loosens(values: list[float], loss: float, place: int) -> None:
    place = min(place, len(values))
    before = both(trades_of(values))
    after = both(trades_of([*values[:place], -round(loss, 2), *values[place:]]))
    for less, more in zip(before, after, strict=True):
        assert more.tripped >= less.tripped
        assert (more.value or 0.0) >= (less.value or 0.0)


@given(results)
def test_judging_twice_or_after_a_restart_gives_the_same(values: list[float]) -> None:
    assert both(trades_of(values)) == both(trades_of(values))


@pytest.mark.parametrize(
    ("section", "word"),
    [
        ({"day_starts_at": "25:00"}, "day_starts_at"),
        ({"day_starts_at": 750}, "day_starts_at"),
        ({"volatility_release_percentile": 99}, "volatility_release_percentile is above"),
        ({"valid_seconds": 30, "interval_seconds": 20}, "two intervals"),
        ({"drawdown_percent": 0}, "drawdown_percent"),
        ({"volatility_symbol": "../x"}, "volatility_symbol"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(safe: object, section: dict[str, object], word: str) -> None:
    with pytest.raises(SettingsError, match=word):
        safe(**section)  # type: ignore[operator]
