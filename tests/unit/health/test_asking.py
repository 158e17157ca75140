"""Asking checks: one that hangs, or answers nonsense, costs its own answer and nothing else."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from huracan import hookimpl, masking
from huracan.context import Context
from huracan.health import AskedCheck, run_checks
from huracan.testing import stand_in
from huracan.types import Check, CheckResult, CheckState


def context_with(make_context: Callable[..., Context], **checks: Callable[[Any], Any]) -> Context:
    declared = [Check(name, run) for name, run in checks.items()]
    return make_context(plugins=(), extra=[stand_in("mine", huracan_checks=hookimpl(lambda: declared))])


def fine(_: Context | None) -> CheckResult:
    return CheckResult(CheckState.OK, "fine")


def test_a_check_that_hangs_fails_with_its_limit_and_the_next_is_asked(make_context: Callable[..., Context]) -> None:
    release = threading.Event()

    def hang(_: Context | None) -> CheckResult:
        release.wait(60)
        return CheckResult(CheckState.OK, "at last")

    started = time.monotonic()
    hung, good = run_checks(context_with(make_context, hung=hang, good=fine), limit=0.2)
    release.set()
    assert time.monotonic() - started < 30
    assert hung.result.state is CheckState.FAILED
    assert hung.result.detail == "no answer within its limit of 0.2 s"
    assert "mine" in hung.result.hint
    assert hung.seconds == 0.2
    assert good.result.detail == "fine"


@pytest.mark.parametrize("nonsense", [None, "ok", CheckState.OK])
def test_an_answer_that_is_none_has_failed(make_context: Callable[..., Context], nonsense: object) -> None:
    [found] = run_checks(context_with(make_context, odd=lambda _: nonsense))
    assert found.result.state is CheckState.FAILED
    assert "not CheckResult" in found.result.detail


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), OSError("no route")])
def test_whatever_a_check_raises_it_has_failed_and_the_next_is_asked(
    make_context: Callable[..., Context], error: BaseException
) -> None:
    def stumble(_: Context | None) -> CheckResult:
        raise error

    bad, good = run_checks(context_with(make_context, bad=stumble, good=fine))
    assert bad.result.detail.startswith(f"raised {type(error).__name__}")
    assert good.result.state is CheckState.OK


def test_secrets_and_endless_texts_do_not_leave_a_check(
    make_context: Callable[..., Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(masking, "_secrets", masking._Secrets())
    masking.register_secret("hunter2-of-health")

    def chat(_: Context | None) -> CheckResult:
        return CheckResult(CheckState.WARNING, "x" * 900 + " hunter2-of-health " + "y" * 5000, "not hunter2-of-health")

    [found] = run_checks(context_with(make_context, chat=chat))
    assert "hunter2" not in found.result.detail + found.result.hint
    assert len(found.result.detail) == 1000


def test_the_asker_is_told_when_the_answer_is_there(make_context: Callable[..., Context]) -> None:
    told = threading.Event()
    context = context_with(make_context, good=fine)
    asked = AskedCheck(context, context.plugins.checks()["good"], "mine", told.set)
    assert told.wait(10)
    answer = asked.answer()
    assert answer is not None
    assert (answer.name, answer.plugin, answer.result.detail) == ("good", "mine", "fine")


HANG_AND_LEAVE = """
import time
from pathlib import Path
from huracan import hookimpl
from huracan.health import run_checks
from huracan.testing import make_context, stand_in
from huracan.types import Check
plugin = stand_in("mine", huracan_checks=hookimpl(lambda: [Check("hung", lambda context: time.sleep(600))]))
context = make_context(Path("work"), plugins=(), extra=[plugin])
print(run_checks(context, 0.1)[0].result.state)
"""


def test_a_process_ends_although_a_check_still_hangs(tmp_path: Any) -> None:
    command = [sys.executable, "-c", HANG_AND_LEAVE]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, "failed\n"), done.stderr
