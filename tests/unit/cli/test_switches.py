"""``huracan kill``, ``pause`` and ``resume`` as a person types them, also where everything else is broken."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from huracan.cli import commands
from huracan.cli.main import AT_ONCE
from huracan.context import Context

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "work" / "state"


def document(state: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((state / "trading.json").read_text("utf-8"))
    return value


def test_what_a_kill_loads_is_no_library_but_yaml(huracan: Run, settings_file: Path) -> None:
    program = (
        "import sys; from huracan.cli.main import main; "
        f"main(['-c', {str(settings_file)!r}, 'kill', 'now']); print(sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    heavy = {"pydantic", "sqlalchemy", "filelock", "rich", "huracan.types", "huracan.plugin.manager", "subprocess"}
    assert heavy & set(ast.literal_eval(done.stdout.splitlines()[-1])) == set()


def test_commands_that_cannot_wait_are_those_of_the_table() -> None:
    modules = {command.name: command.module for command in commands.BUILT_IN}
    assert {name: modules[name] for name in AT_ONCE} == {name: f"huracan.cli.{name}" for name in AT_ONCE}


def test_a_kill_says_one_line_and_is_on_disk(huracan: Run, settings_file: Path, state: Path) -> None:
    done = huracan("-c", str(settings_file), "kill", "exchange", "hacked")
    assert (done.returncode, done.stdout.count("\n")) == (0, 1)
    assert done.stdout.startswith("trading is STOPPED (exchange hacked)")
    assert str(state / "trading.json") in done.stdout
    found = document(state)
    assert (found["mode"], found["size_factor"], found["cancel_orders"]) == ("stopped", 0.0, True)
    assert found["kill"]["reason"] == "exchange hacked"
    again = huracan("-c", str(settings_file), "kill", "second")
    assert again.returncode == 0
    assert again.stdout.startswith("trading was stopped already, since ")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((), "no reason given"),
        (("-5%", "today"), "today -5%"),
        (("--drawdown",), "--drawdown"),
        (("ünï \U0001f525",), None),
    ],
)
def test_no_reason_is_refused(
    huracan: Run, settings_file: Path, state: Path, words: tuple[str, ...], reason: str | None
) -> None:
    assert huracan("-c", str(settings_file), "kill", *words).returncode == 0
    assert document(state)["kill"]["reason"] == (reason or words[0])


def test_a_kill_whose_settings_name_it_twice_stops_both(huracan: Run, settings_file: Path, tmp_path: Path) -> None:
    """At a glance the line counts, by the rules of YAML the later key; nobody trades on in either."""
    for name in ("glance", "rules"):
        (tmp_path / name).mkdir()
    settings_file.write_text('workspace: ./glance\n"workspace": ./rules\n')
    done = huracan("-c", str(settings_file), "kill", "now")
    assert done.returncode == 0, done.stderr
    for name in ("glance", "rules"):
        assert json.loads((tmp_path / name / "state" / "trading.json").read_text())["mode"] == "stopped"
        assert str(tmp_path / name) in done.stdout


@pytest.mark.parametrize(
    "text",
    [
        "workspace: ./work\nnonsense: 1\n",
        "workspace: ./work\ndatabase: mysql://nowhere/x\nplugins: {disable: [safety]}\n",
        "workspace: ./work\nexchange: {name: [\n",
        "workspace: ./work\nplugins: {strict: [nosuch]}\nlogging: 7\n",
    ],
)
def test_a_kill_needs_nothing_of_the_settings_but_the_workspace(
    huracan: Run, tmp_path: Path, state: Path, text: str
) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(text)
    done = huracan("-c", str(file), "kill", "now")
    assert done.returncode == 0, done.stderr
    assert document(state)["mode"] == "stopped"


def test_a_workspace_can_be_named_where_no_settings_can_be_read(huracan: Run, tmp_path: Path, state: Path) -> None:
    missing = str(tmp_path / "nosuch.yaml")
    refused = huracan("-c", missing, "kill", "now")
    assert refused.returncode == 2
    assert "--workspace DIR" in refused.stderr
    assert huracan("-c", missing, "kill", "now", "--workspace", str(state.parent)).returncode == 0
    assert document(state)["mode"] == "stopped"


def test_a_kill_into_a_workspace_that_was_not_there_asks_whether_it_is_the_right_one(
    huracan: Run, settings_file: Path
) -> None:
    assert "is it the right workspace?" in huracan("-c", str(settings_file), "kill").stderr
    assert huracan("-c", str(settings_file), "kill").stderr == ""


def test_a_kill_reaches_the_history_afterwards(
    huracan: Run, settings_file: Path, make_context: Callable[..., Context], tmp_path: Path
) -> None:
    context = make_context(folder=tmp_path / "work")
    assert huracan("-c", str(settings_file), "kill", "hacked").returncode == 0
    end = time.monotonic() + 30
    while not context.store.breakers.standing():
        assert time.monotonic() < end, "nobody told the store"
        time.sleep(0.1)
    assert context.store.breakers.standing()["kill"].sentence == "hacked"
    assert [event.kind for event in context.store.events.recent()] == ["kill.on"]
    while not context.store.audit.recent():
        assert time.monotonic() < end, "nobody told the audit table"
        time.sleep(0.1)
    [entry] = context.store.audit.recent()
    assert (entry.via, entry.action, entry.arguments, entry.outcome) == (
        "command line", "kill", {"reason": "hacked"}, "done",
    )  # fmt: skip


def test_pause_and_resume_of_the_schedule(huracan: Run, settings_file: Path, state: Path) -> None:
    config = ("-c", str(settings_file))
    assert huracan(*config, "pause", "moving", "house").stdout == (
        "the schedule is paused (moving house); `huracan resume schedule` lets it run again\n"
    )
    assert json.loads((state / "schedule.json").read_text())["reason"] == "moving house"
    assert "was paused already" in huracan(*config, "pause").stdout
    assert json.loads(huracan(*config, "pause", "--json").stdout)["paused"] is True
    done = huracan(*config, "resume")
    assert (done.returncode, done.stdout) == (0, "the schedule runs again\n")
    assert huracan(*config, "resume", "schedule").returncode == 4
    assert not (state / "schedule.json").exists()


def test_resume_without_a_word_lifts_the_only_one_and_asks_where_both_are_on(
    huracan: Run, settings_file: Path, state: Path
) -> None:
    config = ("-c", str(settings_file))
    huracan(*config, "kill")
    huracan(*config, "pause")
    asked = huracan(*config, "resume")
    assert asked.returncode == 2
    assert "`huracan resume trading` or `huracan resume schedule`" in asked.stderr
    assert huracan(*config, "resume", "schedule").returncode == 0
    assert document(state)["kill"]["on"] is True
    lifted = huracan(*config, "resume", "--reason", "all is well")
    assert lifted.returncode == 0
    assert lifted.stdout.startswith("the kill switch is lifted; trading stays stopped until")
    assert document(state)["kill"]["on"] is False
    assert json.loads((state / "kill.json").read_text())["history"][-1]["reason"] == "all is well"
    nothing = huracan(*config, "resume", "trading")
    assert (nothing.returncode, nothing.stdout) == (4, "the kill switch is off; nothing to do\n")


def test_json_shows_the_document(huracan: Run, settings_file: Path, state: Path) -> None:
    config = ("-c", str(settings_file))
    assert json.loads(huracan(*config, "kill", "--json").stdout) == document(state)
    assert json.loads(huracan(*config, "resume", "trading", "--json").stdout) == document(state)
    assert json.loads(huracan(*config, "resume", "trading", "--json").stdout)["kill"]["on"] is False
