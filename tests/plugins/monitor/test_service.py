"""The service that watches, and the file of alerts."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from huracan import hookimpl
from huracan.context import Context
from huracan.errors import SettingsError, StopRequested
from huracan.store import HealthResult
from huracan.testing import RecordingProgress, StandInEntryPoint, stand_in
from huracan.types import Check, CheckResult, CheckState, Event, Message, Severity
from huracan_monitor import service
from huracan_monitor.alerts_file import append_alerts
from huracan_monitor.service import Monitor, run

Watched = Callable[..., Context]
FINE = CheckResult(CheckState.OK, "fine")
SULKS = CheckResult(CheckState.WARNING, "sulks", "be kind")
BROKEN = CheckResult(CheckState.FAILED, "broken", "mend it")
QUIET = {"min_free_disk_gb": 0, "min_free_memory_gb": 0}
BUNDLED = {"workspace", "disk", "memory", "clock", "database", "exchange", "alerts", "services"}


class Mood:
    """A check of another plugin whose answers a test chooses: one after the other, the last one for ever."""

    def __init__(self) -> None:
        self.answers: list[CheckResult | BaseException] = [FINE]
        self.asked = 0
        self.go = threading.Event()
        self.go.set()

    def ask(self, context: Context | None) -> CheckResult:
        del context
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        assert self.go.wait(30)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def plugin(self, interval: float = 0.02) -> StandInEntryPoint:
        return stand_in("moody", huracan_checks=hookimpl(lambda: [Check("mood", self.ask, interval=interval)]))


@pytest.fixture
def mood(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mood]:
    """The moody check; it may be asked many times a second."""
    monkeypatch.setattr(service, "LEAST_INTERVAL", 0.02)
    mood = Mood()
    yield mood
    mood.go.set()


def health(context: Context) -> dict[str, Any]:
    file = context.paths.monitoring / "health.json"
    if not file.exists():
        return {}
    return {each["name"]: each for each in json.loads(file.read_text())["checks"]}


def alerts(context: Context) -> list[dict[str, Any]]:
    file = context.paths.monitoring / "alerts.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def told(context: Context, check: str = "mood") -> list[tuple[Severity, str]]:
    events = [event for event in context.store.events.recent() if event.fields.get("check") == check]
    return [(event.severity, event.title) for event in reversed(events)]


def states(context: Context, check: str = "mood") -> list[str]:
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    return [result.state.value for result in context.store.health.history(check, long_ago)]


def watch(monitor: Monitor, until: Callable[[], object]) -> None:
    """Let the monitor work until something can be seen."""
    deadline = time.monotonic() + 30
    while not until():
        assert time.monotonic() < deadline, "the monitor never came so far"
        monitor.turn()
        monitor.wait()
    monitor.turn()


def test_what_every_check_of_every_plugin_said_is_written_and_stored(watched: Watched, mood: Mood) -> None:
    context = watched([mood.plugin()])
    watch(Monitor(context), lambda: set(health(context)) == BUNDLED | {"mood"})
    found = health(context)
    assert all(each["latency_seconds"] >= 0 for each in found.values())
    assert (found["mood"]["detail"], found["mood"]["plugin"]) == ("fine", "moody")
    stored = context.store.health.latest()
    assert set(stored) == set(found)
    assert (stored["mood"].latest.plugin, stored["mood"].latest.detail) == ("moody", "fine")
    assert stored["exchange"].latest.detail == "paper lists 2 pairs"


@pytest.mark.parametrize("stumble", [ZeroDivisionError("oops"), SystemExit("oops")])
def test_a_check_that_raises_has_failed_and_the_others_are_asked(
    watched: Watched, mood: Mood, stumble: BaseException
) -> None:
    mood.answers = [stumble]
    context = watched([mood.plugin()])
    watch(Monitor(context), lambda: {"mood", "database"} <= set(health(context)))
    found = health(context)
    assert found["mood"]["state"] == "failed"
    assert f"raised {type(stumble).__name__}: oops" in found["mood"]["detail"]
    assert "moody" in found["mood"]["hint"]
    assert found["database"]["state"] == "ok"


def test_a_failure_is_told_when_it_is_confirmed_and_its_end_says_how_long_it_was(watched: Watched, mood: Mood) -> None:
    mood.answers = [FINE, BROKEN, FINE, BROKEN, BROKEN, BROKEN, FINE, FINE]
    context = watched([mood.plugin()], confirm=2)
    watch(Monitor(context), lambda: len(states(context)) >= 8)
    failed, well = told(context)
    assert failed == (Severity.ERROR, "health: mood is failed (broken)")
    assert well[0] is Severity.INFO
    assert re.match(r"health: mood is ok again, it was not for \d+ s", well[1])
    assert states(context)[:8] == ["ok", "failed", "ok", "failed", "failed", "failed", "ok", "ok"]
    assert [alert["title"] for alert in alerts(context)] == ["health: mood is failed (broken)"]


def test_a_warning_is_told_as_a_warning(watched: Watched, mood: Mood) -> None:
    mood.answers = [SULKS]
    context = watched([mood.plugin()], confirm=1)
    watch(Monitor(context), lambda: len(states(context)) >= 3)
    assert told(context) == [(Severity.WARNING, "health: mood is warning (sulks)")]


def test_a_check_that_hangs_has_failed_is_not_started_again_and_stops_no_other(watched: Watched, mood: Mood) -> None:
    mood.go.clear()
    context = watched([mood.plugin(0.1)], intervals={"disk": 1}, time_limit_seconds=0.2, confirm=2)
    monitor = Monitor(context)
    watch(monitor, lambda: len(states(context, "disk")) >= 2 and len(states(context)) >= 3)
    assert mood.asked == 1
    assert set(states(context)) == {"failed"}
    [hanging, *_] = context.store.health.history("mood", datetime(2020, 1, 1, tzinfo=UTC))
    assert "limit of 0.2 s" in hanging.detail
    assert hanging.seconds == 0.2
    assert [severity for severity, _ in told(context)] == [Severity.ERROR]
    mood.go.set()
    watch(monitor, lambda: states(context)[-1] == "ok" and len(told(context)) == 2)
    assert mood.asked >= 2


def test_signs_of_life_go_on_and_name_what_hangs(watched: Watched, mood: Mood) -> None:
    mood.go.clear()
    progress = RecordingProgress()
    context = replace(watched([mood.plugin()], time_limit_seconds=0.1), progress=progress)
    watch(Monitor(context), lambda: any("hangs: mood" in step for step in progress.steps))
    assert any(step.startswith("bad: mood; hangs: mood; next ") for step in progress.steps)


def test_results_wait_for_a_database_that_is_away(
    watched: Watched, mood: Mood, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "SAVE_AGAIN", 0.05)
    context = watched([mood.plugin()])
    monitor = Monitor(context)
    with context.store._engine.begin() as connection:
        connection.execute(text("ALTER TABLE health_results RENAME TO away"))
    watch(monitor, lambda: mood.asked >= 5 and "mood" in health(context))
    with context.store._engine.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO health_results"))
    watch(monitor, lambda: len(states(context)) >= 5)
    assert {"database", "exchange"} <= set(context.store.health.latest())


def test_a_folder_that_cannot_be_written_does_not_end_the_watch(watched: Watched, mood: Mood, workspace: Path) -> None:
    context = watched([mood.plugin()])
    (workspace / "monitoring").write_text("a file in the way")
    watch(Monitor(context), lambda: len(states(context)) >= 3)
    assert states(context, "alerts") == ["failed"]


def test_after_a_restart_nothing_is_told_twice_and_who_was_well_is_not_asked_at_once(
    watched: Watched, mood: Mood, paper: Any
) -> None:
    mood.answers = [BROKEN]
    context = watched([mood.plugin()], confirm=2)
    watch(Monitor(context), lambda: len(told(context)) == 1 and "exchange" in health(context))
    asked, closed = mood.asked, paper.closed
    watch(Monitor(context), lambda: mood.asked >= asked + 5)
    assert len(told(context)) == 1
    assert paper.closed == closed
    assert set(health(context)) == BUNDLED | {"mood"}


@pytest.mark.parametrize("garbage", ["", "[]", '{"checks": 5}', '{"checks": [5, {"name": []}, {"name": "mood"}]}'])
def test_a_damaged_health_file_is_written_anew(watched: Watched, mood: Mood, garbage: str) -> None:
    context = watched([mood.plugin()])
    context.paths.monitoring.mkdir(parents=True)
    (context.paths.monitoring / "health.json").write_text(garbage)
    watch(Monitor(context), lambda: mood.asked >= 2)
    assert health(context)["mood"]["state"] == "ok"


def test_each_check_has_an_interval_of_its_own_and_the_owner_comes_first(watched: Watched, mood: Mood) -> None:
    context = watched([mood.plugin(3600.0)], intervals={"disk": 1, "exchnge": 60})
    monitor = Monitor(context)
    watch(monitor, lambda: len(states(context, "disk")) >= 2)
    assert mood.asked == 1
    assert len(states(context, "memory")) == 1


def test_a_name_in_intervals_that_is_no_check_is_said(
    watched: Watched, mood: Mood, caplog: pytest.LogCaptureFixture
) -> None:
    context = watched([mood.plugin()], intervals={"exchnge": 60})
    with caplog.at_level("WARNING", "huracan"):
        Monitor(context)
    [said] = [record.getMessage() for record in caplog.records if "exchnge" in record.getMessage()]
    assert "there is no check 'exchnge'" in said
    assert "exchange" in said


def test_results_are_kept_for_as_many_days_as_the_owner_says(watched: Watched, mood: Mood) -> None:
    context = watched([mood.plugin()], keep_days=10)
    now = datetime.now(UTC)
    old = [HealthResult(now - timedelta(days=days), "gone", "x", CheckState.OK, 0.1) for days in (40, 11, 9)]
    context.store.health.add(old)
    watch(Monitor(context), lambda: mood.asked >= 1)
    assert [result.time for result in context.store.health.history("gone", now - timedelta(days=99))] == [old[2].time]


class StopsAfter:
    """Progress that asks to stop, as a signal would, after some signs of life."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def step(self, text: str, *, done: int | None = None, total: int | None = None, item: str | None = None) -> None:
        self.left -= 1
        if self.left == 0:
            raise StopRequested

    def extend(self, seconds: float) -> None: ...

    def stall_limit(self, seconds: float | None) -> None: ...


def test_the_service_goes_on_until_it_is_stopped_whatever_hangs(watched: Watched, mood: Mood) -> None:
    mood.answers = [FINE]
    mood.go.clear()
    context = replace(watched([mood.plugin()], **QUIET), progress=StopsAfter(15))
    with pytest.raises(StopRequested):
        run(context)
    assert set(health(context)) >= BUNDLED


@pytest.mark.parametrize("wrong", [{"interval_seconds": 0}, {"intervals": {"disk": 100_000}}, {"confirm": 0}])
def test_settings_that_make_no_sense_are_refused(watched: Watched, wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        watched(**wrong)


def test_warnings_and_errors_are_appended_and_smaller_events_are_not(watched: Watched) -> None:
    context = watched()
    context.emit("train", Severity.INFO, "a coin is done", symbol="SOL-USDT")
    context.emit("train", Severity.WARNING, "a coin\nfailed: Größe 0", symbol="SOL-USDT", attempts=2)
    context.emit("night", Severity.ERROR, "the night failed")
    found = alerts(context)
    assert [line["severity"] for line in found] == ["warning", "error"]
    assert found[0]["title"] == "a coin\nfailed: Größe 0"
    assert (found[0]["symbol"], found[0]["fields"]) == ("SOL-USDT", {"attempts": 2})


def test_alerts_written_at_the_same_time_do_not_mix(watched: Watched) -> None:
    context = watched()
    time = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
    events = [Event("load", Severity.WARNING, f"alert {number} " + "x" * 5000, time) for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda event: append_alerts(context, Message(event.title[:9], (event,))), events))
    assert {line["title"] for line in alerts(context)} == {event.title for event in events}


def test_an_alert_that_cannot_be_written_fails_nothing(watched: Watched, workspace: Path) -> None:
    context = watched()
    (workspace / "monitoring").write_text("a file in the way")
    context.emit("train", Severity.ERROR, "the night failed")
    assert [event.title for event in context.store.events.recent()][-1:] == ["the night failed"]
