"""The channel command: a program of the owner's, which may be gone, slow, or refuse."""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from huracan.context import Context
from huracan.errors import DeliveryError
from huracan.types import CheckState
from huracan_alerts import program
from plugins.alerts.conftest import MakeMessage

MakeContext = Callable[..., Context]


@pytest.fixture
def make_program(make_context: MakeContext, tmp_path: Path) -> Callable[..., Context]:
    """Make a context whose channel is a script."""

    def make(script: str, *arguments: str, seconds: float = 20.0) -> Context:
        file = tmp_path / "tell.sh"
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        given = {"run": [str(file), *arguments], "timeout_seconds": seconds}
        return make_context({"alert_command": given}, plugins=("alerts",))

    return make


def test_the_message_arrives_as_json_and_no_shell_reads_it(
    make_program: Callable[..., Context], make_message: MakeMessage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HURACAN_EMAIL__PASSWORD", "swordfish")
    context = make_program(f'cat > {tmp_path}/got; env > {tmp_path}/env; echo "$1" > {tmp_path}/word', "$(id); `id`")
    program.deliver(context, make_message('it\'s "over" $(id)'))
    assert json.loads((tmp_path / "got").read_text())["title"] == 'it\'s "over" $(id)'
    assert (tmp_path / "word").read_text() == "$(id); `id`\n"
    assert "swordfish" not in (tmp_path / "env").read_text()


@pytest.mark.parametrize(("code", "permanent"), [(75, False), (1, True), (2, True)])
def test_its_exit_code_says_whether_it_is_tried_again(
    make_program: Callable[..., Context], make_message: MakeMessage, code: int, permanent: bool
) -> None:
    context = make_program(f"echo first >&2; echo 'no signal' >&2; exit {code}")
    with pytest.raises(DeliveryError, match=f"exits with {code}: no signal") as caught:
        program.deliver(context, make_message())
    assert caught.value.permanent is permanent


def test_one_that_hangs_is_ended_with_all_that_it_started(
    make_program: Callable[..., Context], make_message: MakeMessage, tmp_path: Path
) -> None:
    context = make_program(f"sleep 60 & echo $! > {tmp_path}/pid; wait", seconds=1.0)
    with pytest.raises(DeliveryError, match="took longer than 1 s") as caught:
        program.deliver(context, make_message())
    assert (caught.value.permanent, caught.value.uncertain) == (False, True)
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}/stat").exists() and time.monotonic() < deadline:
        if Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
            return  # dead, and not yet buried by the machine's first process
        time.sleep(0.05)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_one_that_does_not_read_is_judged_by_its_exit_code_alone(
    make_program: Callable[..., Context], make_message: MakeMessage
) -> None:
    program.deliver(make_program("exec <&-; exit 0"), make_message("x" * 300, packages=["y" * 1000] * 500))


def test_one_that_is_not_there_is_named_by_the_check(make_context: MakeContext, make_message: MakeMessage) -> None:
    context = make_context({"alert_command": {"run": ["/no/such/program"]}}, plugins=("alerts",))
    with pytest.raises(DeliveryError, match="/no/such/program cannot be run: No such file") as caught:
        program.deliver(context, make_message())
    assert (caught.value.permanent, caught.value.retry_after) == (False, 300.0)
    assert program.check(context).state is CheckState.FAILED


def test_one_that_leaves_something_in_the_background_took_the_message(
    make_program: Callable[..., Context], make_message: MakeMessage
) -> None:
    before = time.monotonic()
    program.deliver(make_program("setsid sleep 30 & exit 0"), make_message())
    assert time.monotonic() - before < 15


def test_one_that_talks_without_an_end_fills_no_memory(
    make_program: Callable[..., Context], make_message: MakeMessage
) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DeliveryError, match=r"took longer than 1 s"):
        program.deliver(make_program("exec yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa >&2", seconds=1.0), make_message())
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000  # KiB
