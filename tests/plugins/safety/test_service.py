"""The service as the daemon keeps it, what it writes, and that it never lifts a kill."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from huracan.alerts.trading import tell_changes
from huracan.clock import FixedClock, SystemClock
from huracan.context import Context
from huracan.errors import StopRequested, StoreError
from huracan.store import Store
from huracan.testing import RecordingProgress
from huracan.trading import Mode, TradingState, kill, lift, read_published, read_trading
from huracan.types import CheckState, Severity
from huracan_safety import evaluate as judging
from huracan_safety import service
from huracan_safety.status import check_trading
from huracan_safety.volatility import Market
from plugins.safety.samples import HOUR, NOW, as_row, lines, trades_of
from waiting import wait_until


@pytest.fixture
def context(safe: Callable[..., Context]) -> Context:
    return replace(safe(volatility_unknown="normal"), clock=FixedClock(NOW))


def at(context: Context, moment: datetime) -> Context:
    return replace(context, clock=FixedClock(moment))


def evaluate(context: Context, market: Market) -> TradingState:
    """Judge, then tell, as the service does."""
    found = judging.evaluate(context, market)
    tell_changes(context)
    return found


def mode(context: Context) -> Mode:
    return read_trading(context.paths.state, context.clock.now()).mode


def kinds(context: Context) -> list[str]:
    return [event.kind for event in reversed(context.store.events.recent())]


def test_losses_trip_shrink_and_stop_and_the_next_day_lets_trade_again(context: Context) -> None:
    market = Market()
    assert evaluate(context, market).mode is Mode.NORMAL
    context.store.trades.record(trades_of([-60.0] * 3), NOW)
    found = evaluate(context, market)
    assert (found.mode, found.size_factor, found.new_positions) == (Mode.REDUCED, 0.5, True)
    context.store.trades.record(trades_of([-60.0] * 6)[3:], NOW)
    found = evaluate(context, market)
    assert (found.mode, found.size_factor, found.cancel_orders) == (Mode.STOPPED, 0.0, True)
    tomorrow = at(context, NOW + 25 * HOUR)
    assert evaluate(tomorrow, market).mode is Mode.NORMAL
    assert kinds(context) == ["breaker.tripped", "breaker.tripped", "breaker.released", "breaker.released"]
    history = [(row.breaker, row.tripped) for row in reversed(context.store.breakers.recent())]
    assert history == [("streak", True), ("drawdown", True), ("drawdown", False), ("streak", False)]


def test_a_kill_stays_whatever_is_judged_until_a_person_lifts_it(context: Context) -> None:
    market = Market()
    evaluate(context, market)
    kill(context.paths.state, "hacked", "ada", NOW)
    for hours in range(0, 100, 7):
        assert evaluate(at(context, NOW + hours * HOUR), market).mode is Mode.STOPPED
    lift(context.paths.state, "all is well", "ada", NOW)
    assert evaluate(context, market).mode is Mode.NORMAL
    assert kinds(context) == ["kill.on", "kill.off"]


def test_a_person_who_resumes_lets_losses_count_anew(context: Context) -> None:
    context.store.trades.record(trades_of([-400.0, -1.0, -1.0]), NOW)
    assert evaluate(context, Market()).mode is Mode.STOPPED
    lift(context.paths.state, "seen", "ada", NOW)
    assert evaluate(context, Market()).mode is Mode.NORMAL


def test_trades_of_another_source_do_not_count(context: Context) -> None:
    context.store.trades.record([replace(each, source="paper") for each in trades_of([-400.0] * 3)], NOW)
    assert evaluate(context, Market()).mode is Mode.NORMAL


def test_until_resume_survives_days_and_restarts(safe: Callable[..., Context]) -> None:
    context = replace(safe(volatility_unknown="normal", drawdown_until="resume"), clock=FixedClock(NOW))
    context.store.trades.record(trades_of([-400.0]), NOW)
    assert evaluate(context, Market()).mode is Mode.STOPPED
    (context.paths.state / "trading.json").unlink()
    later = at(context, NOW + 80 * HOUR)
    assert evaluate(later, Market()).mode is Mode.STOPPED
    lift(context.paths.state, "seen", "ada", NOW + 80 * HOUR)
    assert evaluate(later, Market()).mode is Mode.NORMAL


def test_a_loss_that_is_reported_after_the_resume_trips_though_it_closed_before(context: Context) -> None:
    kill(context.paths.state, "hacked", "ada", NOW)
    lift(context.paths.state, "all is well", "ada", NOW)
    evaluate(context, Market())
    context.store.trades.record(trades_of([-5000.0], last=NOW - timedelta(seconds=1.2)), NOW + timedelta(seconds=0.3))
    assert evaluate(at(context, NOW + timedelta(seconds=1)), Market()).mode is Mode.STOPPED


def test_until_resume_a_loss_that_is_judged_after_midnight_trips(safe: Callable[..., Context]) -> None:
    midnight = datetime(2026, 11, 20, tzinfo=UTC)
    night = midnight + timedelta(seconds=1)
    context = replace(safe(volatility_unknown="normal", drawdown_until="resume"), clock=FixedClock(night))
    context.store.trades.record(trades_of([-400.0], last=midnight - timedelta(seconds=1)), night)
    assert evaluate(context, Market()).mode is Mode.STOPPED


def test_a_resume_under_a_clock_that_was_days_ahead_forgives_nothing_to_come(context: Context) -> None:
    lift(context.paths.state, "seen", "ada", NOW + 100 * HOUR)
    context.store.trades.record(trades_of([-400.0]), NOW)
    found = evaluate(context, Market())
    assert found.mode is Mode.STOPPED
    assert {each.name for each in found.breakers if each.tripped} == {"drawdown"}


def test_losing_the_files_of_the_switch_does_not_lift_it(context: Context) -> None:
    evaluate(context, Market())
    kill(context.paths.state, "hacked", "ada", NOW)
    evaluate(context, Market())
    for names in (["kill.json"], ["kill.json", "trading.json"]):
        for name in names:
            (context.paths.state / name).unlink()
        for _ in range(3):
            assert evaluate(context, Market()).mode is Mode.STOPPED
        assert mode(context) is Mode.STOPPED
    assert kinds(context) == ["kill.on", "kill.gone", "kill.gone"]
    lift(context.paths.state, "all is well", "ada", NOW)
    assert evaluate(context, Market()).mode is Mode.NORMAL


def test_a_validity_that_the_settings_made_shorter_holds_no_longer_than_they_say(
    safe: Callable[..., Context],
) -> None:
    context = replace(safe(volatility_unknown="normal", valid_seconds=3600), clock=FixedClock(NOW))
    evaluate(context, Market())
    shorter = replace(safe(volatility_unknown="normal", valid_seconds=120), clock=FixedClock(NOW))
    assert evaluate(shorter, Market()).valid_until == NOW + timedelta(seconds=120)


def test_a_messenger_that_does_not_answer_holds_up_no_judgement(safe: Callable[..., Context]) -> None:
    context = safe(volatility_unknown="normal", interval_seconds=0.5)
    context.store.trades.record(trades_of([-400.0], last=datetime.now(UTC)), datetime.now(UTC))
    told: list[str] = []

    def slow(kind: str, *_: object, **__: object) -> None:
        time.sleep(3.0)
        told.append(kind)

    looks = [time.monotonic()]
    progress = StopsAfter(4)
    with pytest.raises(StopRequested):
        service.run(replace(context, emit=slow, progress=Timed(progress, looks)))
    assert max(later - sooner for sooner, later in pairwise(looks)) < 2.5
    assert told == ["breaker.tripped"], "the one that is telling may finish"
    assert set(context.store.breakers.standing()) == {"drawdown"}


def test_what_cannot_be_taken_in_keeps_nobody_from_judging(
    safe: Callable[..., Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    context = safe(volatility_unknown="normal", interval_seconds=0.5)
    context.store.trades.record(trades_of([-400.0], last=datetime.now(UTC)), datetime.now(UTC))

    def fail(_: Context) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(service, "take_in", fail)
    progress = StopsAfter(2)
    with pytest.raises(StopRequested):
        service.run(replace(context, progress=progress))
    assert mode(replace(context, clock=SystemClock())) is Mode.STOPPED
    assert all(step.startswith("trading stopped") and "Input/output error" in step for step in progress.steps)
    assert kinds(context).count("safety.blind") == 1


def test_the_file_is_refreshed_in_time_and_not_written_all_the_time(context: Context) -> None:
    market = Market()
    written = []
    last = None
    for seconds in range(0, 300, 5):
        now = NOW + timedelta(seconds=seconds)
        evaluate(at(context, now), market)
        assert read_trading(context.paths.state, now + timedelta(seconds=55)).mode is Mode.NORMAL
        last = read_published(context.paths.state)
        assert last is not None
        written.append(last.time)
    assert 4 <= len(set(written)) <= 6
    assert last is not None
    assert last.valid_until - last.time == timedelta(seconds=120)


def test_a_clock_that_was_set_back_writes_at_once(context: Context) -> None:
    evaluate(context, Market())
    back = at(context, NOW - 5 * HOUR)
    assert mode(back) is Mode.STOPPED
    evaluate(back, Market())
    assert mode(back) is Mode.NORMAL


class AwayStore:
    """A store whose database server was stopped."""

    def __getattr__(self, name: str) -> Any:
        raise StoreError("postgresql://db: connection refused")


class StopsAfter(RecordingProgress):
    """Asks to stop, as a signal would, after some steps."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def step(self, text: str, *, done: int | None = None, total: int | None = None, item: str | None = None) -> None:
        super().step(text)
        if len(self.steps) >= self.count:
            raise StopRequested


class Timed(RecordingProgress):
    """Notes when each step came, and hands it on."""

    def __init__(self, behind: RecordingProgress, times: list[float]) -> None:
        super().__init__()
        self.behind, self.times = behind, times

    def step(self, text: str, *, done: int | None = None, total: int | None = None, item: str | None = None) -> None:
        self.times.append(time.monotonic())
        self.behind.step(text)


def test_without_a_database_nothing_is_refreshed_and_trading_runs_out(safe: Callable[..., Context]) -> None:
    context = safe(volatility_unknown="normal", interval_seconds=0.5)
    evaluate(context, Market())
    before = (context.paths.state / "trading.json").read_bytes()
    progress = StopsAfter(3)
    with pytest.raises(StopRequested):
        service.run(replace(context, store=cast(Store, AwayStore()), progress=progress))
    assert [step.endswith("runs out: postgresql://db: connection refused") for step in progress.steps] == [True] * 3
    assert (context.paths.state / "trading.json").read_bytes() == before
    assert read_trading(context.paths.state, datetime.now(UTC) + timedelta(seconds=121)).mode is Mode.STOPPED
    assert kinds(context) == ["safety.blind"], "said once, not at every look"


def test_the_check_says_how_to_mend(context: Context, calm_market: Callable[[Context], None]) -> None:
    assert check_trading(None).state is CheckState.OK
    assert "not written yet" in check_trading(context).detail
    evaluate(context, Market())
    assert check_trading(context).state is CheckState.OK
    stale = check_trading(at(context, NOW + HOUR))
    assert (stale.state, "huracan daemon" in stale.hint) == (CheckState.FAILED, True)
    context.store.trades.record(trades_of([-1.0] * 3), NOW)
    evaluate(context, Market())
    losing = check_trading(context)
    assert (losing.state, "3 losses in a row" in losing.detail) == (CheckState.WARNING, True)
    kill(context.paths.state, "hacked", "ada", NOW)
    killed = check_trading(context)
    assert (killed.state, "huracan resume trading" in killed.hint) == (CheckState.WARNING, True)


# ------------------------------------------------------------------------------------------------ a process of its own


@pytest.fixture
def start(tmp_path: Path, workspace: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    file = tmp_path / "settings.yaml"
    safety = {"volatility_unknown": "normal", "interval_seconds": 30, "valid_seconds": 120}
    file.write_text(yaml.safe_dump({"workspace": str(workspace), "plugins": {"only": ["safety"]}, "safety": safety}))
    running: list[subprocess.Popen[bytes]] = []

    def go() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "huracan", "-c", str(file), "service", "safety"]
        running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        return running[-1]

    yield go
    for process in running:
        process.kill()
        process.wait()


def mode_in(workspace: Path) -> str:
    try:
        return str(json.loads((workspace / "state" / "trading.json").read_text())["mode"])
    except (OSError, ValueError):
        return ""


def test_the_service_takes_in_trades_at_once_keeps_a_kill_and_ends_in_order(
    start: Callable[[], subprocess.Popen[bytes]], workspace: Path
) -> None:
    process = start()
    wait_until(lambda: mode_in(workspace) == "normal", 30.0)
    now = datetime.now(UTC)
    rows = lines(*map(as_row, trades_of([-400.0], last=now)))
    hidden = workspace / "trading" / "inbox" / ".a.jsonl"
    hidden.write_bytes(rows)
    hidden.rename(hidden.with_name("a.jsonl"))
    # Long before the next look, which is due after 30 s.
    assert wait_until(lambda: mode_in(workspace) == "stopped") < 10
    lift(workspace / "state", "seen", "ada", datetime.now(UTC) + timedelta(seconds=1))
    assert wait_until(lambda: mode_in(workspace) == "normal") < 10
    kill(workspace / "state", "hacked", "ada", datetime.now(UTC))
    time.sleep(1.5)
    assert mode_in(workspace) == "stopped"
    process.send_signal(signal.SIGKILL)
    process.wait()
    again = start()
    hidden.write_bytes(rows)
    late = hidden.rename(hidden.with_name("b.jsonl"))
    wait_until(lambda: not late.exists(), 60.0)  # it is at work
    assert mode_in(workspace) == "stopped"
    again.send_signal(signal.SIGTERM)
    assert again.wait(20) == 0


def test_events_of_stopping_breakers_are_errors(context: Context) -> None:
    context.store.trades.record(trades_of([-400.0]), NOW)
    evaluate(context, Market())
    [event] = context.store.events.recent()
    assert (event.severity, event.fields["breaker"]) == (Severity.ERROR, "drawdown")
