"""When pipelines are due, and that APScheduler starts them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

import pytest
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, JobExecutionEvent
from hypothesis import given
from hypothesis import strategies as st

from huracan.clock import SystemClock
from huracan.due import due_at, latest_due, next_due, parse_times, to_catch_up
from huracan.errors import SettingsError
from huracan.schedule import Schedule
from waiting import wait_until

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


Begin = Callable[..., Schedule]


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Begin a schedule whose only pipeline is due six hours from now, whatever the hour of this test."""
    begun: list[Schedule] = []

    def make(start: Any = print, report: Any = print, clock: Any = None) -> Schedule:
        ahead = time((datetime.now(UTC).hour + 6) % 24)
        begun.append(Schedule({"nightly": ahead}, start, report, clock or SystemClock()))
        begun[-1].begin()
        return begun[-1]

    yield make
    for schedule in begun:
        schedule.end()


def be_due(schedule: Schedule, ago: timedelta) -> None:
    """Let APScheduler believe that its next time passed so long ago."""
    schedule._scheduler.modify_job("nightly", next_run_time=datetime.now(UTC) - ago)


def planned(schedule: Schedule) -> datetime:
    found: datetime = schedule._scheduler.get_job("nightly").next_run_time
    return found


def test_a_start_that_fails_is_reported(begin: Begin) -> None:
    reported: queue.Queue[tuple[str, str]] = queue.Queue()

    def broken(pipeline: str, run_date: date) -> None:
        raise RuntimeError("disk full")

    be_due(begin(broken, lambda *a: reported.put(a)), timedelta(minutes=5))
    pipeline, sentence = reported.get(timeout=30)
    assert pipeline == "nightly"
    assert "disk full" in sentence


@pytest.mark.parametrize("breaks", [False, True])
def test_a_start_that_gets_no_thread_is_made_all_the_same_or_reported(
    begin: Begin, monkeypatch: pytest.MonkeyPatch, breaks: bool
) -> None:
    heard: queue.Queue[tuple[str, object]] = queue.Queue()

    def start(pipeline: str, run_date: date) -> None:
        if breaks:
            raise RuntimeError("disk full")
        heard.put((pipeline, run_date))

    def full(*_: Any) -> None:
        raise RuntimeError("can't start new thread")

    schedule = begin(start, lambda *a: heard.put(a))
    monkeypatch.setattr(schedule._scheduler._lookup_executor("default")._pool, "submit", full)
    be_due(schedule, timedelta(minutes=5))
    today = latest_due(datetime.now(UTC), next(iter(schedule._times.values())))
    told = "could not be started: RuntimeError: disk full"
    assert heard.get(timeout=30) == ("nightly", told if breaks else today)
    assert heard.empty()
    assert schedule.is_alive()


@pytest.mark.parametrize("hours", [13, 21, 24 * 365 * 10])
def test_however_late_a_start_comes_it_comes_once_and_with_the_latest_date(begin: Begin, hours: int) -> None:
    started: queue.Queue[tuple[str, date]] = queue.Queue()
    schedule = begin(lambda *a: started.put(a))
    be_due(schedule, timedelta(hours=hours))
    at = next(iter(schedule._times.values()))
    assert started.get(timeout=30) == ("nightly", latest_due(datetime.now(UTC), at))
    wait_until(lambda: planned(schedule) == next_due(datetime.now(UTC), at))
    assert started.empty()


def test_a_start_while_the_one_before_it_has_not_returned_is_reported(begin: Begin) -> None:
    reported: queue.Queue[tuple[str, str]] = queue.Queue()
    inside, go = threading.Event(), threading.Event()

    def hangs(pipeline: str, run_date: date) -> None:
        inside.set()
        go.wait(30)

    schedule = begin(hangs, lambda *a: reported.put(a))
    try:
        be_due(schedule, timedelta(minutes=5))
        assert inside.wait(30)
        be_due(schedule, timedelta(minutes=5))
        assert reported.get(timeout=30) == ("nightly", "was not started: the start before it has not returned")
    finally:
        go.set()


def test_after_the_clock_was_set_back_the_next_start_counts_from_now(begin: Begin) -> None:
    schedule = begin()
    right = planned(schedule)
    assert not schedule.look_again()
    # As after a start in a year that never was.
    schedule._scheduler.modify_job("nightly", next_run_time=right + timedelta(days=3650))
    assert schedule.look_again()
    assert planned(schedule) == right
    assert not schedule.look_again()


def test_a_schedule_that_has_not_come_to_a_time_in_a_minute_is_not_alive(begin: Begin) -> None:
    clock = Clock(datetime.now(UTC))
    schedule = begin(clock=clock)
    assert schedule.is_alive()
    clock.instant = planned(schedule) + timedelta(seconds=50)
    assert schedule.is_alive()
    clock.instant += timedelta(seconds=20)  # its thread goes by the machine's clock and has not come to this
    assert not schedule.is_alive()
    clock.instant = datetime.now(UTC)
    assert schedule.is_alive()
    schedule._scheduler.remove_job("nightly")
    assert not schedule.is_alive()


def test_a_schedule_without_its_thread_is_not_alive(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = begin()
    kill_thread(schedule, monkeypatch)
    assert not schedule.is_alive()
    assert not Schedule({}, print, print, SystemClock()).is_alive()


def kill_thread(schedule: Schedule, monkeypatch: pytest.MonkeyPatch) -> None:
    def die() -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    monkeypatch.setattr(schedule._scheduler, "_process_jobs", die)
    schedule.look_again()
    schedule._scheduler._thread.join(30)


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
    for code in (EVENT_JOB_MAX_INSTANCES, EVENT_JOB_ERROR):
        schedule._failed(JobExecutionEvent(code, "nightly", "default", datetime.now(UTC)))
    assert [name for name, _ in reported] == ["nightly", "nightly"]
