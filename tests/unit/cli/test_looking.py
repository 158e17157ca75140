"""The commands that look: they show what the ledger and the plugins say, and they change nothing."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from huracan.cli.main import main
from huracan.cli.tables import duration
from huracan.context import Context
from huracan.control import ControlServer
from huracan.run.lock import daemon_lock
from huracan.store import ItemState, RunState
from huracan.supervise.base import StopSwitch
from waiting import wait_until

Run = Callable[..., "subprocess.CompletedProcess[str]"]

START = datetime(2024, 1, 3, 2, 0, tzinfo=UTC)
RUN_DATE = date(2024, 1, 3)
LOOKING = ("status", "history", "jobs", "doctor", "plugins")


@pytest.fixture
def night(make_context: Callable[..., Context], tmp_path: Path, settings_file: Path) -> Context:
    """A workspace whose last night was partly failed: one coin trained, one not."""
    context = make_context({"exchange": {"name": "simulated"}}, folder=tmp_path / "work")
    ledger = context.store.ledger
    run = ledger.begin_run("nightly", RUN_DATE, START, START)
    ledger.begin_job(run.run_id, "train", START)
    for item, state, error in (("SOL-USDT", ItemState.COMPLETED, None), ("ADA-USDT", ItemState.FAILED, "only 12 rows")):
        ledger.begin_item("train", RUN_DATE, item)
        ledger.end_item("train", RUN_DATE, item, state, 3.0, error=error)
    later = START + timedelta(seconds=75)
    ledger.end_job(
        run.run_id, "train", RunState.PARTLY_FAILED, later, exit_code=3, summary="1 of 2 coins trained", seconds=75.0
    )
    ledger.end_run(run.run_id, RunState.PARTLY_FAILED, "1 of 2 coins trained", later)
    return context


@pytest.mark.parametrize("command", LOOKING)
def test_looking_creates_nothing(command: str, huracan: Run, settings_file: Path) -> None:
    assert huracan("-c", str(settings_file), command).returncode in (0, 3)
    done = huracan("-c", str(settings_file), command, "--json")
    assert done.returncode in (0, 3), done.stderr
    json.loads(done.stdout)
    assert sorted(path.name for path in settings_file.parent.iterdir()) == ["settings.yaml"]


@pytest.mark.parametrize("command", LOOKING)
def test_looking_changes_nothing(command: str, huracan: Run, settings_file: Path, night: Context) -> None:
    night.store.close()
    before = _contents(night.paths.workspace)
    done = huracan("-c", str(settings_file), command, "--json")
    assert done.returncode in (0, 3), done.stderr
    json.loads(done.stdout)
    assert _contents(night.paths.workspace) == before


def _contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(("-shm", "-wal")))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_history_lists_runs_newest_first(huracan: Run, settings_file: Path, night: Context) -> None:
    ledger = night.store.ledger
    next_night = START + timedelta(days=1)
    run = ledger.begin_run("nightly", next_night.date(), next_night, next_night)
    ledger.end_run(run.run_id, RunState.DONE, "2 of 2 coins trained", next_night)
    done = huracan("-c", str(settings_file), "history", "--json")
    runs = json.loads(done.stdout)["runs"]
    assert [entry["run_date"] for entry in runs] == ["2024-01-04", "2024-01-03"]
    assert runs[1]["state"] == "partly-failed"
    assert runs[1]["started_at"] == "2024-01-03T02:00:00Z"
    assert len(json.loads(huracan("-c", str(settings_file), "history", "--limit", "1", "--json").stdout)["runs"]) == 1
    table = huracan("-c", str(settings_file), "history").stdout
    assert "2024-01-03 02:00Z" in table
    assert "1 min 15 s" in table


def test_history_without_a_run_says_how_to_start_one(huracan: Run, settings_file: Path) -> None:
    assert "huracan run nightly" in huracan("-c", str(settings_file), "history").stdout


def test_status_names_what_failed_and_what_is_next(huracan: Run, settings_file: Path, night: Context) -> None:
    champions = night.paths.champions
    champions.mkdir(parents=True)
    (champions / "SOL-USDT.json").write_text("{}", "utf-8")
    night.paths.roster.write_text('[{"symbol": "SOL-USDT", "trade_ok": true}, {"trade_ok": false}]', "utf-8")
    shown = json.loads(huracan("-c", str(settings_file), "status", "--json").stdout)
    nightly = next(pipeline for pipeline in shown["pipelines"] if pipeline["name"] == "nightly")
    assert nightly["last"]["state"] == "partly-failed"
    assert nightly["next_due"].endswith("T02:00:00Z")
    assert datetime.fromisoformat(nightly["next_due"]) > datetime.now(UTC)
    assert (shown["champions"], shown["tradable"]) == (1, 1)
    assert "2024-01-03 train ADA-USDT: only 12 rows" in shown["problems"]
    assert shown["running"] is None
    text = huracan("-c", str(settings_file), "status").stdout
    assert "1, of which 1 may be traded" in text
    assert "! 2024-01-03 train ADA-USDT: only 12 rows" in text


def test_status_says_that_the_schedule_rests_and_that_trading_is_stopped(
    huracan: Run, settings_file: Path, night: Context
) -> None:
    huracan("-c", str(settings_file), "pause", "moving", "house")
    huracan("-c", str(settings_file), "kill", "a fire")
    shown = huracan("-c", str(settings_file), "status").stdout
    assert "moving house" in shown
    assert "a fire" in shown
    told = json.loads(huracan("-c", str(settings_file), "status", "--json").stdout)
    assert told["paused"].startswith("paused since")
    assert told["trading"].startswith("stopped")


ANSWER = {
    "status": "nightly 2024-01-04: train 3/20",
    "waiting": ["maintenance"],
    "behind": True,
    "resting": {"nightly": "2024-01-03", "tidy": "2024-01-04"},
    "hangs": ["schedule"],
    "schedule": {"nightly": "2031-02-03T04:05:00Z"},
}


@contextmanager
def listening(context: Context, answer: dict[str, Any]) -> Iterator[None]:
    """Answer as the daemon of this workspace does."""
    stop, path = StopSwitch(), context.paths.state / "control.sock"
    server = ControlServer(path, lambda request: answer if request == {"do": "status"} else {})
    thread = threading.Thread(target=server.serve, args=(stop, lambda: None))
    thread.start()
    wait_until(path.is_socket)
    try:
        yield
    finally:
        stop.ask()
        thread.join(30)


def shown(settings_file: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["-c", str(settings_file), "status", *words]) == 0
    return capsys.readouterr().out


def test_status_asks_a_running_daemon_for_what_only_it_knows(
    settings_file: Path, night: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    assert json.loads(shown(settings_file, capsys, "--json"))["daemon"] is None
    with listening(night, {**ANSWER, "workspace": str(night.paths.workspace)}):
        told = json.loads(shown(settings_file, capsys, "--json"))
        text = " ".join(shown(settings_file, capsys).split())
    assert told["daemon"]["status"] == ANSWER["status"]
    assert "ok" not in told["daemon"]
    due = {each["name"]: each["next_due"] for each in told["pipelines"]}
    assert due == {"nightly": "2031-02-03T04:05:00Z", "maintenance": None}  # the settings say otherwise by now
    assert "nightly 2024-01-04: train 3/20; maintenance waits; looks for what was missed" in text
    assert "tidy 2024-01-04 was stopped and rests: `huracan start tidy` goes on" in text
    assert "nightly 2024-01-03 was stopped" not in text  # that night came to its end by hand
    assert "! the daemon's thread 'schedule' hangs" in text


def test_status_leaves_alone_the_daemon_of_another_workspace(
    settings_file: Path, night: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    with listening(night, {**ANSWER, "workspace": "/elsewhere"}):
        told = json.loads(shown(settings_file, capsys, "--json"))
    assert told["daemon"] is None
    assert {each["name"]: each["next_due"][11:] for each in told["pipelines"]}["nightly"] == "02:00:00Z"


def test_status_says_that_a_daemon_is_there_and_does_not_answer(
    settings_file: Path, night: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    with daemon_lock(night.paths.state):
        told = json.loads(shown(settings_file, capsys, "--json"))
    assert told["daemon"] is None
    said = "a daemon runs, but it could not be asked: no daemon listens at "
    assert any(each.startswith(said) for each in told["problems"])


def test_status_survives_a_roster_that_is_damaged(huracan: Run, settings_file: Path, night: Context) -> None:
    night.paths.champions.mkdir(parents=True)
    night.paths.roster.write_text("[{", "utf-8")
    done = huracan("-c", str(settings_file), "status", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["tradable"] == 0


def test_status_tells_a_running_night_from_one_that_was_killed(
    huracan: Run, settings_file: Path, night: Context
) -> None:
    ledger = night.store.ledger
    now = START + timedelta(days=1)
    run = ledger.begin_run("nightly", now.date(), now, now)
    ledger.begin_job(run.run_id, "train", now)
    ledger.begin_item("train", now.date(), "SOL-USDT")
    killed = huracan("-c", str(settings_file), "status")
    assert "interrupted" in killed.stdout
    assert "nothing runs" in killed.stdout
    lock = night.paths.state / "run.lock"
    lock.parent.mkdir(exist_ok=True)
    handle = os.open(lock, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        running = json.loads(huracan("-c", str(settings_file), "status", "--json").stdout)["running"]
    finally:
        os.close(handle)
    assert running == "nightly 2024-01-04: train, 0 items finished, at work on SOL-USDT"


def test_jobs_shows_order_limits_and_the_owners_changes(huracan: Run, settings_file: Path, night: Context) -> None:
    with settings_file.open("a", encoding="utf-8") as file:
        file.write("jobs: {train: {time_limit: 120, retries: 0}}\n")
    jobs = json.loads(huracan("-c", str(settings_file), "jobs", "--json").stdout)["jobs"]
    names = [job["name"] for job in jobs if job["pipeline"] == "nightly"]
    assert names.index("universe") < names.index("candles") < names.index("train") < names.index("roster")
    train = next(job for job in jobs if job["name"] == "train")
    assert (train["time_limit"], train["retries"], train["starts"]) == (120, 0, "02:00")
    assert train["last"]["state"] == "partly-failed"
    assert next(job for job in jobs if job["name"] == "universe")["last"] is None
    assert "2 min" in huracan("-c", str(settings_file), "jobs").stdout


def test_plugins_shows_a_broken_plugin_and_goes_on(huracan: Run, settings_file: Path, tmp_path: Path) -> None:
    extra = tmp_path / "site"
    (extra / "broken").mkdir(parents=True)
    (extra / "broken" / "__init__.py").write_text("import no_such_library\n", "utf-8")
    metadata = extra / "broken-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n", "utf-8")
    (metadata / "entry_points.txt").write_text("[huracan]\nbroken = broken\n", "utf-8")
    done = huracan("-c", str(settings_file), "plugins", "--json", PYTHONPATH=str(extra))
    shown = {plugin["name"]: plugin for plugin in json.loads(done.stdout)["plugins"]}
    assert shown["broken"]["status"] == "bad-import"
    assert shown["broken"]["error"] == "ModuleNotFoundError: No module named 'no_such_library'"
    assert (shown["broken"]["distribution"], shown["broken"]["version"]) == ("broken", "1.0")
    assert shown["training"]["status"] == "enabled"
    assert "huracan_jobs" in shown["training"]["hooks"]
    assert done.stderr == ""
    doctor = huracan("-c", str(settings_file), "doctor", PYTHONPATH=str(extra))
    assert doctor.returncode == 3
    assert "plugin broken (broken): bad-import" in doctor.stdout


def test_doctor_shows_every_check_with_its_time(huracan: Run, settings_file: Path, stranger_path: str) -> None:
    done = huracan("-c", str(settings_file), "doctor", "--json", PYTHONPATH=stranger_path)
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert checks["stranger-last-night"]["state"] == "ok"
    assert checks["stranger-last-night"]["detail"] == "no night has ended yet"
    assert checks["stranger-last-night"]["seconds"] >= 0
    assert all(check["hint"] for check in checks.values() if check["state"] != "ok")


def test_a_check_that_raises_has_failed_and_stops_no_other(make_context: Callable[..., Context]) -> None:
    from huracan import hookimpl
    from huracan.health import run_checks
    from huracan.testing import stand_in
    from huracan.types import Check, CheckResult, CheckState

    def stumble(_: Context | None) -> CheckResult:
        raise OSError("no route to host")

    def answer(_: Context | None) -> CheckResult:
        return CheckResult(CheckState.OK, "fine")

    plugin = stand_in("mine", huracan_checks=hookimpl(lambda: [Check("bad", stumble), Check("good", answer)]))
    findings = run_checks(make_context(plugins=(), extra=[plugin]))
    assert [(finding.name, str(finding.result.state)) for finding in findings] == [("bad", "failed"), ("good", "ok")]
    assert findings[0].result.detail == "raised OSError: no route to host"
    assert "plugins.disable" in findings[0].result.hint


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"), (0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"), (59.7, "1 min"),
        (185, "3 min 05 s"), (3600, "1 h"), (7800, "2 h 10 min"),
    ],
)  # fmt: skip
def test_a_duration_is_short_and_never_says_60_seconds(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text
