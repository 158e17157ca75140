"""What OnFailure= tells of a unit, and how often."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from filelock import FileLock

from huracan.alerts.spool import laid_down
from huracan.cli import units as command
from huracan.context import Context
from huracan.errors import StoreAwayError
from huracan.masking import mask
from huracan.run.failing import note_well, service_key
from huracan.run.plan import GIVEN_UP_CODE
from huracan.run.service_state import telling
from huracan.salvage import open_to_tell
from huracan.testing import RecordingProgress
from huracan.units.failed import Failure, tell


@pytest.fixture
def context(make_context: Callable[..., Context]) -> Context:
    return make_context(plugins=())


def failure(unit: str, result: str = "exit-code", status: str = "1") -> Failure:
    return Failure(unit, {"MONITOR_SERVICE_RESULT": result, "MONITOR_EXIT_STATUS": status})


def titles(context: Context) -> list[str]:
    return [event.title for event in context.store.events.recent() if event.kind == "unit.failed"]


@pytest.mark.parametrize("unit", ["huracan-service@monitor.service", "huracan.service"])
def test_a_service_or_the_daemon_that_fails_again_and_again_is_told_of_once(context: Context, unit: str) -> None:
    for _ in range(3):
        tell(context, failure(unit))
    [title] = titles(context)
    assert title == f"unit {unit} failed: exit-code; it is started again every 5 min until it stays up"


def test_one_that_was_well_in_between_is_told_of_again_and_each_by_itself(context: Context) -> None:
    tell(context, failure("huracan-service@monitor.service"))
    tell(context, failure("huracan-service@sync.service"))
    note_well(context.paths.state, service_key("monitor"))
    tell(context, failure("huracan-service@monitor.service", "watchdog"))
    assert [title.split()[1] for title in titles(context)] == [
        "huracan-service@monitor.service", "huracan-service@sync.service", "huracan-service@monitor.service",
    ]  # fmt: skip


def test_the_last_words_of_a_service_are_passed_on(context: Context) -> None:
    with suppress(ValueError), telling(context, "toy", 60.0, RecordingProgress()):
        raise ValueError("the toy is broken")
    tell(context, failure("huracan-service@toy.service"))
    assert "failed: exit-code (ValueError: the toy is broken); it is started" in titles(context)[0]


def test_a_job_is_told_of_each_time_but_not_where_its_run_tells(context: Context) -> None:
    tell(context, failure("huracan-job@train.service", status=str(GIVEN_UP_CODE)))
    assert titles(context) == []
    tell(context, failure("huracan-job@train.service", "oom-kill"))
    tell(context, failure("huracan-job@train.service", "oom-kill"))
    assert titles(context) == ["unit huracan-job@train.service failed: oom-kill"] * 2


@pytest.fixture
def tell_without_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Tell, with a program as channel, that the service which delivers failed; return the folder for state."""

    def away(*_: object, **__: object) -> Context:
        raise StoreAwayError("the database is away")

    monkeypatch.setattr(command, "open_context", away)
    monkeypatch.setenv("HURACAN_PLUGINS_ONLY", "alerts,monitor")

    def call(program: str) -> Path:
        settings, state = tmp_path / "settings.yaml", tmp_path / "work" / "state"
        settings.write_text(f"workspace: work\nalert_command: {{run: {program}}}\n")
        state.mkdir(parents=True)
        words = {"action": "failed", "unit": "huracan-service@alerts.service"}
        with FileLock(state / "alerts.lock"):  # who delivers is there, and waits for the database itself
            assert command.run(argparse.Namespace(config=[settings], verbose=False, **words)) == 0
        return state

    return call


def test_with_the_database_away_the_channels_hear_of_it_all_the_same(
    tmp_path: Path, tell_without_database: Callable[[str], Path]
) -> None:
    state = tell_without_database(f"[/bin/sh, -c, 'cat >{tmp_path}/told']")
    assert "huracan-service@alerts.service failed" in (tmp_path / "told").read_text()
    assert list(laid_down(state)) == []


def test_what_reaches_no_channel_then_is_kept_for_who_delivers_next(
    tell_without_database: Callable[[str], Path],
) -> None:
    [(_, event)] = laid_down(tell_without_database("[/is/not/there]"))
    assert event is not None
    assert "huracan-service@alerts.service failed" in event.title


BROKEN = """\
workspace: work
alert_command:
  run: [/bin/sh, -c, 'cat >TOLD']
alerts: {least: info, whom: everybody}
schedule: {pipelines: {nightly: soon}}
plugins: {strict: [gone]}
training: {workers: [1
monitor: {sample_seconds: 5.0}
"""


@pytest.mark.parametrize("text", [BROKEN, BROKEN.replace("[1", "1}"), f"{BROKEN}workspace: [\n\t: {{\n"])
def test_with_settings_that_nobody_can_read_the_channels_that_can_be_hear_of_it_and_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("HURACAN_PLUGINS_ONLY", "alerts,monitor")
    (settings := tmp_path / "settings.yaml").write_text(text.replace("TOLD", str(tmp_path / "told")))
    for _ in range(2):
        words = {"action": "failed", "unit": "huracan.service"}
        assert command.run(argparse.Namespace(config=[settings], verbose=False, **words)) == 0
        told = (tmp_path / "told").read_text()
        assert "unit huracan.service failed (" in told
        assert f"{settings}:" in told
    # It is noted where the workspace is: told once, however often systemd tries.
    assert (tmp_path / "work" / "state" / "failing" / "daemon.json").exists()


def test_what_can_be_understood_of_settings_is_used_and_secrets_stay_hidden(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "webhook__secret").write_text("swordfish-of-the-webhook")
    (tmp_path / "a.yaml").write_text("workspace: work\nalerts: {expire_hours: 12}\nlogging: {level: loud}\n]")
    (tmp_path / "b.yaml").write_text("alerts: {flood: 7}\n")
    files = [tmp_path / "a.yaml", tmp_path / "gone.yaml", tmp_path / "b.yaml"]
    environment = {"CREDENTIALS_DIRECTORY": str(credentials), "HURACAN_PLUGINS_ONLY": "alerts"}
    with (context := open_to_tell(files, environment)).store:
        core = context.settings.core
        assert (core.workspace, core.logging.level) == (tmp_path / "work", "info")
        assert (core.alerts.expire_hours, core.alerts.flood) == (12, 7)
    assert mask("swordfish-of-the-webhook") == "***"
