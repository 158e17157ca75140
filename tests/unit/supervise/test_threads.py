"""Threads that start children and stay with them."""

from __future__ import annotations

import logging

import pytest

from huracan.logs import run_logger
from huracan.run.heartbeat import Notification
from huracan.supervise import threads
from huracan.supervise.base import StopSwitch
from huracan.supervise.threads import RelayingWatcher, guarded_thread


def test_work_that_an_exception_ended_begins_again_and_the_log_says_why(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(threads, "_PAUSE", 0.01)
    tries: list[str] = []

    def work() -> None:
        tries.append("again" if tries else "first")
        if len(tries) < 3:
            raise OSError("the disk is full")

    with caplog.at_level(logging.ERROR, "huracan"):
        thread = guarded_thread("service x", work, StopSwitch(), run_logger(None))
        thread.start()
        thread.join(10)
    assert tries == ["first", "again", "again"]
    assert [record.getMessage() for record in caplog.records] == ["service x: OSError: the disk is full"] * 2


def test_a_thread_that_is_to_stop_does_not_begin_again() -> None:
    stop = StopSwitch()
    tries: list[str] = []

    def work() -> None:
        tries.append("first")
        stop.ask()
        raise OSError("its child is gone")

    thread = guarded_thread("runs", work, stop, run_logger(None))
    thread.start()
    thread.join(4)
    assert not thread.is_alive()
    assert tries == ["first"]


def test_a_watcher_passes_on_each_status_and_each_sign_of_life() -> None:
    said: list[str] = []
    watcher = RelayingWatcher(lambda: said.append("sign"), said.append)
    for notification in (Notification(watchdog=True), Notification(status="BTC-USDT 3/40"), Notification(status="")):
        watcher.notified(notification)
    watcher.tick()
    assert said == ["BTC-USDT 3/40", "sign"]
