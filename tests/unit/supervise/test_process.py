"""The process supervisor, on real processes."""

from __future__ import annotations

import os
import random
import signal
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from huracan.run.heartbeat import Notification
from huracan.supervise.base import Backoff, Child, Exit, ExitReason, Limits, StopSwitch
from huracan.supervise.process import ProcessSupervisor, keep_running

SPEAK = """
import os, socket, sys, time, signal
def notify(text):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.sendto(text.encode(), os.environ["NOTIFY_SOCKET"])
    s.close()
"""


class Recorder:
    def __init__(self, on_line: Callable[[str], None] = lambda _: None) -> None:
        self.lines: list[str] = []
        self.notifications: list[Notification] = []
        self.ticks = 0
        self.on_line = on_line

    def line(self, text: str) -> None:
        self.lines.append(text)
        self.on_line(text)

    def begun(self) -> None:
        assert not self.lines

    def notified(self, notification: Notification) -> None:
        self.notifications.append(notification)

    def tick(self) -> None:
        self.ticks += 1


@pytest.fixture
def stop() -> Iterator[StopSwitch]:
    switch = StopSwitch()
    yield switch
    switch.close()


def child(code: str, **limits: float) -> Child:
    program = SPEAK + textwrap.dedent(code)
    return Child([sys.executable, "-S", "-u", "-c", program], dict(os.environ), Limits(**{"grace": 10, **limits}))


def run(code: str, stop: StopSwitch, recorder: Recorder | None = None, **limits: float) -> Exit:
    return ProcessSupervisor().run(child(code, **limits), recorder or Recorder(), stop)


def is_gone(pid: int, within: float = 20) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.02)
    return False


def test_an_exit_code_and_all_output_come_back(stop: StopSwitch) -> None:
    recorder = Recorder()
    ended = run("print('one'); sys.stderr.write('two\\xe9\\n\\nthree'); sys.exit(3)", stop, recorder)
    assert (ended.reason, ended.code) == (ExitReason.EXITED, 3)
    assert recorder.lines == ["one", "twoé", "three"]


def test_a_child_that_is_killed_says_by_which_signal(stop: StopSwitch) -> None:
    ended = run("os.kill(os.getpid(), signal.SIGKILL)", stop)
    assert (ended.reason, ended.code) == (ExitReason.SIGNALLED, 137)
    assert "SIGKILL" in ended.sentence


def test_status_and_progress_reach_the_watcher(stop: StopSwitch) -> None:
    recorder = Recorder()
    run('notify("READY=1\\nSTATUS=up"); notify("WATCHDOG=1\\nX_HURACAN_PROGRESS={\\"done\\": 1}")', stop, recorder)
    assert [n.status for n in recorder.notifications] == ["up", None]
    assert recorder.notifications[1].progress is not None


def test_a_hang_in_c_is_killed_and_a_slow_child_that_steps_is_not(stop: StopSwitch) -> None:
    hang = 'import re; notify("READY=1"); re.match("(a+)+$", "a" * 60 + "b")'
    ended = run(hang, stop, stall=0.5)
    assert ended.reason is ExitReason.STALLED
    slow = 'notify("READY=1")\nfor _ in range(8): time.sleep(0.3); notify("WATCHDOG=1")'
    ended = run(slow, stop, stall=1.5)
    assert ended.reason is ExitReason.EXITED
    assert ended.seconds > 1.5


def test_status_alone_is_no_sign_of_life(stop: StopSwitch) -> None:
    talk = 'notify("READY=1")\nwhile True: time.sleep(0.05); notify("STATUS=busy")'
    assert run(talk, stop, stall=0.5, time=20).reason is ExitReason.STALLED


def test_where_it_hung_is_in_the_output(stop: StopSwitch) -> None:
    recorder = Recorder()
    code = """
        import faulthandler
        faulthandler.enable()
        def the_loop_that_hangs():
            while True: pass
        notify("READY=1")
        the_loop_that_hangs()
    """
    assert run(code, stop, recorder, stall=0.5).reason is ExitReason.STALLED
    assert any("the_loop_that_hangs" in line for line in recorder.lines)


def test_start_up_has_a_limit_of_its_own(stop: StopSwitch) -> None:
    slow_start = 'time.sleep(1.2); notify("READY=1")'
    assert run(slow_start, stop, stall=0.3, start=60).reason is ExitReason.EXITED
    assert run("time.sleep(60)", stop, stall=0.3, start=0.6).reason is ExitReason.STALLED


def test_a_long_step_that_names_its_limit_is_not_killed(stop: StopSwitch) -> None:
    code = 'notify("READY=1"); notify("WATCHDOG_USEC=20000000"); time.sleep(1.5)'
    assert run(code, stop, stall=0.5).reason is ExitReason.EXITED
    back = 'notify("READY=1"); notify("WATCHDOG_USEC=20000000"); notify("WATCHDOG_USEC=300000"); time.sleep(60)'
    assert run(back, stop, stall=5).reason is ExitReason.STALLED


def test_the_time_limit_ends_even_a_child_that_steps(stop: StopSwitch) -> None:
    code = 'notify("READY=1")\nwhile True: time.sleep(0.05); notify("WATCHDOG=1")'
    ended = run(code, stop, time=0.8, stall=30)
    assert ended.reason is ExitReason.TIMED_OUT


def test_a_child_that_never_stops_talking_is_held_to_its_time_limit(stop: StopSwitch) -> None:
    flood = 's = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.connect(os.environ["NOTIFY_SOCKET"])\n'
    assert run(flood + 'while True: s.send(b"WATCHDOG=1")', stop, time=1).reason is ExitReason.TIMED_OUT


def test_extend_timeout_moves_the_end_and_never_forward(stop: StopSwitch) -> None:
    longer = 'notify("EXTEND_TIMEOUT_USEC=30000000"); time.sleep(1.5)'
    assert run(longer, stop, time=1).reason is ExitReason.EXITED
    shorter = 'notify("EXTEND_TIMEOUT_USEC=1"); time.sleep(0.5)'
    assert run(shorter, stop, time=30).reason is ExitReason.EXITED


def test_grandchildren_die_with_a_child_that_ends(stop: StopSwitch) -> None:
    recorder = Recorder()
    code = "p = os.fork()\nif p == 0: time.sleep(60)\nprint(p)"
    assert run(code, stop, recorder).code == 0
    assert is_gone(int(recorder.lines[0]))


def test_a_child_that_ignores_sigterm_is_killed_with_its_group(stop: StopSwitch) -> None:
    recorder = Recorder(lambda _: stop.ask())
    code = """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        p = os.fork()
        if p == 0: time.sleep(60)
        print(p)
        time.sleep(60)
    """
    ended = run(code, stop, recorder, grace=0.5)
    assert (ended.reason, ended.code) == (ExitReason.STOPPED, 128 + signal.SIGKILL)
    assert is_gone(int(recorder.lines[0]))


def test_a_child_that_is_asked_to_stop_may_tidy_up(stop: StopSwitch, tmp_path: Path) -> None:
    code = f"""
        def end(*_): open({str(tmp_path / "tidy")!r}, "w").close(); sys.exit(75)
        signal.signal(signal.SIGTERM, end)
        print("up")
        time.sleep(60)
    """
    ended = run(code, stop, Recorder(lambda _: stop.ask()))
    assert (ended.reason, ended.code) == (ExitReason.STOPPED, 75)
    assert (tmp_path / "tidy").exists()


def test_asking_twice_does_not_wait_for_the_grace_time(stop: StopSwitch) -> None:
    def twice(_: str) -> None:
        stop.ask()
        stop.ask()

    code = "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); time.sleep(60)"
    ended = run(code, stop, Recorder(twice), grace=50)
    assert ended.code == 128 + signal.SIGKILL
    assert ended.seconds < 50


def test_an_exception_in_the_watcher_leaves_no_process_behind(stop: StopSwitch) -> None:
    pids: list[int] = []

    def fail(line: str) -> None:
        pids.append(int(line))
        raise ValueError("bug")

    with pytest.raises(ValueError, match="bug"):
        run("print(os.getpid()); time.sleep(60)", stop, Recorder(fail))
    assert is_gone(pids[0])


def test_a_line_without_end_does_not_fill_memory_and_nothing_is_lost(stop: StopSwitch) -> None:
    recorder = Recorder()
    run("sys.stdout.write('x' * 3_000_000)", stop, recorder)
    assert sum(map(len, recorder.lines)) == 3_000_000
    assert len(recorder.lines) > 1


def test_back_off_grows_to_its_cap_with_jitter_and_starts_over_after_it_ran_well() -> None:
    backoff = Backoff(1, 300, well=60, chance=random.Random(1))
    pauses = [backoff.after(0.1) for _ in range(12)]
    for exponent, pause in enumerate(pauses):
        assert 0.75 * min(300, 2**exponent) <= pause <= min(300, 1.25 * 2**exponent)
    assert len({round(pause / 2**i, 6) for i, pause in enumerate(pauses[:8])}) == 8
    assert backoff.after(61) <= 1.25
    assert backoff.after(1) <= 2.5


def test_a_service_is_started_again_until_it_is_stopped(stop: StopSwitch) -> None:
    exits: list[tuple[int, float]] = []

    def ended(exit_: Exit, pause: float) -> None:
        exits.append((exit_.code, pause))
        if len(exits) == 3:
            stop.ask()

    keep_running(ProcessSupervisor(), lambda: child("sys.exit(7)"), Recorder(), stop, Backoff(0.05, 0.2), ended)
    assert [code for code, _ in exits] == [7, 7, 7]


def test_stopping_does_not_wait_for_the_pause_between_restarts(stop: StopSwitch) -> None:
    threading.Timer(0.5, stop.ask).start()
    started = time.monotonic()
    keep_running(
        ProcessSupervisor(), lambda: child("pass"), Recorder(), stop, Backoff(600, 600), lambda exit_, pause: None
    )
    assert time.monotonic() - started < 60


def test_a_child_that_takes_too_much_memory_is_killed_with_all_that_it_started(
    stop: StopSwitch, tmp_path: Path
) -> None:
    code = """
    import subprocess
    eat = "import time; eaten = bytearray(b'1') * (150 << 20); time.sleep(60)"
    eater = subprocess.Popen([sys.executable, "-S", "-c", eat], start_new_session=True)
    print(eater.pid)
    time.sleep(60)
    """
    recorder = Recorder()
    began = time.monotonic()
    ended = run(code, stop, recorder, memory=100)
    assert ended.reason is ExitReason.TOO_LARGE
    assert time.monotonic() - began < 20
    assert ended.sentence.startswith("took 1")
    assert ended.sentence.endswith(" MiB of memory, more than its limit (memory_mib), and was killed")
    os.kill(
        int(recorder.lines[0]), signal.SIGKILL
    )  # of a session of its own: whoever starts such has to tie it to itself


def test_a_child_within_its_memory_is_left_alone(stop: StopSwitch) -> None:
    assert run("time.sleep(1.5)", stop, memory=100).reason is ExitReason.EXITED
