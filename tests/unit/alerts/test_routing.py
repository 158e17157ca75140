"""Which channels an event goes to, and when they are quiet."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan.alerts.routing import addresses, quiet_until
from huracan.context import Context
from huracan.errors import SettingsError
from huracan.types import Event, Notifier, Severity

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("quiet", "at", "end"),
    [
        ("", "12:00", None), ("22:00-06:00", "21:59", None), ("22:00-06:00", "22:00", "06:00"),
        ("22:00-06:00", "05:59", "06:00"), ("22:00-06:00", "06:00", None), ("12:00-13:30", "13:29", "13:30"),
    ],
)  # fmt: skip
def test_quiet_hours_end_when_they_say(quiet: str, at: str, end: str | None) -> None:
    hour, minute = map(int, at.split(":"))
    found = quiet_until(quiet, NOW.replace(hour=hour, minute=minute))
    assert (None if found is None else f"{found:%H:%M}") == end


@given(st.integers(0, 1439), st.integers(0, 1439), st.integers(0, 86_399))
def test_the_end_of_quiet_hours_is_within_a_day_and_outside_of_them(begin: int, end: int, second: int) -> None:
    quiet = f"{begin // 60:02d}:{begin % 60:02d}-{end // 60:02d}:{end % 60:02d}"
    now = NOW + timedelta(seconds=second)
    if begin == end:
        return
    until = quiet_until(quiet, now)
    assert until is None or (now < until <= now + timedelta(days=1) and quiet_until(quiet, until) is None)


def test_an_unknown_channel_is_named_with_the_nearest_known_one(make_context: Callable[..., Context]) -> None:
    with pytest.raises(SettingsError, match=r"alerts.channels.alert-file: there is none of that name.*alerts-file"):
        make_context({"alerts": {"channels": {"alert-file": {"enabled": False}}}})


def test_quiet_hours_that_are_no_span_are_refused_in_a_line(make_context: Callable[..., Context]) -> None:
    with pytest.raises(SettingsError, match=r"alerts-file.quiet: is no span of time; write two times"):
        make_context({"alerts": {"channels": {"alerts-file": {"quiet": "22-6"}}}})


@pytest.mark.parametrize(
    ("own", "needs", "goes"),
    [(None, None, False), (None, Severity.DEBUG, True), ("error", Severity.DEBUG, False), ("info", None, True)],
)
def test_a_channel_may_need_less_grave_events_than_all_others_get(
    make_context: Callable[..., Context], own: str | None, needs: Severity | None, goes: bool
) -> None:
    alerts = {"least": "warning", "channels": {"alerts-file": {"least": own}} if own else {}}
    settings = make_context({"alerts": alerts}).settings.core.alerts
    channel = Notifier("alerts-file", lambda *_: None, least=needs)
    found = addresses(settings, Event("run.started", Severity.INFO, "starts", NOW), [channel])
    assert bool(found) == goes
