"""The self-test works here, finds what does not work, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from huracan.context import Context
from huracan.errors import DataError
from huracan.types import Outcome, Severity
from huracan_maintenance import selftest, selftest_steps
from huracan_maintenance.selftest import Step, perform, run
from huracan_maintenance.selftest_steps import STEPS

CODE = [sys.executable, "-m", "huracan", "self-test", "--quick"]


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


@pytest.fixture
def real_environment(scratch: Path, tmp_path: Path) -> dict[str, str]:
    """Settings and secrets of a real installation that the self-test must not take for its own."""
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "remote__token").write_text("secret")
    return {
        **os.environ,
        "TMPDIR": str(scratch),
        "HURACAN_PLUGINS_ONLY": "maintenance",
        "HURACAN_WORKSPACE": "/proc/nowhere",
        "HURACAN_EXCHANGE__NAME": "ccxt",
        "CREDENTIALS_DIRECTORY": str(credentials),
    }


@pytest.mark.slow
@pytest.mark.soak  # each upgrade in tests/systemd does it
def test_the_whole_of_it_works_here_says_so_line_by_line_and_leaves_nothing_behind(
    real_environment: dict[str, str], scratch: Path
) -> None:
    done = subprocess.run(CODE, env=real_environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["ok"] * len(STEPS)
    assert "3 coins trained" in done.stdout
    assert "1 champion and the roster are whole" in done.stdout
    assert list(scratch.iterdir()) == []


@pytest.mark.slow
def test_a_self_test_that_is_killed_leaves_no_night_running(real_environment: dict[str, str], scratch: Path) -> None:
    process = subprocess.Popen(CODE, env=real_environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list(scratch.glob("*/work/runs/*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert list(scratch.glob("*/work/runs/*"))
    while _at_work(scratch) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert _at_work(scratch) == []


def _at_work(folder: Path) -> list[str]:
    found = []
    for status in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = status.read_bytes().decode().split("\0")
        except OSError:
            continue
        if any(str(folder) in word for word in words):
            found.append(" ".join(words))
    return found


def steps_with(name: str, function: Callable[..., str]) -> tuple[Any, ...]:
    return tuple((each, function if each == name else lambda _: "fine") for each, _ in STEPS)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (selftest_steps.SelfTestError("the night ended with code 1"), "the night ended with code 1"),
        (DataError("models/A", "differs\nfrom its checksum"), "DataError: models/A: differs from its checksum"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (ZeroDivisionError("oops"), "ZeroDivisionError: oops"),
    ],
)
def test_a_step_that_fails_is_named_in_one_line_and_no_later_one_is_tried(
    error: Exception, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Any) -> str:
        raise error

    monkeypatch.setattr(selftest, "STEPS", steps_with("night", fail))
    told: list[Step] = []
    steps = perform(quick=True, told=told.append)
    assert steps == told
    assert [step.ok for step in steps] == [True, True, True, False]
    assert words in steps[-1].line
    assert "\n" not in steps[-1].line


def test_a_job_that_finds_a_fault_fails_and_tells_the_owner(
    maintained: Callable[..., Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Any) -> str:
        raise selftest_steps.SelfTestError("models are not what they were")

    monkeypatch.setattr(selftest, "STEPS", steps_with("artefacts", fail))
    context = maintained()
    result = run(context)
    assert result.outcome is Outcome.FAILED
    assert result.problems == ("artefacts: models are not what they were",)
    [event] = context.store.events.recent()
    assert (event.severity, event.title) == (
        Severity.ERROR,
        "the self-test failed: artefacts: models are not what they were",
    )


def trial(folder: Path, code: int = 0, out: str = "") -> selftest_steps.Trial:
    """A self-test whose installation always ends with one code and says one thing."""
    program = f"import sys; sys.stdout.write({out!r}); sys.exit({code})"
    return selftest_steps.Trial(folder, True, dict(os.environ), lambda *_: [sys.executable, "-c", program])


def step(name: str) -> Callable[..., str]:
    return next(function for each, function in STEPS if each == name)


def test_a_night_that_fails_is_told_with_the_job_that_failed(tmp_path: Path) -> None:
    said = json.dumps({"jobs": [{"job": "train", "state": "failed", "error": "lightgbm cannot be loaded"}]})
    with pytest.raises(selftest_steps.SelfTestError, match="code 3: train: lightgbm cannot be loaded"):
        step("night")(trial(tmp_path, 3, said))


def test_a_night_that_says_it_is_done_and_did_nothing_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(selftest_steps.SelfTestError, match="nothing was trained"):
        step("night")(trial(tmp_path))


def test_a_finished_night_that_is_done_twice_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(selftest_steps.SelfTestError, match="ends with code 0, not 4"):
        step("again")(trial(tmp_path, 0))


def test_settings_that_are_not_read_are_noticed(tmp_path: Path) -> None:
    with pytest.raises(selftest_steps.SelfTestError, match="settings are not read: this is line 3"):
        step("settings")(trial(tmp_path, 2, "this is line 3"))


def test_folders_of_self_tests_that_were_killed_are_taken_away_after_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(selftest, "STEPS", ())
    for name in ("huracan-self-test-old", "huracan-self-test-new", "other"):
        (tmp_path / name / "work").mkdir(parents=True)
    os.utime(tmp_path / "huracan-self-test-old", (0, 0))
    os.utime(tmp_path / "other", (0, 0))
    perform(quick=True, told=lambda _: None)
    assert {path.name for path in tmp_path.iterdir()} == {"huracan-self-test-new", "other"}
