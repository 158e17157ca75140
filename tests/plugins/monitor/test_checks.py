"""Health checks: what they notice, and that each says how to mend it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from huracan import hookimpl
from huracan.clock import FixedClock
from huracan.context import Context
from huracan.errors import StoreError
from huracan.paths import Paths
from huracan.run.failing import DAEMON, note_well, service_key, tell_once
from huracan.run.lock import daemon_is_there, daemon_lock
from huracan.run.service_state import telling
from huracan.store import Store
from huracan.testing import RecordingProgress, stand_in
from huracan.types import CheckResult, CheckState, Service, Severity
from huracan_monitor import checks

Watched = Callable[..., Context]
NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
ALL = [
    checks.check_workspace, checks.check_disk, checks.check_memory, checks.check_clock, checks.check_database,
    checks.check_exchange, checks.check_alerts, checks.check_services,
]  # fmt: skip


class AwayStore:
    """A store whose database server was stopped."""

    @property
    def ledger(self) -> AwayStore:
        return self

    def runs(self, limit: int) -> list[Any]:
        raise StoreError("postgresql://db: connection refused")

    def ping(self) -> None:
        raise StoreError("postgresql://db: connection refused")


def without_database(context: Context) -> Context:
    return replace(context, store=cast(Store, AwayStore()))


def assert_says_how_to_mend(found: CheckResult, state: CheckState, *words: str) -> None:
    assert found.state is state
    assert found.hint
    assert all(word in found.detail for word in words), found.detail


def test_a_healthy_machine_passes_every_check(watched: Watched) -> None:
    context = watched(min_free_disk_gb=0, min_free_memory_gb=0)
    assert [check(context).state for check in ALL] == [CheckState.OK] * len(ALL)


@pytest.mark.parametrize("check", ALL)
def test_a_check_can_be_asked_without_settings(check: Callable[[None], CheckResult]) -> None:
    assert check(None).state is CheckState.OK


def test_a_workspace_that_cannot_be_made_is_noticed(watched: Watched, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    context = replace(watched(), paths=Paths(tmp_path / "file" / "work"))
    assert_says_how_to_mend(checks.check_workspace(context), CheckState.FAILED, "cannot be written", "file")


def test_a_place_where_even_root_cannot_write_is_noticed(watched: Watched) -> None:
    found = checks.check_workspace(replace(watched(), paths=Paths(Path("/proc/huracan/work"))))
    assert_says_how_to_mend(found, CheckState.FAILED, "/proc")


def test_a_workspace_that_will_be_made_is_fine_and_asking_leaves_nothing(watched: Watched, tmp_path: Path) -> None:
    context = replace(watched(), paths=Paths(tmp_path / "to" / "come"))
    before = sorted(tmp_path.rglob("*"))
    found = checks.check_workspace(context)
    assert found.state is CheckState.OK
    assert "does not exist yet" in found.detail
    assert [path for path in sorted(tmp_path.rglob("*")) if path.parent == tmp_path] == [
        path for path in before if path.parent == tmp_path
    ]


def test_little_room_warns_and_hardly_any_fails(watched: Watched) -> None:
    import psutil

    free = psutil.disk_usage("/").free / 1e9
    assert_says_how_to_mend(checks.check_disk(watched(min_free_disk_gb=free * 3)), CheckState.WARNING, "GB free")
    assert_says_how_to_mend(checks.check_disk(watched(min_free_disk_gb=free * 1000)), CheckState.FAILED)


def test_little_memory_warns(watched: Watched) -> None:
    found = checks.check_memory(watched(min_free_memory_gb=1e6))
    assert_says_how_to_mend(found, CheckState.WARNING, "GB available")
    assert "workers" in found.hint


def test_a_clock_from_before_the_program_existed_is_wrong(watched: Watched) -> None:
    context = replace(watched(), clock=FixedClock(datetime(1970, 1, 1, 0, 3, tzinfo=UTC)))
    assert_says_how_to_mend(checks.check_clock(context), CheckState.FAILED, "1970-01-01")


def test_a_clock_that_is_behind_the_ledger_is_wrong(watched: Watched) -> None:
    context = replace(watched(), clock=FixedClock(NOW))
    ledger = context.store.ledger
    ledger.begin_run("nightly", NOW.date(), NOW, NOW - timedelta(days=1))
    assert checks.check_clock(context).state is CheckState.OK
    later = NOW + timedelta(days=30)
    ledger.begin_run("nightly", later.date(), later, later)
    assert_says_how_to_mend(checks.check_clock(context), CheckState.FAILED, "2026-12-20")


def test_a_database_that_is_away_is_noticed_and_is_no_bug_of_the_clock(watched: Watched) -> None:
    context = without_database(watched())
    assert_says_how_to_mend(checks.check_database(context), CheckState.FAILED, "connection refused")
    assert_says_how_to_mend(checks.check_clock(context), CheckState.WARNING, "does not answer")


def test_the_exchange_is_asked_for_its_pairs_and_left(watched: Watched, paper: Any) -> None:
    found = checks.check_exchange(watched())
    assert (found.state, found.detail) == (CheckState.OK, "paper lists 2 pairs")
    assert paper.closed == 1


def test_an_exchange_that_is_away_fails_and_is_left_all_the_same(watched: Watched, paper: Any) -> None:
    paper.away = True
    assert_says_how_to_mend(checks.check_exchange(watched()), CheckState.FAILED, "maintenance")
    assert paper.closed == 1


def test_pairs_that_cannot_be_read_warn(watched: Watched, paper: Any) -> None:
    paper.damaged = ["XRP-USDT.csv: is no candle file", "second"]
    found = checks.check_exchange(watched())
    assert_says_how_to_mend(found, CheckState.WARNING, "2 pairs", "2 cannot be read", "XRP-USDT.csv")


def test_no_chosen_exchange_is_said(make_context: Callable[..., Context]) -> None:
    found = checks.check_exchange(make_context(plugins=("monitor",)))
    assert_says_how_to_mend(found, CheckState.FAILED, "no exchange is chosen")
    assert "exchange.name" in found.hint


# ------------------------------------------------------------------------------------------------- alerts and services


def test_the_channels_of_alerts_are_named(watched: Watched) -> None:
    found = checks.check_alerts(watched())
    assert (found.state, found.detail) == (CheckState.OK, "alerts go to alerts-file")


def test_a_file_of_alerts_that_cannot_be_written_is_noticed_and_asking_changes_nothing(watched: Watched) -> None:
    context = watched()
    context.emit("night", Severity.ERROR, "the night failed")
    file = context.paths.monitoring / "alerts.jsonl"
    before = file.read_bytes()
    assert checks.check_alerts(context).state is CheckState.OK
    assert file.read_bytes() == before
    file.unlink()
    file.mkdir()
    assert_says_how_to_mend(checks.check_alerts(context), CheckState.FAILED, "alerts.jsonl", "cannot be written")


def test_without_any_channel_nobody_hears_of_a_failure(make_context: Callable[..., Context]) -> None:
    context = make_context(plugins=(), extra=[stand_in("nothing")])
    assert_says_how_to_mend(checks.check_alerts(context), CheckState.WARNING, "nobody hears")


class Serving:
    """A service whose signs of life a test gives."""

    def __init__(self, watched: Watched) -> None:
        declare = hookimpl(lambda: [Service("toy", "toy:serve", "", stall_limit=50.0)])
        self.context = watched([stand_in("toy", huracan_services=declare)])
        self.file = self.context.paths.state / "services" / "toy.json"

    def start(self) -> None:
        with telling(self.context, "toy", 50.0, RecordingProgress()):
            running = self.file.read_bytes()
        self.file.write_bytes(running)

    def ask(self, **at: float) -> CheckResult:
        """Ask, some time later."""
        later = FixedClock(datetime.now(UTC) + timedelta(**at))
        return checks.check_services(replace(self.context, clock=later))

    def edit(self, **values: object) -> None:
        self.file.write_text(json.dumps(json.loads(self.file.read_text()) | values))


@pytest.fixture
def serving(watched: Watched) -> Serving:
    return Serving(watched)


def test_a_service_that_was_never_started_is_missed_only_where_a_daemon_is_at_work(serving: Serving) -> None:
    found = serving.ask()
    assert found.state is CheckState.OK
    assert "toy was never started (no daemon is at work here)" in found.detail
    assert not daemon_is_there(serving.context.paths.state)
    with daemon_lock(serving.context.paths.state):
        assert daemon_is_there(serving.context.paths.state)
        assert_says_how_to_mend(serving.ask(), CheckState.WARNING, "toy was never started")
    assert serving.ask().state is CheckState.OK


def test_a_service_is_alive_as_long_as_it_is_not_silent_beyond_its_limit(serving: Serving) -> None:
    serving.start()
    assert "toy is alive" in serving.ask(seconds=45).detail
    assert serving.ask(seconds=75).state is CheckState.OK
    assert_says_how_to_mend(serving.ask(seconds=90), CheckState.FAILED, "toy is silent for", "its limit is 50 s")


def test_a_service_that_allowed_itself_a_long_silence_is_alive_in_it(serving: Serving) -> None:
    with telling(serving.context, "toy", 50.0, RecordingProgress()) as progress:
        progress.stall_limit(500.0)
        assert serving.ask(seconds=400).state is CheckState.OK
        progress.stall_limit(None)
        assert serving.ask(seconds=400).state is CheckState.FAILED


def test_a_service_whose_process_is_gone_was_killed(serving: Serving) -> None:
    serving.start()
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], stdout=subprocess.PIPE, check=True)
    serving.edit(pid=int(ended.stdout))
    assert_says_how_to_mend(serving.ask(), CheckState.WARNING, "toy was killed")


def test_a_younger_process_that_got_the_number_is_not_taken_for_the_service(serving: Serving) -> None:
    serving.start()
    serving.edit(time="2020-01-01T00:00:00Z")
    assert_says_how_to_mend(serving.ask(), CheckState.WARNING, "toy was killed after 2020-01-01")


def test_a_service_that_was_stopped_is_missed_only_where_a_daemon_is_at_work(serving: Serving) -> None:
    with telling(serving.context, "toy", 50.0, RecordingProgress()):
        pass
    assert serving.ask().state is CheckState.OK
    with daemon_lock(serving.context.paths.state):
        assert_says_how_to_mend(serving.ask(), CheckState.WARNING, "toy ended at", "ended by itself")


def test_a_service_that_an_error_ended_is_bad_whoever_starts_it_again(serving: Serving) -> None:
    with suppress(ValueError), telling(serving.context, "toy", 50.0, RecordingProgress()):
        raise ValueError("the toy is broken")
    found = serving.ask()
    assert_says_how_to_mend(found, CheckState.WARNING, "toy failed at", "ValueError: the toy is broken")


def test_a_service_that_keeps_failing_is_bad_also_while_it_is_up_until_it_was_well(serving: Serving) -> None:
    tell_once(serving.context, service_key("toy"), lambda: None)
    serving.start()
    assert_says_how_to_mend(serving.ask(), CheckState.WARNING, "toy has kept failing since")
    note_well(serving.context.paths.state, service_key("toy"))
    assert serving.ask().state is CheckState.OK
    tell_once(serving.context, DAEMON, lambda: None)
    assert_says_how_to_mend(serving.ask(), CheckState.WARNING, "toy is alive; the daemon has kept failing since")


@pytest.mark.parametrize("garbage", ["", "[]", "{}", '{"pid": "x"}'])
def test_a_damaged_sign_of_life_is_none(serving: Serving, garbage: str) -> None:
    serving.start()
    serving.file.write_text(garbage)
    assert "toy was never started" in serving.ask().detail
