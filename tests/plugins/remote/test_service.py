"""The service as a process of its own, as the daemon keeps it, and what it does when the line is down."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from huracan.context import Context
from huracan.errors import DataError, TryAgainError, UsageError
from huracan.run.heartbeat import NotifyListener
from huracan.types import Severity
from huracan_remote import engine, service
from huracan_remote.service import _Sync
from waiting import wait_until

Write = Callable[..., Path]


@pytest.fixture
def start(tmp_path: Path, workspace: Path, remote_folder: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    file = tmp_path / "settings.yaml"
    running: list[subprocess.Popen[bytes]] = []

    def go(**sync: Any) -> subprocess.Popen[bytes]:
        settings = {
            "workspace": str(workspace), "remote": {"name": "local", "path": str(remote_folder)},
            "plugins": {"only": ["remote"]}, "sync": {"settle_seconds": 0.3, **sync},
        }  # fmt: skip
        file.write_text(yaml.safe_dump(settings))
        command = [sys.executable, "-m", "huracan", "-c", str(file), "service", "sync"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        running.append(process)
        return process

    yield go
    for process in running:
        process.kill()
        process.wait()


def test_files_are_copied_as_they_appear_and_a_kill_loses_none(
    start: Callable[..., subprocess.Popen[bytes]], write: Write, remote_folder: Path, workspace: Path
) -> None:
    write("champions/before.json", b"before", at=1.7e9)
    process = start()
    wait_until((remote_folder / "2023-11-14/champions/before.json").exists, 30.0)
    write("models/BTC-USDT/20240105_020000Z/model.bin", b"model")
    wait_until((remote_folder / "2024-01-05/models/BTC-USDT/20240105_020000Z/model.bin").exists, 15.0)
    for number in range(20):
        write(f"models/C{number}-USDT/20240105_020000Z/model.bin", b"model")
    wait_until(lambda: len(list(remote_folder.glob("2024-01-05/models/*/*/model.bin"))) == 21, 20.0)
    process.send_signal(signal.SIGKILL)
    process.wait()
    write("runs/20240106Z/status.json", b"{}")
    again = start()
    wait_until((remote_folder / "2024-01-06/runs/20240106Z/status.json").exists, 30.0)
    again.send_signal(signal.SIGTERM)
    assert again.wait(20) == 0, "SIGTERM ends it in order"
    report = json.loads((workspace / "state" / "sync.json").read_text())
    assert report["error"] is None


def test_it_does_not_log_what_its_own_log_makes_it_hear(
    start: Callable[..., subprocess.Popen[bytes]], write: Write, remote_folder: Path, workspace: Path
) -> None:
    write("champions/a.json", at=1.7e9)
    process = start()
    wait_until((remote_folder / "2023-11-14/champions/a.json").exists, 30.0)
    time.sleep(4.0)
    process.send_signal(signal.SIGTERM)
    process.wait(20)
    lines = (workspace / "logs" / "huracan.jsonl").read_text().splitlines()
    assert len(lines) < 10, lines[-3:]


def test_a_store_that_is_written_all_the_time_keeps_nobody_waiting(
    start: Callable[..., subprocess.Popen[bytes]], write: Write, remote_folder: Path, workspace: Path
) -> None:
    process = start(learning_minutes=60.0)
    wait_until((workspace / "state" / "sync.json").exists, 30.0)
    busy, stop = workspace / "state" / "busy", time.monotonic() + 12
    write("champions/a.json", at=1.7e9)
    copy = remote_folder / "2023-11-14/champions/a.json"
    while time.monotonic() < stop and not copy.exists():
        busy.write_text(f"{time.monotonic()}")
        time.sleep(0.05)
    assert copy.exists()
    process.kill()


def test_where_the_system_tells_nothing_the_interval_finds_it(
    start: Callable[..., subprocess.Popen[bytes]], write: Write, remote_folder: Path
) -> None:
    start(watch=False, learning_minutes=0.02)
    time.sleep(0.5)
    write("champions/a.json", at=1.7e9)
    wait_until((remote_folder / "2023-11-14/champions/a.json").exists, 30.0)


@pytest.fixture
def sync(context: Context) -> Iterator[_Sync]:
    with ExitStack() as stack:
        yield _Sync(context, stack)


def events(context: Context) -> list[str]:
    return [event.kind for event in context.store.events.recent(least=Severity.INFO)]


def test_an_outage_is_waited_for_and_then_caught_up_with(
    sync: _Sync, context: Context, moody: Any, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "FIRST_PAUSE", 0.1)
    write("champions/A.json")
    moody.fails = TryAgainError("the line is down")
    sync.round(set())
    assert json.loads((context.paths.state / "sync.json").read_text())["state"] == "offline"
    asked = len(moody.calls)
    sync.round({"champions/A.json"})
    assert len(moody.calls) == asked, "it waits before it asks again"
    write("runs/20240105Z/status.json")
    moody.fails = None
    time.sleep(0.15)
    sync.round(set())
    known = context.store.copies.known(moody.identity)
    assert set(known) == {"champions/A.json", "runs/20240105Z/status.json"}
    assert json.loads((context.paths.state / "sync.json").read_text())["state"] == "idle"
    assert events(context) == [], "a short outage is nobody's business"


def test_refused_access_is_told_at_once_and_once(
    sync: _Sync, context: Context, moody: Any, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "FIRST_PAUSE", 0.0)
    write("champions/A.json")
    moody.fails = UsageError("dropbox: access was revoked: run `huracan dropbox login`")
    for _ in range(3):
        sync.round(set())
    assert events(context) == ["sync.away"]
    assert json.loads((context.paths.state / "sync.json").read_text())["state"] == "refused"
    moody.fails = None
    sync.round(set())
    assert events(context) == ["sync.back", "sync.away"]


def test_a_long_outage_is_told(
    sync: _Sync, context: Context, moody: Any, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "FIRST_PAUSE", 0.0)
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    write("champions/A.json")
    moody.fails = TryAgainError("the line is down")
    for minutes in range(40):
        clock[0] = 1000.0 + minutes * 60
        sync.round(set())
    assert events(context) == ["sync.away"]


def test_a_file_that_changes_all_the_time_is_not_copied_all_the_time(sync: _Sync, moody: Any, write: Write) -> None:
    sync.round(set())
    for number in range(20):
        write("runs/20240105Z/status.json", b"%d" % number)
        sync.round({"runs/20240105Z/status.json"})
    assert sum(what == "put" for what, _ in moody.calls) == 1


def test_a_file_that_never_gets_quiet_is_copied_after_a_while(
    sync: _Sync, context: Context, moody: Any, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "LONGEST_UNREST", 0.5)
    sync._settings = sync._settings.model_copy(update={"settle_seconds": 0.4})
    sync.round(set())
    end = time.monotonic() + 4.0
    while time.monotonic() < end:
        write("champions/restless.json", f"{time.monotonic()}".encode(), at=time.time())
        sync.round({"champions/restless.json"})
        time.sleep(0.1)
    assert "champions/restless.json" in context.store.copies.known(moody.identity)


def test_a_file_that_was_too_fresh_is_copied_as_soon_as_it_is_quiet(
    sync: _Sync, context: Context, moody: Any, write: Write
) -> None:
    sync._settings = sync._settings.model_copy(update={"settle_seconds": 1.0})
    sync.round(set())
    write("champions/new.json", at=time.time())
    began = time.monotonic()
    sync.round({"champions/new.json"})
    while "champions/new.json" not in context.store.copies.known(moody.identity):
        assert time.monotonic() - began < 30.0
        sync.round(set())
        time.sleep(0.1)


def test_a_disk_that_answers_with_an_error_is_an_outage_and_no_crash(
    sync: _Sync, context: Context, moody: Any, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("champions/A.json")
    is_dir = Path.is_dir

    def stale(path: Path) -> bool:
        if path.name == "remote":
            raise OSError(116, "Stale file handle")
        return is_dir(path)

    monkeypatch.setattr(Path, "is_dir", stale)
    sync.round(set())
    report = json.loads((context.paths.state / "sync.json").read_text())
    assert (report["state"], "Stale file handle" in report["error"]) == ("offline", True)


def test_a_cap_on_the_line_is_kept(context: Context) -> None:
    from huracan_remote.pace import Pace

    pace = Pace(1000.0, lambda _: None)
    started = time.monotonic()
    for _ in range(6):
        pace(100_000)
    assert time.monotonic() - started >= 0.45, "600 kB at 1 MB/s, the last block not waited for"
    assert pace.sent == 600_000


def test_without_a_remote_store_it_stays_idle(tmp_path: Path, workspace: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump({"workspace": str(workspace), "plugins": {"only": ["remote"]}}))
    command = [sys.executable, "-m", "huracan", "-c", str(file), "service", "sync"]
    with NotifyListener() as listener:
        environment = {**os.environ, "NOTIFY_SOCKET": listener.address}
        with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment) as process:
            heard = listener.receive(60)
            assert heard is not None
            assert heard.ready
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(1)
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0


def test_a_store_that_takes_nothing_is_told_of(sync: _Sync, context: Context, moody: Any, write: Write) -> None:
    write("champions/A.json")
    moody.fails = DataError("champions/A.json", "may not be written by this user")
    sync.round(set())
    assert events(context) == ["sync.away"]
    report = json.loads((context.paths.state / "sync.json").read_text())
    assert report["state"] == "refused"
    assert "nothing is taken: champions/A.json" in report["error"]


def test_a_file_that_cannot_be_read_is_not_tried_every_second(
    sync: _Sync, context: Context, moody: Any, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("champions/good.json")
    sync.round(set())
    write("champions/A.json")
    write("champions/B.json")
    tried: list[str] = []
    copy = engine._copy_regular

    def refuse(source: Path, target: Path) -> Any:
        tried.append(source.name)
        if source.name == "A.json":
            raise PermissionError(13, "Permission denied")
        return copy(source, target)

    monkeypatch.setattr(engine, "_copy_regular", refuse)
    for _ in range(10):
        sync.round({"champions/A.json", "champions/B.json"})
    assert tried.count("A.json") == 1
    assert "champions/B.json" in context.store.copies.known(moody.identity)
