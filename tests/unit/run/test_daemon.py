"""`huracan daemon` in a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from huracan.run.heartbeat import Notification, NotifyListener
from waiting import wait_until

DUE = {"schedule": {"pipelines": {"nightly": "00:00"}}}

JOBS = """
@hookimpl
def huracan_jobs():
    return [Job("one", "toy:one", "", retries=0), Job("two", "toy:two", "", after=("one",), retry_delay=0.01)]

def one(context):
    count("one")
    return JobResult()

def two(context):
    count("two")
    while not (HERE / "quick").exists():
        time.sleep(0.05)
        context.progress.step("looping", done=1, total=2)
    count("finished")
    return JobResult()
"""

SERVICES = """
@hookimpl
def huracan_services():
    return [Service("steady", "toy:steady", "", stall_limit=60), Service("shaky", "toy:shaky", "", restart_delay=0.05)]

def steady(context):
    count("steady")
    while True:
        time.sleep(0.1)
        context.progress.step("serving")

def shaky(context):
    count("shaky")
    raise ValueError("shaken")
"""


@pytest.fixture
def start() -> Callable[..., subprocess.Popen[str]]:
    """Start the daemon of a program; the program's own fixture ends it."""

    def begin(program: Any) -> subprocess.Popen[str]:
        process: subprocess.Popen[str] = program.start("daemon")
        return process

    return begin


def stop(process: subprocess.Popen[str]) -> float:
    """Send SIGTERM and return the seconds until the end."""
    before = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    return time.monotonic() - before


def state(program: Any) -> dict[str, Any]:
    [file] = program.workspace.glob("runs/*/status.json")
    value: dict[str, Any] = json.loads(file.read_text())
    return value


def test_a_missed_night_starts_at_once_and_never_again(
    make_program: Callable[..., Any], start: Callable[..., subprocess.Popen[str]]
) -> None:
    program = make_program(JOBS, **DUE)
    (program.folder / "quick").touch()
    process = start(program)
    program.wait_for("finished")
    wait_until(lambda: state(program)["run"]["state"] == "done")
    stop(process)
    assert process.returncode == 0
    process = start(program)
    wait_until(lambda: (program.folder / "stderr").read_text().count("daemon up") == 2)
    time.sleep(2)
    stop(process)
    assert program.count("finished") == 1
    assert (program.folder / "stderr").read_text().count("was missed") == 1


def test_without_catch_up_a_missed_night_waits_for_its_next_time(
    make_program: Callable[..., Any], start: Callable[..., subprocess.Popen[str]]
) -> None:
    program = make_program(JOBS, schedule={**DUE["schedule"], "catch_up": False})
    process = start(program)
    wait_until(lambda: "daemon up" in (program.folder / "stderr").read_text())
    time.sleep(2)
    stop(process)
    assert not (program.workspace / "runs").exists()
    assert "was missed" not in (program.folder / "stderr").read_text()


def test_sigterm_ends_all_within_seconds_and_the_next_start_goes_on(
    make_program: Callable[..., Any], start: Callable[..., subprocess.Popen[str]], gone: Callable[[int], bool]
) -> None:
    program = make_program(JOBS, **DUE)
    process = start(program)
    program.wait_for("two")
    assert stop(process) < 30
    assert process.returncode == 0
    assert gone(program.pids("two")[0])
    assert state(program)["run"]["state"] == "interrupted"
    (program.folder / "quick").touch()
    process = start(program)
    wait_until(lambda: state(program)["run"]["state"] == "done")
    stop(process)
    assert (program.count("one"), program.count("two")) == (1, 2)


def test_kill_9_of_the_daemon_leaves_nothing_running(
    make_program: Callable[..., Any], start: Callable[..., subprocess.Popen[str]], gone: Callable[[int], bool]
) -> None:
    program = make_program(JOBS + SERVICES, **DUE)
    process = start(program)
    program.wait_for("two")
    program.wait_for("steady")
    process.kill()
    process.communicate()
    assert gone(program.pids("two")[0])
    assert gone(program.pids("steady")[0])


def test_services_are_kept_alive(
    make_program: Callable[..., Any], start: Callable[..., subprocess.Popen[str]], gone: Callable[[int], bool]
) -> None:
    program = make_program(SERVICES)
    process = start(program)
    program.wait_for("shaky", times=3)
    program.wait_for("steady")
    os.kill(program.pids("steady")[0], signal.SIGKILL)
    program.wait_for("steady", times=2)
    assert stop(process) < 30
    assert gone(program.pids("steady")[1])
    said = (program.folder / "stderr").read_text()
    assert "shaken" in said
    assert "service steady was killed by SIGKILL" in said


def test_a_run_that_is_killed_is_started_again(
    make_program: Callable[..., Any], start: Callable[..., subprocess.Popen[str]]
) -> None:
    program = make_program(JOBS, **DUE)
    process = start(program)
    program.wait_for("two")
    (program.folder / "quick").touch()
    parent = int(re.search(r"PPid:\s+(\d+)", Path(f"/proc/{program.pids('two')[0]}/status").read_text())[1])  # type: ignore[index]
    assert parent != process.pid
    os.kill(parent, signal.SIGKILL)
    wait_until(lambda: state(program)["run"]["state"] == "done")
    stop(process)
    assert program.count("one") == 1


def test_systemd_hears_ready_signs_of_life_and_what_is_going_on(
    make_program: Callable[..., Any],
) -> None:
    program = make_program(JOBS, **DUE)
    heard: list[Notification] = []
    with NotifyListener() as listener:
        process = subprocess.Popen(
            program.command("daemon"), env=program.environment(NOTIFY_SOCKET=listener.address),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            deadline = time.monotonic() + 60
            while not any("looping" in (n.status or "") for n in heard) and time.monotonic() < deadline:
                heard += [n for n in [listener.receive(1)] if n]
            maps = Path(f"/proc/{process.pid}/maps").read_text()
        finally:
            process.terminate()
            process.wait(60)
        while (last := listener.receive()) is not None:
            heard.append(last)
    assert heard[0].ready
    assert any(n.watchdog and "nightly" in (n.status or "") and "looping" in (n.status or "") for n in heard)
    assert any(n.stopping for n in heard)
    assert not [library for library in ("lightgbm", "polars", "numpy", "talib") if library in maps.lower()]


def test_a_workspace_has_one_daemon(
    make_program: Callable[..., Any], start: Callable[..., subprocess.Popen[str]]
) -> None:
    program = make_program(SERVICES)
    start(program)
    program.wait_for("steady")
    second = program.run("daemon")
    assert second.returncode == 5
    assert "another huracan daemon" in second.stderr


def test_a_schedule_for_a_pipeline_that_nobody_has_is_named_and_the_rest_goes_on(
    make_program: Callable[..., Any], start: Callable[..., subprocess.Popen[str]]
) -> None:
    program = make_program(JOBS, schedule={"pipelines": {"nightly": "00:00", "weakly": "03:00"}})
    process = start(program)
    program.wait_for("two")
    stop(process)
    assert "schedule.pipelines.weakly" in (program.folder / "stderr").read_text()


def test_a_time_that_is_none_is_refused_at_start(make_program: Callable[..., Any]) -> None:
    program = make_program(JOBS, schedule={"pipelines": {"nightly": "2 o'clock"}})
    ended = program.run("daemon")
    assert ended.returncode == 2
    assert "HH:MM" in ended.stderr
