"""The service that watches, and the file of alerts."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from huracan import hookimpl
from huracan.context import Context
from huracan.errors import SettingsError, StopRequested
from huracan.testing import StandInEntryPoint, stand_in
from huracan.types import Check, CheckResult, CheckState, Event, Severity
from huracan_monitor.alerts_file import append_alert
from huracan_monitor.service import round_of_checks, run

Watched = Callable[..., Context]


class Mood:
    """A check of another plugin whose answer a test chooses."""

    def __init__(self) -> None:
        self.answer: CheckResult | Exception = CheckResult(CheckState.OK, "fine")

    def ask(self, context: Context | None) -> CheckResult:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def plugin(self) -> StandInEntryPoint:
        return stand_in("moody", huracan_checks=hookimpl(lambda: [Check("mood", self.ask)]))


@pytest.fixture
def mood() -> Mood:
    return Mood()


def health(context: Context) -> dict[str, Any]:
    document = json.loads((context.paths.monitoring / "health.json").read_text())
    return {each["name"]: each for each in document["checks"]}


def alerts(context: Context) -> list[dict[str, Any]]:
    file = context.paths.monitoring / "alerts.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_a_round_writes_what_every_check_of_every_plugin_said(watched: Watched, mood: Mood) -> None:
    context = watched([mood.plugin()])
    round_of_checks(context, {})
    found = health(context)
    assert {"workspace", "disk", "memory", "clock", "database", "exchange", "mood"} == set(found)
    assert all(each["latency_seconds"] >= 0 for each in found.values())
    assert found["mood"]["detail"] == "fine"


def test_a_check_that_raises_has_failed_and_the_others_are_asked(watched: Watched, mood: Mood) -> None:
    mood.answer = ZeroDivisionError("oops")
    context = watched([mood.plugin()])
    round_of_checks(context, {})
    found = health(context)
    assert found["mood"]["state"] == "failed"
    assert "ZeroDivisionError" in found["mood"]["detail"]
    assert "moody" in found["mood"]["hint"]
    assert found["database"]["state"] == "ok"


def test_a_change_is_told_once_and_so_is_its_end(watched: Watched, mood: Mood) -> None:
    context = watched([mood.plugin()], min_free_disk_gb=0, min_free_memory_gb=0)
    known = round_of_checks(context, {})
    mood.answer = CheckResult(CheckState.WARNING, "sulks", "be kind")
    for _ in range(3):
        known = round_of_checks(context, known)
    mood.answer = CheckResult(CheckState.OK, "fine")
    round_of_checks(context, known)
    told = [(event.severity, event.title) for event in reversed(context.store.events.recent())]
    assert [severity for severity, _ in told] == [Severity.WARNING, Severity.INFO]
    assert "sulks" in told[0][1]


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


def test_the_service_goes_on_round_after_round_until_it_is_stopped(watched: Watched, mood: Mood) -> None:
    mood.answer = CheckResult(CheckState.WARNING, "sulks", "be kind")
    quiet = {"min_free_disk_gb": 0, "min_free_memory_gb": 0}
    context = replace(watched([mood.plugin()], interval_seconds=1, **quiet), progress=StopsAfter(2))
    with pytest.raises(StopRequested):
        run(context)
    assert health(context)["mood"]["state"] == "warning"
    assert len(context.store.events.recent()) == 1  # the second round found what the first had told


def test_an_interval_longer_than_the_stall_limit_is_refused(watched: Watched) -> None:
    with pytest.raises(SettingsError, match="interval_seconds"):
        watched(interval_seconds=3600)


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
        list(pool.map(lambda event: append_alert(context, event), events))
    assert {line["title"] for line in alerts(context)} == {event.title for event in events}


def test_an_alert_that_cannot_be_written_fails_nothing(watched: Watched, workspace: Path) -> None:
    context = watched()
    (workspace / "monitoring").write_text("a file in the way")
    context.emit("train", Severity.ERROR, "the night failed")
    assert [event.title for event in context.store.events.recent()][-1:] == ["the night failed"]
