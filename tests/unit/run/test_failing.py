"""Who keeps failing is told of once, and again only after it was well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from huracan.clock import FixedClock
from huracan.context import Context
from huracan.run import failing, service_state
from huracan.run.failing import (
    DAEMON,
    LOOP_STARTS,
    failing_since,
    is_well_after,
    loop_seconds,
    note_well,
    service_key,
    tell_once,
)
from huracan.run.service_state import telling
from huracan.testing import RecordingProgress

NIGHT = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)


@pytest.fixture
def context(make_context: Callable[..., Context]) -> Context:
    return replace(make_context(plugins=()), clock=FixedClock(NIGHT))


def later(context: Context, **span: float) -> Context:
    return replace(context, clock=FixedClock(context.clock.now() + timedelta(**span)))


def test_it_is_told_once_until_it_was_well(context: Context) -> None:
    told: list[str] = []
    assert tell_once(context, DAEMON, lambda: told.append("first"))
    assert not tell_once(later(context, minutes=7), DAEMON, lambda: told.append("second"))
    assert tell_once(context, service_key("odd/name"), lambda: told.append("another"))
    assert failing_since(context.paths.state, DAEMON, NIGHT) == NIGHT
    note_well(context.paths.state, DAEMON)
    assert failing_since(context.paths.state, DAEMON, NIGHT) is None
    assert tell_once(context, DAEMON, lambda: told.append("third"))
    assert told == ["first", "another", "third"]


def test_each_failure_renews_the_note_and_one_that_nobody_renewed_for_a_day_is_forgotten(context: Context) -> None:
    told: list[str] = []
    for hour in range(0, 60, 20):
        tell_once(later(context, hours=hour), DAEMON, lambda: told.append("x"))
    assert told == ["x"]
    state = context.paths.state
    assert failing_since(state, DAEMON, NIGHT + timedelta(hours=63)) == NIGHT
    assert failing_since(state, DAEMON, NIGHT + timedelta(hours=65)) is None
    assert tell_once(later(context, hours=65), DAEMON, lambda: told.append("x"))


@pytest.mark.parametrize("garbage", ["", "[]", "{}", '{"since": 1, "newest": "x"}'])
def test_a_damaged_note_is_none(context: Context, garbage: str) -> None:
    tell_once(context, DAEMON, lambda: None)
    (context.paths.state / "failing" / "daemon.json").write_text(garbage)
    assert failing_since(context.paths.state, DAEMON, NIGHT) is None


def test_where_no_note_can_be_written_it_is_told_all_the_same(context: Context) -> None:
    (context.paths.state / "failing").write_text("a file in the way")
    assert tell_once(context, DAEMON, lambda: None)
    assert tell_once(context, DAEMON, lambda: None)
    note_well(context.paths.state, DAEMON)


@pytest.mark.parametrize(("stall_limit", "delay"), [(120.0, 10.0), (300.0, 10.0), (60.0, 10.0), (3600.0, 10.0)])
def test_every_turn_of_a_loop_counts_and_none_of_them_is_taken_for_well(stall_limit: float, delay: float) -> None:
    a_hanging_start, a_stall = 180.0 + delay, stall_limit + delay
    turn = loop_seconds(stall_limit, delay) / LOOP_STARTS
    assert max(a_hanging_start, a_stall) < turn
    assert turn < is_well_after(stall_limit)


def test_a_service_that_works_for_a_while_takes_the_note_back(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell_once(context, service_key("toy"), lambda: None)
    monkeypatch.setattr(service_state, "WRITE_EVERY", 0.0)
    with telling(context, "toy", 60.0, RecordingProgress()) as told:
        told.step("one")
    assert failing_since(context.paths.state, service_key("toy"), NIGHT) == NIGHT
    monkeypatch.setattr(failing, "_WELL", 0.0)
    with telling(context, "toy", 0.0, RecordingProgress()) as told:
        told.step("one")
    assert failing_since(context.paths.state, service_key("toy"), NIGHT) is None
