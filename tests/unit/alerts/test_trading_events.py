"""What changed about trading is told once, whoever notices it, and kept as history."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock

from huracan import settings_sources
from huracan.alerts.trading import is_told, tell_changes
from huracan.cli import tell_trading
from huracan.context import Context
from huracan.trading import Breaker, Mode, kill, lift, publish
from huracan.types import Severity

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SOON = NOW + timedelta(minutes=2)
DEEP = Breaker("drawdown", True, Mode.STOPPED, 0.0, "down 3.50 %", 3.5, 3.0, NOW)
LOSING = Breaker("streak", True, Mode.REDUCED, 0.5, "3 losses in a row", 3.0, 3.0, NOW)


@pytest.fixture
def context(make_context: Callable[..., Context]) -> Context:
    return make_context(plugins=())


def told(context: Context) -> list[tuple[str, Severity, str]]:
    return [(event.kind, event.severity, event.title) for event in reversed(context.store.events.recent())]


def test_a_kill_and_its_end_are_told_once_each(context: Context) -> None:
    state = context.paths.state
    assert tell_changes(context) == 0
    kill(state, "exchange hacked", "ada", NOW)
    assert [tell_changes(context) for _ in range(3)] == [1, 0, 0]
    kill(state, "once more", "bob", SOON)
    assert tell_changes(context) == 0
    lift(state, "all is well", "bob", SOON)
    assert [tell_changes(context) for _ in range(2)] == [1, 0]
    assert told(context) == [
        ("kill.on", Severity.ERROR, "trading is stopped by the kill switch: exchange hacked"),
        ("kill.off", Severity.INFO, "the kill switch was lifted by bob: all is well"),
    ]
    rows = [(row.breaker, row.tripped, row.time, row.by) for row in reversed(context.store.breakers.recent())]
    assert rows == [("kill", True, NOW, "ada"), ("kill", False, SOON, "bob")]


def test_a_kill_that_is_lifted_before_anybody_looked_is_told_as_well(context: Context) -> None:
    state = context.paths.state
    for moment in (NOW, SOON):
        kill(state, "exchange hacked", "ada", moment)
        lift(state, "false alarm", "bob", moment)
        assert [tell_changes(context) for _ in range(2)] == [2, 0]
    assert [kind for kind, *_ in told(context)] == ["kill.on", "kill.off"] * 2


def test_a_lift_under_a_clock_that_was_set_back_is_told(context: Context) -> None:
    kill(context.paths.state, "exchange hacked", "ada", SOON)
    tell_changes(context)
    lift(context.paths.state, "false alarm", "bob", NOW)
    kill(context.paths.state, "after all", "ada", NOW)
    assert [tell_changes(context) for _ in range(2)] == [2, 0]
    assert [kind for kind, *_ in told(context)] == ["kill.on", "kill.off", "kill.on"]


def test_who_has_no_time_does_not_wait_for_another_that_tells(context: Context) -> None:
    kill(context.paths.state, "exchange hacked", "ada", NOW)
    with FileLock(context.paths.state / "trading-told.lock"):
        begun = time.monotonic()
        assert tell_changes(context, patience=0.0) == 0
        assert time.monotonic() - begun < 15.0  # 30 where nothing is said
    assert tell_changes(context, patience=0.0) == 1


def test_a_breaker_that_stops_is_an_error_and_one_that_shrinks_a_warning(context: Context) -> None:
    publish(context.paths.state, [DEEP, LOSING], NOW, SOON)
    assert tell_changes(context) == 2
    calm = [Breaker(each.name, False, each.mode, each.size_factor, "fine") for each in (DEEP, LOSING)]
    publish(context.paths.state, calm, NOW, SOON)
    assert tell_changes(context) == 2
    assert [(kind, severity) for kind, severity, _ in told(context)] == [
        ("breaker.tripped", Severity.ERROR), ("breaker.tripped", Severity.WARNING),
        ("breaker.released", Severity.INFO), ("breaker.released", Severity.INFO),
    ]  # fmt: skip


TELL = """
import sys
from pathlib import Path
from huracan.alerts.trading import tell_changes
from huracan.testing import make_context
context = make_context(Path(sys.argv[1]), plugins=())
print("ready", flush=True)
input()
tell_changes(context)
"""


def test_processes_that_notice_at_once_tell_it_once(context: Context) -> None:
    kill(context.paths.state, "exchange hacked", "ada", NOW)
    command = [sys.executable, "-c", TELL, str(context.paths.workspace)]
    pipe = subprocess.PIPE
    started = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(4)]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in started:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert len(context.store.events.recent()) == 1
    assert len(context.store.breakers.recent()) == 1


@pytest.fixture
def installed(context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation with credentials that did not come here; return its settings file."""
    etc = tmp_path / "etc"
    (etc / "credentials").mkdir(parents=True)
    (etc / "settings.yaml").write_text(f"workspace: {context.paths.workspace}\nplugins: {{only: [candles]}}\n")
    monkeypatch.setattr(settings_sources, "ETC", etc)
    monkeypatch.setattr(tell_trading, "ETC", etc)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    return etc / "settings.yaml"


@pytest.mark.parametrize("service", [True, False])
def test_where_secrets_did_not_come_the_service_is_left_to_tell_it(
    context: Context, installed: Path, monkeypatch: pytest.MonkeyPatch, service: bool
) -> None:
    asked = []

    def sleep(seconds: float) -> None:
        asked.append(tell_changes(context) if service else seconds)

    clock = iter(range(0, 1000, 8))
    monkeypatch.setattr(tell_trading, "time", SimpleNamespace(monotonic=lambda: next(clock), sleep=sleep))
    kill(context.paths.state, "hacked", "root", NOW)
    assert not is_told(context)
    assert tell_trading.run(argparse.Namespace(config=None, verbose=False)) == 0
    assert is_told(context)
    assert asked == ([1] if service else [0.5, 0.5])
    assert [kind for kind, *_ in told(context)] == ["kill.on"]


def test_with_a_settings_file_of_its_own_nobody_is_waited_for(
    context: Context, installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tell_trading, "_leave_it_to_the_service", lambda _: pytest.fail("it waits"))
    kill(context.paths.state, "hacked", "root", NOW)
    assert tell_trading.run(argparse.Namespace(config=[installed], verbose=False)) == 0
    assert [kind for kind, *_ in told(context)] == ["kill.on"]
