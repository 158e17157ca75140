"""A stranger's plugin is tried in a process of its own, once for each state of its files."""

from __future__ import annotations

import os
import threading
import time
from importlib.metadata import EntryPoint, distributions
from pathlib import Path
from typing import Any

import pytest

from hostile_site import install
from huracan.plugin import attempt, trial
from huracan.plugin.manager import Plugins
from huracan.plugin.status import PluginStatus
from huracan.plugin.trial import Trials, fingerprint


def entry_points(site: Path, *modules: str) -> list[EntryPoint]:
    install(site, *modules)
    found = [each for one in distributions(path=[str(site)]) for each in one.entry_points]
    return sorted(found, key=lambda each: each.name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    return tmp_path / "state" / "plugins" / "trials"


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the plugins that are tried from here on."""
    names: list[str] = []

    class Counted(attempt.Attempt):
        def __init__(self, order: Any, scratch: str) -> None:
            names.append(order["name"])
            super().__init__(order, scratch)

    monkeypatch.setattr(attempt, "Attempt", Counted)
    return names


def test_what_cannot_be_caught_is_refused_and_the_rest_is_not(site: Path, folder: Path) -> None:
    modules = ("good_neighbour", "hostile_leaves", "hostile_kills_import", "hostile_writes_import", "hostile_exits")
    found = entry_points(site, *modules)
    refused = Trials((folder,), seconds=30.0).refused(found)
    assert refused == {
        ("hostile-leaves", "leaves"): "it ended the process that tried it (code 7) while it was imported",
        ("hostile-kills-import", "kills-import"): "it ended the process that tried it (SIGKILL) while it was imported",
        ("hostile-writes-import", "writes-import"): f"it tried to change {site}/planted.pth, while it was tried",
    }
    assert not (site / "planted.pth").exists()


def test_many_that_hang_cost_no_more_than_one(site: Path) -> None:
    found = entry_points(site, "hostile_hangs_import", "hostile_hangs_hook")
    began = time.monotonic()
    refused = Trials(seconds=8.0).refused(found)
    assert time.monotonic() - began < 16.0  # one after the other
    assert refused[("hostile-hangs-import", "hangs-import")].endswith("while it was imported")
    assert refused[("hostile-hangs-hook", "hangs-hook")].endswith("while its hook huracan_jobs was asked")


def test_one_that_eats_memory_is_refused_before_it_hurts(site: Path) -> None:
    refused = Trials(seconds=30.0, memory_mib=256).refused(entry_points(site, "hostile_eats_import"))
    assert list(refused.values()) == ["it takes more than 256 MiB of memory while it was imported"]


def test_it_is_tried_once_for_each_state_of_its_files(site: Path, folder: Path, attempts: list[str]) -> None:
    found = entry_points(site, "good_neighbour", "hostile_leaves")
    refused = Trials((folder,)).refused(found)
    assert attempts == ["leaves", "neighbour"]
    assert Trials((folder,)).refused(found) == refused != {}
    assert attempts == ["leaves", "neighbour"]

    module = site / "hostile_leaves.py"
    module.write_text('"""Mended."""\n')
    assert Trials((folder,)).refused(found) == {}
    assert attempts == ["leaves", "neighbour", "leaves"]


def test_what_failed_is_tried_again_after_a_day(site: Path, folder: Path, attempts: list[str]) -> None:
    found = entry_points(site, "good_neighbour", "hostile_leaves")
    Trials((folder,)).refused(found)
    for file in folder.glob("*.json"):
        os.utime(file, (time.time() - 90_000,) * 2)
    Trials((folder,)).refused(found)
    assert attempts == ["leaves", "neighbour", "leaves"]


def test_where_nothing_can_be_written_it_is_remembered_in_the_process(
    site: Path, tmp_path: Path, attempts: list[str]
) -> None:
    found = entry_points(site, "hostile_leaves")
    trials = Trials((tmp_path / "not" / "there" / "at-all",))
    assert trials.refused(found) == trials.refused(found) != {}
    assert attempts == ["leaves"]
    assert not (tmp_path / "not").exists()


def test_two_at_once_try_once(site: Path, folder: Path, attempts: list[str]) -> None:
    found = entry_points(site, "hostile_leaves")
    results: list[dict[Any, str]] = []
    threads = [threading.Thread(target=lambda: results.append(Trials((folder,)).refused(found))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert attempts == ["leaves"]
    assert results[0] == results[1] != {}


def test_another_environment_is_another_state(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = entry_points(site, "good_neighbour")
    before = fingerprint(found)
    assert fingerprint(found) == before
    monkeypatch.setattr(trial, "_INSTALLED", ("site",))  # what it may need was installed beside it
    assert fingerprint(found) != before


def test_a_plugin_that_may_not_be_loaded_is_not(site: Path, folder: Path) -> None:
    found = entry_points(site, "good_neighbour", "hostile_leaves")
    plugins = Plugins(found, trials=Trials((folder,)))
    known = {info.name: info for info in plugins.infos()}
    assert known["leaves"].status is PluginStatus.UNSAFE
    assert known["leaves"].error.endswith("; it is not loaded")
    assert list(plugins.jobs()) == ["neighbour"]


def test_one_that_is_switched_off_is_not_tried(site: Path, folder: Path, attempts: list[str]) -> None:
    Plugins(entry_points(site, "hostile_leaves"), disable=["leaves"], trials=Trials((folder,)))
    assert attempts == []


def test_a_folder_of_another_user_is_left_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert not trial._may_write(folder)
    assert not folder.exists()
