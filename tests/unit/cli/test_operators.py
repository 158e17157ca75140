"""The switches in the hands of others than the workspace's owner: operators by way of the daemon, and root."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from huracan.control import ControlServer
from huracan.orders import Orders
from huracan.supervise.base import StopSwitch
from huracan.testing import make_context
from huracan.trading import kill, pause_schedule, read_kill, read_trading, schedule_pause

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be somebody else")

NOBODY = 65534

TYPED = """
import os, sys
# All that the command may import: after this the program may not be able to read its own libraries.
import fcntl, pwd, json, yaml, pydantic, huracan.cli.commands, huracan.config, huracan.control, huracan.cli.failures
import huracan.cli.kill, huracan.cli.pause, huracan.cli.resume, huracan.settings_sources, huracan.cli.tables
from pathlib import Path
from huracan.cli.main import main
place, files = Path(sys.argv[1]).parent, ["-c", sys.argv[1]]
huracan.config.RawSettings.read([Path(sys.argv[1])], {}).core()
huracan.control.RUN_SOCKET = place / "control.sock"
if (place / "etc").exists():
    huracan.workspace.ETC = huracan.settings_sources.ETC = place / "etc"
    files = []
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
sys.exit(main([*files, *sys.argv[2:]]))
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """Make a folder that everybody may pass through."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def typed(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command as nobody."""
    command = [sys.executable, "-c", TYPED, str(place / "settings.yaml"), *words]
    return subprocess.run(command, cwd=place, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def serve(place: Path) -> Iterator[Callable[[int], Path]]:
    """Listen as the daemon does, for a workspace of a given mode, and return its folder ``state``."""
    stop, threads, stores = StopSwitch(), [], []

    def begin(mode: int, listen: bool = True) -> Path:
        workspace, path = place / "work", place / "control.sock"
        (workspace / "state").mkdir(parents=True)
        workspace.chmod(mode)
        os.chown(workspace, 0, NOBODY)
        (place / "settings.yaml").write_text(f"workspace: {workspace}\ncontrol_socket: {path}\n")
        state = workspace / "state"
        if listen:
            daemon: Any = SimpleNamespace(context=make_context(workspace, plugins=()))
            stores.append(daemon.context.store)
            serving = ControlServer(path, Orders(daemon).handle)
            threads.append(threading.Thread(target=serving.serve, args=(stop, lambda: None)))
            threads[0].start()
            deadline = time.monotonic() + 30
            while not path.exists() or not path.stat().st_mode & 0o020:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            time.sleep(0.1)
            os.chown(path, 0, NOBODY)
        return state

    yield begin
    stop.ask()
    for thread in threads:
        thread.join(30)
    for store in stores:
        store.close()


@pytest.mark.parametrize("mode", [0o750, 0o700])
def test_an_operator_kills_pauses_and_resumes_by_way_of_the_daemon(serve: Callable[[int], Path], mode: int) -> None:
    state = serve(mode)
    place = state.parent.parent
    done = typed(place, "kill", "exchange", "hacked")
    assert (done.returncode, done.stdout[:36]) == (0, "trading is STOPPED (exchange hacked)"), done.stderr
    assert (read_kill(state).reason, read_kill(state).by) == ("exchange hacked", "nobody")
    done = typed(place, "pause", "moving", "house")
    assert (done.returncode, done.stdout[:37]) == (0, "the schedule is paused (moving house)"), done.stderr
    assert typed(place, "resume", "schedule").returncode == 0
    assert schedule_pause(state) is None


def test_an_operator_kills_where_conf_d_holds_what_they_may_not_read(serve: Callable[[int], Path]) -> None:
    state = serve(0o750)
    etc = state.parent.parent / "etc"
    (etc / "conf.d").mkdir(parents=True)
    shutil.copy(etc.parent / "settings.yaml", etc)
    secret = etc / "conf.d" / "dropbox.yaml"
    secret.write_text("remote: {name: dropbox, refresh_token: token}\n")
    secret.chmod(0o600)
    done = typed(etc.parent, "kill", "hacked")
    assert (done.returncode, done.stdout[:28]) == (0, "trading is STOPPED (hacked),"), done.stderr
    assert done.stderr.startswith(f"huracan: {secret}: may not be read by this user and is passed over")
    assert (read_kill(state).reason, read_kill(state).by) == ("hacked", "nobody")


def test_where_no_settings_can_be_read_the_daemon_of_the_installation_is_asked_for_its_own_workspace(
    serve: Callable[[int], Path],
) -> None:
    state = serve(0o700)
    place = state.parent.parent
    (place / "settings.yaml").chmod(0o600)
    other = typed(place, "kill", "now", "--workspace", str(place / "other"))
    assert (other.returncode, other.stdout) == (75, "")
    assert f"this daemon works in {state.parent}, not in {place / 'other'}" in other.stderr
    assert not read_kill(state).on
    done = typed(place, "kill", "now", "--workspace", str(state.parent))
    assert (done.returncode, read_kill(state).reason) == (0, "now"), done.stderr


@pytest.mark.parametrize(("mode", "listens"), [(0o750, False), (0o700, False), (0o750, True)])
def test_where_the_files_and_the_daemon_are_out_of_reach_one_line_says_so(
    serve: Callable[..., Path], mode: int, listens: bool
) -> None:
    state = serve(mode, listens)
    place = state.parent.parent
    if listens:
        os.chown(place / "control.sock", 0, 0)
    pause_schedule(state, "moving house", "root", datetime.now(UTC))
    for words in (["kill", "now"], ["pause", "now"], ["resume", "schedule"], ["resume", "trading"]):
        done = typed(place, *words)
        if (words, mode) == (["pause", "now"], 0o750):
            assert "was paused already" in done.stdout
        elif (words, mode) == (["resume", "trading"], 0o750):
            assert done.stdout == "the kill switch is off; nothing to do\n"
        else:
            assert done.returncode == 75, (words, done)
            assert (done.stdout, done.stderr.count("\n"), "Permission denied" in done.stderr) == ("", 1, True), words
            assert "stopped" not in done.stderr
    assert not read_kill(state).on


TELL_AFTER_ALL_IS_LOADED = """
import os, sys
from huracan.cli.main import main
for settings in sys.argv[1:]:
    code = main(["-c", settings, "tell-trading"])
    assert code == 0, code
print(os.geteuid())
"""


def test_a_kill_by_root_is_told_by_the_owner_of_the_workspace(place: Path) -> None:
    for name in ("first", "work"):
        make_context(place / name, plugins=()).store.close()
        kill(place / name / "state", "hacked", "root", datetime.now(UTC))
        (place / f"{name}.yaml").write_text(f"workspace: {place / name}\nplugins: {{only: [candles]}}\n")
    for path in (place / "work", *(place / "work").rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    settings = [str(place / "first.yaml"), str(place / "work.yaml")]
    command = [sys.executable, "-c", TELL_AFTER_ALL_IS_LOADED, *settings]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, f"{NOBODY}\n"), done.stderr
    context = make_context(place / "work", plugins=())
    with context.store:
        assert [row.sentence for row in context.store.breakers.recent()] == ["hacked"]
    assert {path.stat().st_uid for path in (place / "work").rglob("*")} == {NOBODY}
    assert read_trading(place / "work" / "state", datetime.now(UTC)).kill.on
