"""Nothing is lost by kill -9 between any two steps: a real process is killed at every one of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from huracan.store import Store

PROGRAM = """
import json, os, shutil, signal, sys
from datetime import timedelta
from pathlib import Path
from sqlalchemy import Engine, event
from huracan import hookimpl
from huracan.alerts.delivery import Deliverer
from huracan.clock import SystemClock
from huracan.testing import make_context, stand_in
from huracan.types import Notifier, Severity

folder, template = Path(sys.argv[1]), Path(sys.argv[2])
point, seen = -1, 0

def step(*_):
    global seen
    seen += 1
    if seen == point:
        os.kill(os.getpid(), signal.SIGKILL)

for name in ("before_cursor_execute", "after_cursor_execute", "commit"):
    event.listen(Engine, name, step)

def append(name, text):
    handle = os.open(folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, (text + "\\n").encode())
    os.close(handle)

class Later:
    def __init__(self, hours):
        self.hours = hours
    def now(self):
        return SystemClock().now() + timedelta(hours=self.hours)

def channel(name):
    def deliver(context, message):
        step()
        append(name, json.dumps([message.key, message.repeated, [each.title for each in message.events]]))
        step()
    return Notifier(name, deliver)

def work(hours, titles):
    notifiers = [channel("phone"), channel("mail")]
    plugin = stand_in("channels", huracan_notifiers=hookimpl(lambda: notifiers))
    context = make_context(folder, plugins=(), extra=[plugin])
    for title in titles:
        context.emit("test", Severity.INFO, title)
        append("emitted", title)
    deliverer = Deliverer(context, clock=Later(hours))
    while deliverer.turn():
        pass
    step()

def in_child(*arguments):
    child = os.fork()
    if child == 0:
        try:
            work(*arguments)
        except BaseException as error:
            append("crashed", repr(error))
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0

while True:
    point += int(sys.argv[3])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copy(template, folder / "huracan.db")
    survived = in_child(0, ["a", "b"])
    last, point = point, -1
    in_child(1, [])
    point = last
    read = lambda name: (folder / name).read_text().splitlines() if (folder / name).exists() else []
    lines = {name: [json.loads(line) for line in read(name)] for name in ("phone", "mail")}
    print(json.dumps({"point": point, "emitted": read("emitted"), "crashed": read("crashed"), **lines}), flush=True)
    if survived:
        break
"""


@pytest.mark.slow
def test_no_event_is_lost_by_a_kill_at_any_step_and_doubles_are_marked(tmp_path: Path) -> None:
    template = tmp_path / "template.db"
    Store.open(f"sqlite:///{template}", None).close()
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "work"), str(template), "5"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    tried = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(tried) > 30
    doubles = 0
    for each in tried:
        assert each["crashed"] == []
        for channel in ("phone", "mail"):
            keys: dict[str, str] = {}
            for key, repeated, titles in each[channel]:
                assert len(titles) == 1
                # A double says that it is one, and has the key of the first.
                assert (repeated and keys[titles[0]] == key) if titles[0] in keys else True, each
                doubles += titles[0] in keys
                keys.setdefault(titles[0], key)
            assert list(keys) == sorted(keys), each
            assert set(each["emitted"]) <= set(keys), each
    assert doubles  # a kill between sending and noting it was among the steps
