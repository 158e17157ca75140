"""When pipelines are due, and that APScheduler starts them."""

from __future__ import annotations

import queue
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MISSED, JobExecutionEvent
from hypothesis import given
from hypothesis import strategies as st

from huracan.clock import SystemClock
from huracan.due import due_at, latest_due, next_due, parse_times, to_catch_up
from huracan.errors import SettingsError
from huracan.schedule import Schedule

TIMES = st.times().map(lambda t: t.replace(second=0, microsecond=0))
INSTANTS = st.datetimes(datetime(2020, 1, 2), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
ZONES = st.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours)))


@given(INSTANTS, TIMES)
def test_now_lies_between_the_latest_and_the_next_due_instant(now: datetime, at: time) -> None:
    latest = due_at(latest_due(now, at), at)
    assert latest <= now < next_due(now, at)
    assert next_due(now, at) - latest == timedelta(days=1)


@given(INSTANTS, TIMES, ZONES)
def test_the_zone_in_which_now_is_written_does_not_matter(now: datetime, at: time, zone: timezone) -> None:
    assert latest_due(now.astimezone(zone), at) == latest_due(now, at)


@given(INSTANTS, TIMES, st.sets(st.integers(0, 40)))
def test_only_the_latest_missed_date_is_made_up_for_and_never_a_finished_one(
    now: datetime, at: time, finished_ago: set[int]
) -> None:
    finished = {now.date() - timedelta(days=ago) for ago in finished_ago}
    found = to_catch_up(now, at, finished.__contains__)
    if latest_due(now, at) in finished:
        assert found is None
    else:
        assert found == latest_due(now, at)


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=40), TIMES)
def test_however_often_the_daemon_restarts_no_date_starts_twice_and_none_before_its_time(
    minutes_between: list[int], at: time
) -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    started: list[date] = []
    for minutes in minutes_between:
        now += timedelta(minutes=minutes)
        found = to_catch_up(now, at, started.__contains__)
        if found:
            assert due_at(found, at) <= now
            started.append(found)
    assert started == sorted(set(started))


@pytest.mark.parametrize("text", ["2", "24:00", "02:60", "2am", "02:00:00", "", "٠٢:٠٠", "-1:00"])
def test_what_is_no_time_of_day_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(SettingsError, match=r"schedule\.pipelines\.nightly.*HH:MM"):
        parse_times({"nightly": text})


def test_times_of_day_are_read() -> None:
    assert parse_times({"a": "02:00", "b": "7:05"}) == {"a": time(2), "b": time(7, 5)}


@dataclass
class Clock:
    instant: datetime

    def now(self) -> datetime:
        return self.instant


def test_a_pipeline_starts_with_its_run_date_when_its_time_comes() -> None:
    started: queue.Queue[tuple[str, date]] = queue.Queue()
    now = datetime.now(UTC)
    soon = now + timedelta(minutes=1)
    schedule = Schedule({"nightly": time(soon.hour, soon.minute)}, lambda *a: started.put(a), print, SystemClock())
    # APScheduler reads the machine's clock: bring its next run into the past rather than wait for the minute to end.
    schedule.begin()
    try:
        schedule._scheduler.modify_job("nightly", next_run_time=now - timedelta(hours=3))
        schedule.look_again()
        pipeline, run_date = started.get(timeout=30)
    finally:
        schedule.end()
    assert pipeline == "nightly"
    assert run_date == latest_due(now, time(soon.hour, soon.minute))


def test_a_start_that_is_too_late_or_fails_is_reported() -> None:
    reported: queue.Queue[tuple[str, str]] = queue.Queue()

    def broken(pipeline: str, run_date: date) -> None:
        raise RuntimeError("disk full")

    now = datetime.now(UTC)
    # Six hours ahead: no run of its own falls into the thirteen hours before now, whatever the hour of this test.
    ahead = time((now.hour + 6) % 24)
    schedule = Schedule({"nightly": ahead}, broken, lambda *a: reported.put(a), SystemClock())
    schedule.begin()
    try:
        schedule._scheduler.modify_job("nightly", next_run_time=now - timedelta(minutes=5))
        pipeline, sentence = reported.get(timeout=30)
        assert pipeline == "nightly"
        assert "disk full" in sentence
        schedule._scheduler.modify_job("nightly", next_run_time=now - timedelta(hours=13))
        assert "passed too long ago" in reported.get(timeout=30)[1]
    finally:
        schedule.end()


def test_what_comes_next_is_known() -> None:
    clock = Clock(datetime(2026, 1, 1, 1, 59, tzinfo=UTC))
    schedule = Schedule({"nightly": time(2), "weekly": time(1)}, print, print, clock)
    assert schedule.coming() == ("nightly", datetime(2026, 1, 1, 2, tzinfo=UTC))
    clock.instant = datetime(2026, 1, 1, 2, tzinfo=UTC)
    assert schedule.coming() == ("weekly", datetime(2026, 1, 2, 1, tzinfo=UTC))
    assert Schedule({}, print, print, clock).coming() is None


def test_every_kind_of_failure_has_a_sentence() -> None:
    reported: list[tuple[str, str]] = []
    schedule = Schedule({}, print, lambda *a: reported.append(a), SystemClock())
    for code in (EVENT_JOB_MISSED, EVENT_JOB_ERROR):
        schedule._failed(JobExecutionEvent(code, "nightly", "default", datetime.now(UTC)))
    assert [name for name, _ in reported] == ["nightly", "nightly"]
