"""Twelve kinds of hostile plugins in one night, beside a good one whose work must be complete.

They are installed together: what each does has to be kept from all the others. The night is a real one, each job in a
process of its own, as an owner starts it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import yaml

from hostile_site import ALL, environment, install, name_of
from huracan.run.heartbeat import NotifyListener
from huracan.store import Store
from huracan.testing.contexts import lay_ready_database
from huracan.testing.nights import PLUGINS, SETTINGS
from huracan.types import Event, Severity

pytestmark = pytest.mark.slow

SECRET = "correct-horse-battery"
HOSTILE = tuple(module for module in ALL if module.startswith("hostile_"))
TRIAL_SECONDS = 12


@dataclass(frozen=True)
class Played:
    """A night that was played, and what it left behind."""

    folder: Path
    result: subprocess.CompletedProcess[str]

    @property
    def workspace(self) -> Path:
        return self.folder / "work"

    @cached_property
    def events(self) -> list[Event]:
        store = Store.open_existing(f"sqlite:///{self.workspace / 'huracan.db'}")
        assert store is not None
        with store:
            return store.events.recent(limit=500, least=Severity.DEBUG)

    @cached_property
    def jobs(self) -> Mapping[str, Any]:
        return {row["job"]: row for row in json.loads(self.result.stdout)["jobs"]}

    @cached_property
    def plugins(self) -> Mapping[str, Any]:
        """What ``huracan plugins --json`` says after the night, by name."""
        return {each["name"]: each for each in json.loads(self.huracan("plugins", "--json").stdout)["plugins"]}

    @cached_property
    def table(self) -> str:
        return self.huracan("plugins").stdout

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-P", "-m", "huracan", "-c", str(self.folder / "settings.yaml"), *words]

    @property
    def environment(self) -> dict[str, str]:
        own = {"HURACAN_PLUGINS_ONLY": ",".join([*PLUGINS, *map(name_of, ALL)]), "COLUMNS": "400"}
        return environment(self.folder / "site", self.folder / "home") | own

    def huracan(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words), env=self.environment, capture_output=True, text=True, check=False, timeout=300
        )

    def alerts(self, plugin: str) -> list[str]:
        """Return the titles of the alerts that name a plugin as the culprit."""
        kinds = ("plugin.failed", "job.failed")
        return [e.title for e in self.events if e.kind in kinds and e.fields.get("plugin") == plugin]


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Played:
    folder = tmp_path_factory.mktemp("hostile")
    install(folder / "site", *ALL)
    settings = {
        **SETTINGS, "workspace": "./work", "neighbour": {"token": SECRET},
        "schedule": {"pipelines": {}}, "plugins": {"trial_seconds": TRIAL_SECONDS, "trial_memory_mib": 512},
    }  # fmt: skip
    (folder / "settings.yaml").write_text(yaml.safe_dump(settings))
    lay_ready_database(folder / "work")
    played = Played(folder, subprocess.CompletedProcess([], 0, "", ""))
    return Played(folder, played.huracan("run", "nightly", "--as-of", "2025-06-30", "--json"))


def test_the_night_ends(night: Played) -> None:
    # Jobs of hostile plugins failed while others did their work.
    assert night.result.returncode == 3, night.result.stderr[-4000:]
    (ended,) = [event for event in night.events if event.kind == "run.ended"]
    assert (ended.fields["state"], ended.fields["exit_code"]) == ("failed", 3)
    good = {name: row["state"] for name, row in night.jobs.items() if name not in ("eat", "tell", "kill", "write")}
    assert set(good.values()) == {"done"}, good


def test_the_work_of_the_good_one_is_complete(night: Played) -> None:
    assert night.plugins["neighbour"]["status"] == "enabled"
    assert night.plugins["neighbour"]["troubles"] == []
    greeting = json.loads((night.workspace / "neighbour" / "greeting.json").read_text())
    assert greeting == {"says": "good evening"}
    assert [file.read_text() for file in night.workspace.glob("exports/*/neighbour_*.txt")] == ["good evening\n"]
    models = list(night.workspace.glob("models/*/*/features.json"))
    assert len(models) == 3
    for model in models:
        columns = json.loads(model.read_text())["columns"]
        assert "body_share" in columns
        assert not {"next_return", "mine", "guess", "left", "raised"} & set(columns)


@pytest.mark.parametrize(
    ("plugin", "status", "reason"),
    [
        ("raises", "bad-import", "RuntimeError: raised on import"),
        ("exits", "bad-import", "SystemExit: 3"),
        ("leaves", "unsafe", "it ended the process that tried it (code 7) while it was imported"),
        ("hangs-import", "unsafe", "it hangs: 12 s after its start it was still at it, while it was imported"),
        ("hangs-hook", "unsafe", "it hangs: 12 s after its start it was still at it, while its hook huracan_jobs"),
        ("wrong-types", "bad-hook", "huracan_jobs returned a value that is none: run of a Job is NoneType, not str"),
        ("duplicates", "duplicate", "the job train of plugin duplicates is refused, plugin training has one"),
        ("eats-import", "unsafe", "it takes more than 512 MiB of memory while it was imported"),
        ("writes-import", "unsafe", "planted.pth, while it was tried"),
        ("kills-import", "unsafe", "it ended the process that tried it (SIGKILL) while it was imported"),
        ("newer-api", "incompatible", "99"),
    ],
)
def test_the_culprit_is_named_with_its_status_and_reason(plugin: str, status: str, reason: str, night: Played) -> None:
    found = night.plugins[plugin]
    assert (found["status"], reason in found["error"]) == (status, True), found["error"]
    assert reason[:40] in night.table
    (alert,) = night.alerts(plugin)  # told once, by whichever of many processes came first
    assert f"plugin {plugin} (hostile-{plugin} 1.0) does not work, {status}: " in alert
    assert reason in alert


@pytest.mark.parametrize(
    ("plugin", "about", "reason"),
    [
        ("looks-ahead", "features crystal-ball", "next_return: values of the past change when only later candles do"),
        ("bad-sets", "features leaves", "the worker process ended with 5"),
        ("bad-sets", "features guesses", "computed twice from the same candles it is not the same"),
        ("bad-sets", "features raises", "ZeroDivisionError: divided"),
        ("eats-job", "job eat", "of memory, more than its limit (memory_mib), and was killed"),
        ("kills-job", "job kill", "was killed by SIGKILL"),
        ("prints", "job tell", "ValueError: raised ***"),
        ("prints", "conduct of job tell", "it printed a secret of the settings, which was masked"),
        ("writes", "conduct of job write", "outside.txt"),
    ],
)
def test_what_one_did_that_was_let_in_is_named_too(plugin: str, about: str, reason: str, night: Played) -> None:
    found = night.plugins[plugin]
    assert found["status"] == "enabled"
    told = {each["about"]: each["reason"] for each in found["troubles"]}
    assert reason in told[about]
    assert f"{about}: " in night.table
    alerts = [title for title in night.alerts(plugin) if reason in title]
    assert len(alerts) == 1, night.alerts(plugin)
    assert f"plugin {plugin}" in alerts[0]


def test_what_was_written_elsewhere_is_not_there(night: Played) -> None:
    assert not (night.folder / "outside.txt").exists()
    assert not (night.folder / "site" / "planted.pth").exists()
    assert (night.workspace / "writes" / "own.txt").read_text() == "this is allowed"
    assert json.loads((night.workspace / "champions" / "roster.json").read_text())
    assert len(list(night.workspace.glob("models/*/*/model.bin"))) == 3
    assert not list(night.workspace.glob("models/*/taken"))


def test_no_secret_is_in_any_file_or_output(night: Played) -> None:
    assert SECRET not in night.result.stdout + night.result.stderr
    holders = [
        str(file.relative_to(night.workspace))
        for file in night.workspace.rglob("*")
        if file.is_file() and SECRET.encode() in file.read_bytes()
    ]
    assert holders == []
    log = (night.workspace / "logs" / "huracan.jsonl").read_text()
    for way in ("printed", "in two parts", "to stderr", "as bytes", "past python", "logged", "event", "raised"):
        assert f"{way} ***" in log, way


def test_a_daemon_comes_up_beside_all_of_them_and_ends_when_it_is_told_to(night: Played) -> None:
    with NotifyListener() as listener:
        process = subprocess.Popen(
            night.command("daemon"), env={**night.environment, "NOTIFY_SOCKET": listener.address},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            while (said := listener.receive(60)) is not None and not said.ready:
                pass
            assert said is not None, "it did not say that it was ready"
        finally:
            process.terminate()
            assert process.wait(60) == 0


def test_all_that_is_wrong_is_told_once_and_tried_once(night: Played) -> None:
    tried = list((night.workspace / "state" / "plugins" / "trials").glob("*.json"))
    assert len(tried) == len(ALL)
    before = len([event for event in night.events if event.kind == "plugin.failed"])
    again = night.huracan("run", "neighbour", "--as-of", "2025-06-30", "--json")
    assert again.returncode == 0, again.stderr[-2000:]
    store = Store.open_existing(f"sqlite:///{night.workspace / 'huracan.db'}")
    assert store is not None
    with store:
        events = store.events.recent(limit=500, least=Severity.DEBUG)
    assert len([event for event in events if event.kind == "plugin.failed"]) == before
