"""What services say of themselves, on disk."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from huracan.context import Context
from huracan.errors import StopRequested
from huracan.run import service_state
from huracan.run.service_state import read_service, telling
from huracan.testing import RecordingProgress

SERVICE = """
@hookimpl
def huracan_services():
    return [Service("odd name", "toy:serve", "", stall_limit=60)]

def serve(context):
    for number in range(10**9):
        context.progress.step(f"turn {number}")
        count("turns")
        time.sleep(0.05)
"""


@pytest.fixture
def context(make_context: Callable[..., Context]) -> Context:
    return make_context(plugins=())


def test_steps_reach_the_supervisor_and_the_file_only_now_and_then(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = RecordingProgress()
    with telling(context, "toy", 60.0, progress) as told:
        told.step("one")
        assert read_service(context.paths.state, "toy").status == "started"  # type: ignore[union-attr]
        monkeypatch.setattr(service_state, "WRITE_EVERY", 0.0)
        told.step("two")
        said = read_service(context.paths.state, "toy")
        assert said is not None
        assert (said.pid, said.status, said.stall_limit, said.stopped) == (os.getpid(), "two", 60.0, False)
        told.extend(5)
        told.stall_limit(500)
        assert read_service(context.paths.state, "toy").stall_limit == 500.0  # type: ignore[union-attr]
    assert progress.steps == ["one", "two", "extend 5", "stall limit 500"]


@pytest.mark.parametrize(
    ("error", "words"), [(StopRequested(), "was stopped"), (ValueError("shaken"), "ValueError: shaken")]
)
def test_the_end_is_written_whatever_it_was(context: Context, error: BaseException, words: str) -> None:
    with pytest.raises(type(error)), telling(context, "toy", 60.0, RecordingProgress()):
        raise error
    said = read_service(context.paths.state, "toy")
    assert said is not None
    assert (said.stopped, said.status) == (True, words)


def test_a_file_that_cannot_be_written_fails_no_service(context: Context, caplog: pytest.LogCaptureFixture) -> None:
    (context.paths.state / "services").write_text("a file in the way")
    with caplog.at_level("WARNING", "huracan"), telling(context, "toy", 60.0, RecordingProgress()) as told:
        told.stall_limit(1)
        told.stall_limit(2)
    assert len([record for record in caplog.records if "cannot be written" in record.getMessage()]) == 1


def test_a_service_of_any_name_leaves_its_sign_and_kill_9_leaves_it_as_it_was(make_program: Callable[..., Any]) -> None:
    program = make_program(SERVICE)
    process = program.start("service", "odd name")
    program.wait_for("turns", times=3)
    [file] = (program.workspace / "state" / "services").glob("*.json")
    said = read_service(program.workspace / "state", "odd name")
    assert said is not None
    assert (said.pid, said.stopped) == (process.pid, False)
    process.kill()
    process.wait()
    assert json.loads(Path(file).read_text())["stopped"] is False
    process = program.start("service", "odd name")
    program.wait_for("turns", times=program.count("turns") + 3)
    process.send_signal(signal.SIGTERM)
    process.wait(30)
    said = read_service(program.workspace / "state", "odd name")
    assert said is not None
    assert (said.pid, said.status, said.stopped) == (process.pid, "was stopped", True)
