"""Orders to a running daemon: `huracan start`, `stop`, `reload`, `pause`, and the socket that carries them."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from huracan import control
from huracan.config import CoreSettings
from huracan.context import Context
from huracan.control import ControlServer, ask, socket_path
from huracan.errors import TryAgainError, UsageError
from huracan.orders import Orders
from huracan.supervise.base import StopSwitch
from huracan.trading import read_kill
from waiting import wait_until

JOBS = """
@hookimpl
def huracan_jobs():
    return [Job("one", "toy:one", "", pipeline="day", retries=0), Job("two", "toy:two", "", pipeline="other")]

def one(context):
    count("one")
    while (HERE / "hold").exists():
        time.sleep(0.05)
        context.progress.step("holding")
    return JobResult()

def two(context):
    count("two")
    return JobResult()
"""


@pytest.fixture
def daemon(make_program: Callable[..., Any]) -> Callable[..., Any]:
    """Start the daemon of a program and wait until it takes orders."""

    def begin(**settings: object) -> Any:
        program = make_program(JOBS, **{"schedule": {"pipelines": {}}, **settings})
        up(program)
        return program

    return begin


def up(program: Any) -> None:
    program.start("daemon")
    deadline = time.monotonic() + 60
    while True:
        try:
            ask(program.workspace / "state" / "control.sock", {"do": "status"})
            return
        except TryAgainError:
            assert time.monotonic() < deadline, (program.folder / "stderr").read_text()
            time.sleep(0.05)


def status(program: Any) -> dict[str, Any]:
    return ask(program.workspace / "state" / "control.sock", {"do": "status"})


def said(program: Any) -> str:
    text: str = (program.folder / "stderr").read_text()
    return text


def test_start_runs_a_job_and_says_what_it_waits_for(daemon: Callable[..., Any]) -> None:
    program = daemon()
    (program.folder / "hold").touch()
    assert program.run("start", "one").stdout.startswith("one starts;")
    program.wait_for("one")
    assert program.run("start", "two").stdout.startswith("two starts after one")
    assert status(program)["running"]["what"] == "one"
    assert status(program)["waiting"] == ["two"]
    again = program.run("start", "one")
    assert again.returncode == 2
    assert "runs already" in again.stderr
    (program.folder / "hold").unlink()
    program.wait_for("two")


def test_stop_interrupts_what_runs_and_start_goes_on_with_it(daemon: Callable[..., Any]) -> None:
    program = daemon()
    (program.folder / "hold").touch()
    program.run("start", "one")
    program.wait_for("one")
    assert program.run("stop", "two").returncode == 2
    assert program.run("stop").stdout.startswith("one is being stopped")
    wait_until(lambda: status(program)["running"] is None)
    [file] = program.workspace.glob("runs/*/status*.json")
    assert json.loads(file.read_text())["run"]["state"] == "interrupted"
    (program.folder / "hold").unlink()
    program.run("start", "one")
    program.wait_for("one", times=2)
    nothing = program.run("stop")
    assert nothing.returncode in (0, 2)


def test_a_name_that_nobody_has_is_refused_with_the_nearest(daemon: Callable[..., Any]) -> None:
    program = daemon()
    told = program.run("start", "oen")
    assert told.returncode == 2
    assert '"one"' in told.stderr


def test_without_a_daemon_it_says_so(make_program: Callable[..., Any]) -> None:
    told = make_program(JOBS).run("start", "one")
    assert told.returncode == 75
    assert "no daemon listens" in told.stderr
    assert told.stderr.count("\n") == 1


def test_a_paused_schedule_starts_nothing_and_catches_up_when_it_is_resumed(
    make_program: Callable[..., Any],
) -> None:
    program = make_program(JOBS, schedule={"pipelines": {"day": "00:00"}})
    assert program.run("pause", "moving", "house").returncode == 0
    up(program)
    time.sleep(1.5)
    assert program.count("one") == 0
    assert "moving house" in status(program)["status"]
    assert program.run("resume", "schedule").returncode == 0
    program.wait_for("one")
    assert status(program)["paused"] is None


def test_reload_takes_good_settings_and_refuses_wrong_ones(daemon: Callable[..., Any]) -> None:
    program = daemon(schedule={"pipelines": {"day": "00:00"}, "catch_up": False})
    assert status(program)["next"]["at"].endswith("T00:00:00Z")
    right = program.file.read_text()
    program.file.write_text("schedule: {pipelines: {day: sometime}}\n")
    told = program.run("reload")
    assert told.returncode == 2
    assert "HH:MM" in told.stderr
    assert status(program)["next"]["at"].endswith("T00:00:00Z")
    other = {**yaml.safe_load(right), "schedule": {"pipelines": {"day": "23:57"}, "catch_up": False}}
    program.file.write_text(yaml.dump(other, default_style='"'))
    assert program.run("reload").returncode == 0
    wait_until(lambda: status(program)["next"]["at"].endswith("T23:57:00Z"))
    program.file.write_text(yaml.safe_dump({"workspace": "./elsewhere"}))
    refused = program.run("reload", HURACAN_CONTROL_SOCKET=str(program.workspace / "state" / "control.sock"))
    assert refused.returncode == 2
    assert "workspace changed: that needs a restart" in refused.stderr


def test_a_reload_does_not_start_a_second_time_what_runs(daemon: Callable[..., Any]) -> None:
    program = daemon()
    (program.folder / "hold").touch()
    program.run("start", "one")
    program.wait_for("one")
    assert program.run("reload").returncode == 0
    program.run("pause", "a moment")
    program.run("resume", "schedule")
    time.sleep(5)
    assert status(program)["waiting"] == []
    (program.folder / "hold").unlink()
    wait_until(lambda: status(program)["running"] is None)
    time.sleep(1)
    assert program.count("one") == 1


def test_a_forced_run_that_is_killed_goes_on_in_place_of_doing_all_again(daemon: Callable[..., Any]) -> None:
    program = daemon()
    assert program.run("run", "day").returncode == 0
    (program.folder / "hold").touch()
    program.run("start", "day", "--force")
    program.wait_for("one", times=2)
    parent = int(re.search(r"PPid:\s+(\d+)", Path(f"/proc/{program.pids('one')[1]}/status").read_text())[1])  # type: ignore[index]
    os.kill(parent, signal.SIGKILL)
    (program.folder / "hold").unlink()
    wait_until(lambda: status(program)["running"] is None)
    shown = json.loads(program.run("history", "--json").stdout)["runs"]
    assert max(run["generation"] for run in shown if run["pipeline"] == "day") == 2


def test_services_take_new_settings_at_a_reload(make_program: Callable[..., Any]) -> None:
    program = make_program(
        JOBS
        + """
@hookimpl
def huracan_services():
    return [Service("steady", "toy:steady", "")]

def steady(context):
    count("steady")
    while True:
        time.sleep(0.1)
        context.progress.step("serving")
""",
        schedule={"pipelines": {}},
    )
    up(program)
    program.wait_for("steady")
    assert program.run("reload").returncode == 0
    program.wait_for("steady", times=2)
    assert "1 services" in status(program)["services"]


def test_a_database_that_is_away_is_waited_for_and_ends_no_daemon(make_program: Callable[..., Any]) -> None:
    program = make_program(JOBS, ready=False, schedule={"pipelines": {}})
    (program.folder / "work").mkdir()
    (program.workspace / "huracan.db").mkdir()  # cannot be opened now
    ended = program.run("daemon")
    assert ended.returncode == 75
    assert ended.stderr.count("\n") == 1


def test_the_kill_switch_can_be_thrown_by_the_socket(daemon: Callable[..., Any]) -> None:
    program = daemon()
    ask(program.workspace / "state" / "control.sock", {"do": "kill", "reason": "fire", "by": "alarm"})
    written = json.loads((program.workspace / "state" / "trading.json").read_text())
    assert written["mode"] == "stopped"
    assert written["kill"]["reason"] == "fire"


# --------------------------------------------------------------------------------------------------------- the socket


@pytest.fixture
def serving(tmp_path: Path) -> Any:
    """Serve an echo below a folder whose path is longer than the address of a socket may be."""
    folder = tmp_path / ("x" * 100)
    path, stop = folder / "control.sock", StopSwitch()

    def handle(request: Any) -> Any:
        match request.get("do"):
            case "refuse":
                raise UsageError("not like this")
            case "trip":
                raise [ValueError, TypeError, OSError][request["over"]]("a stone")
        return {"heard": request}

    thread = threading.Thread(target=ControlServer(path, handle).serve, args=(stop, lambda: None))
    thread.start()
    wait_until(path.is_socket)
    yield path
    stop.ask()
    thread.join(30)
    assert not path.exists()


def test_an_answer_comes_back_and_a_refusal_in_its_own_words(serving: Path) -> None:
    assert ask(serving, {"do": "it"})["heard"] == {"do": "it"}
    with pytest.raises(UsageError, match="not like this"):
        ask(serving, {"do": "refuse"})


@pytest.mark.parametrize("over", [0, 1, 2])
def test_a_bug_in_the_daemon_is_answered_and_told_apart_from_a_bad_request(
    serving: Path, over: int, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(UsageError, match=r"the daemon could not do that: \w+Error: a stone"):
        ask(serving, {"do": "trip", "over": over})
    assert "Traceback" in caplog.text
    assert ask(serving, {"do": "it"})["ok"]


@pytest.mark.parametrize("do", [[], {}, None, 3, "dance"])
def test_what_nobody_can_do_is_refused_in_one_line(do: object) -> None:
    with pytest.raises(UsageError, match=r"the daemon cannot .*; it can status, start, stop"):
        Orders(None).handle({"do": do})  # type: ignore[arg-type]


@pytest.mark.parametrize("where", ["accept", "start"])
def test_somebody_who_cannot_be_let_in_now_does_not_end_the_socket(
    serving: Path, where: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("huracan.control._PAUSE", 0.05)
    owner: Any = socket.socket if where == "accept" else threading.Thread
    right, left = getattr(owner, where), [OSError(24, "Too many open files"), RuntimeError("can't start new thread")]

    def flaky(self: Any) -> Any:
        if left:
            raise left.pop()
        return right(self)

    monkeypatch.setattr(owner, where, flaky)
    for _ in range(2):
        with suppress(TryAgainError):
            ask(serving, {"do": "it"})
    for _ in range(10):  # more than may be answered at once: those who failed hold no place
        assert ask(serving, {"do": "it"})["ok"]
    assert caplog.text.count("could not let somebody in") == 2


def test_only_owner_and_group_may_open_the_socket(serving: Path) -> None:
    assert stat.S_IMODE(serving.stat().st_mode) == 0o660


@pytest.mark.parametrize("garbage", [b"\n", b"[1]\n", b"{\n", b"\xff\xfe\n", b"[" * 5000 + b"\n", b"x" * 100_000])
def test_garbage_is_answered_and_the_next_one_is_served(serving: Path, garbage: bytes) -> None:
    folder = os.open(serving.parent, os.O_PATH)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as rude:
            rude.settimeout(20)
            rude.connect(f"/proc/self/fd/{folder}/{serving.name}")
            try:
                rude.sendall(garbage)
                answer = rude.recv(4096)
            except (BrokenPipeError, ConnectionResetError):
                answer = b""
    finally:
        os.close(folder)
    assert not answer or json.loads(answer)["ok"] is False
    assert ask(serving, {"do": "it"})["ok"]


def test_an_installation_has_its_socket_in_run_also_where_its_settings_name_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "DEFAULT", tmp_path / "link")
    monkeypatch.setattr(control, "RUN_SOCKET", tmp_path / "run" / "control.sock")
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    installed, other = CoreSettings(workspace=tmp_path / "disk"), CoreSettings(workspace=tmp_path / "work")
    assert socket_path(installed) == tmp_path / "disk" / "state" / "control.sock"  # no unit made the folder
    (tmp_path / "run").mkdir()
    assert socket_path(installed) == tmp_path / "run" / "control.sock"
    assert socket_path(other) == tmp_path / "work" / "state" / "control.sock"
    named = CoreSettings(workspace=tmp_path / "disk", control_socket=tmp_path / "named.sock")
    assert socket_path(named) == tmp_path / "named.sock"


def test_what_is_meant_for_another_workspace_is_refused(make_context: Callable[..., Context]) -> None:
    daemon: Any = SimpleNamespace(context=make_context(plugins=()))
    orders, state = Orders(daemon), daemon.context.paths.state
    with pytest.raises(UsageError, match=r"this daemon works in .*, not in /srv/other"):
        orders.handle({"do": "kill", "workspace": "/srv/other"})
    assert not read_kill(state).on
    assert orders.handle({"do": "kill", "workspace": str(state.parent.resolve())})["kill"]["on"]
