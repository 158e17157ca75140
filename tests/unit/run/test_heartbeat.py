"""Both ends of the sd_notify protocol."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan.errors import StopRequested
from huracan.run.heartbeat import (
    Notification,
    Notifier,
    NotifyListener,
    NotifyProgress,
    ProgressEvent,
    SilentProgress,
    parse_notification,
    progress_from,
)


@pytest.fixture
def listener() -> Iterator[NotifyListener]:
    with NotifyListener() as opened:
        yield opened


def send(listener: NotifyListener, datagram: bytes) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(datagram, listener.address)


def test_a_step_is_heartbeat_status_and_numbers_in_one_datagram(listener: NotifyListener) -> None:
    NotifyProgress(listener.address, "train").step("train 7/20 SOL-USDT", done=7, total=20, item="SOL-USDT")
    event = ProgressEvent("train", "train 7/20 SOL-USDT", 7, 20, "SOL-USDT")
    assert listener.receive(1) == Notification(watchdog=True, status="train 7/20 SOL-USDT", progress=event)
    assert listener.receive() is None


def test_every_alphabet_arrives_as_it_was_sent(listener: NotifyListener) -> None:
    NotifyProgress(listener.address, "j").step("Münze ₿ 第一")
    received = listener.receive(1)
    assert received is not None
    assert received.status == "Münze ₿ 第一"


def test_a_status_cannot_smuggle_in_other_fields_or_terminal_codes(listener: NotifyListener) -> None:
    NotifyProgress(listener.address).step("a\nREADY=1\nEXTEND_TIMEOUT_USEC=99\x1b[31m")
    received = listener.receive(1)
    assert received is not None
    assert not received.ready
    assert received.extend_timeout is None
    assert received.status == "a READY=1 EXTEND_TIMEOUT_USEC=99 [31m"


def test_a_long_status_is_cut(listener: NotifyListener) -> None:
    NotifyProgress(listener.address).step("x" * 100_000)
    received = listener.receive(1)
    assert received is not None
    assert received.status is not None
    assert len(received.status) == 300


def test_limits_are_sent_in_microseconds_and_given_back(listener: NotifyListener) -> None:
    progress = NotifyProgress(listener.address, "train", declared_stall_limit=300)
    progress.extend(90)
    progress.stall_limit(1200.5)
    progress.stall_limit(None)
    received = [listener.receive(1) for _ in range(3)]
    assert received == [
        Notification(extend_timeout=90.0),
        Notification(watchdog=True, watchdog_limit=1200.5),
        Notification(watchdog=True, watchdog_limit=300.0),
    ]


def test_the_environment_of_systemd_is_understood(listener: NotifyListener) -> None:
    progress = progress_from({"NOTIFY_SOCKET": listener.address, "WATCHDOG_USEC": "30000000"}, "train")
    progress.ready()
    progress.stall_limit(None)
    assert listener.receive(1) == Notification(ready=True)
    assert listener.receive(1) == Notification(watchdog=True, watchdog_limit=30.0)


def test_work_goes_on_when_nobody_listens(tmp_path: Path) -> None:
    listener = NotifyListener()
    progress = NotifyProgress(listener.address, "train")
    progress.step("one")
    listener.close()
    for step in ("two", "three"):
        progress.step(step)
    NotifyProgress(str(tmp_path / "never-there")).step("x")
    NotifyProgress("/" + "long" * 100).step("x")
    progress_from({}).step("x")
    SilentProgress().step("x")


def test_a_listener_that_does_not_read_costs_little_time(listener: NotifyListener) -> None:
    progress = NotifyProgress(listener.address, "train")
    full = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    full.setblocking(False)
    with full, contextlib.suppress(BlockingIOError):
        while True:
            full.sendto(b"STATUS=x", listener.address)
    started = time.monotonic()
    progress.step("nobody takes it")
    assert time.monotonic() - started < 30


def test_a_stop_that_arrives_while_sending_is_not_swallowed(
    listener: NotifyListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(socket.socket):
        def sendall(self, *_: object) -> None:
            raise StopRequested

    monkeypatch.setattr("socket.socket", Interrupted)
    with pytest.raises(StopRequested):
        Notifier(listener.address).alive()


@pytest.mark.parametrize(
    "datagram",
    [
        b"", b"\xff\xfe\x00", b"WATCHDOG", b"=1", b"WATCHDOG_USEC=-5", b"EXTEND_TIMEOUT_USEC=1e9",
        b"WATCHDOG_USEC=\xd9\xa1",
        b"X_HURACAN_PROGRESS=[1]", b"X_HURACAN_PROGRESS={", b"X_HURACAN_PROGRESS=" + b"[" * 50_000,
        b"EXTEND_TIMEOUT_USEC=" + b"9" * 10_000,
    ],
)  # fmt: skip
def test_garbage_says_nothing_and_the_next_message_is_heard(listener: NotifyListener, datagram: bytes) -> None:
    send(listener, datagram)
    send(listener, b"READY=1")
    assert listener.receive(1) == Notification()
    assert listener.receive(1) == Notification(ready=True)


def test_an_oversized_datagram_is_read_as_far_as_it_goes(listener: NotifyListener) -> None:
    send(listener, b"WATCHDOG=1\nSTATUS=" + b"y" * 150_000)
    received = listener.receive(1)
    assert received is not None
    assert received.watchdog
    assert received.status is not None
    assert len(received.status) == 300


@given(st.binary(max_size=400))
def test_whatever_arrives_can_be_read(datagram: bytes) -> None:
    notification = parse_notification(datagram)
    assert notification.status is None or notification.status.isprintable()


@given(
    text=st.text(max_size=500), item=st.none() | st.text(max_size=50),
    done=st.none() | st.integers(0, 10**6), total=st.none() | st.integers(0, 10**6),
)  # fmt: skip
def test_numbers_survive_the_way_whatever_the_text(text: str, item: str, done: int, total: int) -> None:
    with NotifyListener() as listener:
        NotifyProgress(listener.address, "j").step(text, done=done, total=total, item=item)
        received = listener.receive(1)
    assert received is not None
    assert received.progress is not None
    assert (received.progress.done, received.progress.total) == (done, total)


def test_the_socket_is_private_and_gone_afterwards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    listener = NotifyListener()
    folder = Path(listener.address).parent
    assert folder.stat().st_mode & 0o077 == 0
    listener.close()
    assert not folder.exists()
    assert not list(deep.iterdir())


def test_what_a_killed_listener_left_behind_is_swept_and_a_living_one_is_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    short = Path(tempfile.mkdtemp(prefix="t"))
    monkeypatch.setattr("tempfile.tempdir", str(short))
    code = "import os; from huracan.run.heartbeat import NotifyListener; l = NotifyListener(); os.kill(os.getpid(), 9)"
    with NotifyListener() as living:
        subprocess.run([sys.executable, "-c", code], check=False, env={**os.environ, "TMPDIR": str(short)})
        assert len(list(short.iterdir())) == 2
        with NotifyListener() as another:
            assert {str(f) for f in short.iterdir()} == {str(Path(x.address).parent) for x in (living, another)}
            NotifyProgress(living.address).step("still heard")
            assert living.receive(1) is not None
    short.rmdir()


def test_a_child_dies_with_its_parent_and_one_that_comes_too_late_ends_at_once(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    child = "import os, sys, time; from huracan.run.parent import die_with_parent; die_with_parent(int(sys.argv[1])); "
    parent = textwrap.dedent(
        f"""
        import os, subprocess, sys, time
        child = {child!r} + "open(sys.argv[2], 'w').write(str(os.getpid())); time.sleep(600)"
        subprocess.Popen([sys.executable, "-c", child, str(os.getpid()), {str(pid_file)!r}])
        time.sleep(600)
        """
    )
    process = subprocess.Popen([sys.executable, "-c", parent])
    deadline = time.monotonic() + 60
    while not (pid_file.exists() and pid_file.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    grandchild = int(pid_file.read_text())
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    while Path(f"/proc/{grandchild}").exists() and time.monotonic() < deadline:
        if "Z" in Path(f"/proc/{grandchild}/stat").read_text().rsplit(")", 1)[1].split()[0]:
            break
        time.sleep(0.02)
    else:
        assert not Path(f"/proc/{grandchild}").exists()
    late = subprocess.run([sys.executable, "-c", child, "1", "-"], check=False)
    assert late.returncode == 128 + signal.SIGKILL
