"""What hangs in this process is ended, where Python can be interrupted."""

from __future__ import annotations

import signal
import threading
import time
from typing import Any

import pytest

from huracan import hookimpl
from huracan.plugin import manager
from huracan.plugin.installed import HOST_DISTRIBUTION
from huracan.plugin.manager import Plugins
from huracan.plugin.patience import TooSlowError, at_most
from huracan.plugin.status import PluginStatus
from huracan.testing import stand_in
from huracan.types import Job


def spin() -> list[Job]:
    while True:
        pass


def stubborn() -> list[Job]:
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        try:
            time.sleep(60)
        except Exception:  # noqa: BLE001 - it is hostile
            continue
    return []


@pytest.mark.parametrize("hang", [spin, stubborn])
def test_a_hook_that_hangs_costs_its_plugin_alone(hang: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manager, "SECONDS", 0.2)
    good = stand_in("good", huracan_jobs=hookimpl(lambda: [Job("work", "r", "d")]))
    plugins = Plugins([stand_in("hangs", huracan_jobs=hookimpl(hang)), good])
    began = time.monotonic()
    assert list(plugins.jobs()) == ["work"]
    assert time.monotonic() - began < 30
    (info,) = [each for each in plugins.infos() if each.name == "hangs"]
    assert (info.status, info.error) == (
        PluginStatus.BAD_HOOK, "huracan_jobs raised TooSlowError: no end within 0.2 s",
    )  # fmt: skip
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_ours_take_the_time_that_they_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manager, "SECONDS", 0.05)

    def slow() -> list[Job]:
        time.sleep(0.2)
        return [Job("slow", "r", "d")]

    assert list(Plugins([stand_in("ours", HOST_DISTRIBUTION, huracan_jobs=hookimpl(slow))]).jobs()) == ["slow"]


def test_in_another_thread_there_is_no_limit() -> None:
    ended = []

    def work() -> None:
        with at_most(0.05):
            time.sleep(0.2)
        ended.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ended == [True]


def test_a_signal_that_somebody_uses_is_left_alone() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _: heard.append(number))
    try:
        with at_most(0.05):
            time.sleep(0.1)
        signal.raise_signal(signal.SIGALRM)
        assert heard == [signal.SIGALRM]
    finally:
        signal.signal(signal.SIGALRM, before)


def test_it_is_no_error_that_one_catches_by_habit() -> None:
    assert not issubclass(TooSlowError, Exception)
