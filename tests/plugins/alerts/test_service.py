"""Who delivers: the service, a run by hand, or nobody, and what `huracan alerts` and the check say of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from forked import run_huracan
from huracan.alerts.courier import delivering
from huracan.context import Context
from huracan.store import AuditEntry, OutboxState
from huracan.types import CheckState, Severity
from huracan_alerts.checks import check_channels
from plugins.alerts.conftest import HookServer
from servers.base import Fault, Reply, once

MakeContext = Callable[..., Context]


@pytest.fixture
def command(tmp_path: Path, hook: HookServer) -> Callable[..., list[str]]:
    """The words of a real command whose webhook is a server of the test."""
    settings = tmp_path / "settings.yaml"
    settings.write_text(json.dumps({"workspace": "work", "webhook": {"url": hook.url}}))
    return lambda *words: [sys.executable, "-m", "huracan", "-c", str(settings), *words]


@pytest.fixture
def huracan(command: Callable[..., list[str]]) -> Callable[..., subprocess.CompletedProcess[str]]:
    environment = {**os.environ, "HURACAN_PLUGINS_ONLY": "alerts,monitor", "COLUMNS": "160"}

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        return run_huracan(*command(*words)[3:], env=environment, timeout=60)

    return call


@pytest.fixture
def service(command: Callable[..., list[str]]) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    environment = {**os.environ, "HURACAN_PLUGINS_ONLY": "alerts,monitor"}
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(command("service", "alerts"), env=environment, stderr=subprocess.DEVNULL))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def wait_for(what: Callable[[], bool], seconds: float = 40.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def settled(context: Context) -> dict[OutboxState, int]:
    return dict(context.store.outbox.counts().get("webhook", {}))


@pytest.fixture
def context(make_context: MakeContext, tmp_path: Path, hook: HookServer) -> Context:
    """What a job sees that tells something, in the workspace of the service."""
    return make_context({"webhook": {"url": hook.url}}, plugins=("alerts", "monitor"), folder=tmp_path / "work")


@pytest.mark.slow
def test_the_service_delivers_and_goes_on_after_a_kill(
    service: Callable[[], subprocess.Popen[bytes]], hook: HookServer, context: Context
) -> None:
    context.emit("test", Severity.INFO, "before")
    first = service()
    wait_for(lambda: len(hook.requests) == 1)
    hook.faults.append(once(Fault(delay=60)))
    context.emit("test", Severity.INFO, "under way")
    wait_for(lambda: len(hook.requests) == 2)
    first.kill()
    first.wait()
    second = service()
    wait_for(lambda: settled(context) == {OutboxState.SENT: 2})
    bodies = [request.json() for request in hook.requests]
    assert [body["title"] for body in bodies] == ["before", "under way", "under way"]
    assert [body["repeated"] for body in bodies] == [False, False, True]
    assert bodies[1]["key"] == bodies[2]["key"]
    second.send_signal(signal.SIGTERM)
    assert second.wait(20) == 0


@pytest.mark.slow
def test_a_test_message_arrives_or_says_why_not(
    huracan: Callable[..., subprocess.CompletedProcess[str]], hook: HookServer
) -> None:
    done = huracan("alerts", "test", "webhook")
    assert (done.returncode, done.stdout) == (0, "webhook took the test message\n")
    hook.faults.append(once(Fault(reply=Reply(404))))
    refused = huracan("alerts", "test", "webhook", "--json")
    assert refused.returncode == 75
    assert json.loads(refused.stdout) == {
        "arrived": False, "channel": "webhook", "error": "the webhook answers 404", "state": "failed",
    }  # fmt: skip
    listed = json.loads(huracan("alerts", "list", "--json").stdout)["messages"]
    assert [(each["state"], each["title"]) for each in listed] == [("failed", "a test message: this channel works")]
    assert "the webhook answers 404" in huracan("alerts", "list").stdout
    assert huracan("alerts", "retry", str(listed[0]["id"])).stdout == "1 message waits again\n"
    assert huracan("alerts", "retry", "99").returncode == 2
    unknown = huracan("alerts", "test", "pager")
    assert (unknown.returncode, unknown.stderr) == (
        2, "huracan: alerts test: there is no channel 'pager' that is set; set are: webhook\n",
    )  # fmt: skip


def test_a_run_by_hand_delivers_what_its_jobs_tell_until_its_end(context: Context, hook: HookServer) -> None:
    told: list[str] = []
    with delivering(context, told.append):
        context.emit("run.started", Severity.INFO, "starts")
        wait_for(lambda: len(hook.requests) == 1)
        context.emit("run.ended", Severity.INFO, "ended")
    assert [request.json()["title"] for request in hook.requests] == ["starts", "ended"]
    assert settled(context) == {OutboxState.SENT: 2}


def test_a_channel_that_hangs_keeps_no_run_from_ending(context: Context, hook: HookServer) -> None:
    hook.faults.append(once(Fault(delay=60)))
    context.emit("run.started", Severity.INFO, "starts")
    started = time.monotonic()
    with delivering(context, patience=0.5):
        wait_for(lambda: len(hook.requests) == 1)
    assert time.monotonic() - started < 30
    [row] = context.store.outbox.open("webhook")
    assert row.state is OutboxState.SENDING


def test_where_another_process_delivers_a_run_leaves_it_to_that(context: Context, hook: HookServer) -> None:
    from filelock import FileLock

    context.paths.state.mkdir(parents=True, exist_ok=True)
    with FileLock(context.paths.state / "alerts.lock"):
        context.emit("test", Severity.INFO, "x")
        with delivering(context, patience=0.5):
            time.sleep(1.0)
    assert hook.requests == []
    assert settled(context) == {OutboxState.WAITING: 1}


def test_without_a_channel_nothing_is_kept_and_doctor_says_so(make_context: MakeContext) -> None:
    context = make_context(plugins=("alerts",))
    context.emit("test", Severity.ERROR, "x")
    assert context.store.outbox.newest() == 0
    found = check_channels(context)
    assert (found.state, found.detail) == (CheckState.WARNING, "no channel is set: nobody is told of a failure")


def test_the_check_names_a_channel_that_fails_and_messages_that_nobody_delivers(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check_channels(context).detail == "webhook: 0 waiting"
    context.emit("test", Severity.INFO, "x")
    monkeypatch.setattr("huracan_alerts.checks.LATE", timedelta(0))
    late = check_channels(context)
    assert late.state is CheckState.FAILED
    assert "nobody delivers them" in late.detail
    now = context.clock.now()
    [row] = context.store.outbox.open("webhook")
    for _ in range(2):
        context.store.outbox.claim("webhook", [row.id], "key", now, now)
        context.store.outbox.put_off("webhook", [row.id], "answers 502", now, repeated=False, parked=False)
    assert "webhook takes no messages since" in check_channels(context).detail
    assert "answers 502" in check_channels(context).detail
    context.store.outbox.give_up("webhook", [row.id], OutboxState.FAILED, "answers 404", now, answered=True)
    refused = check_channels(context)
    assert (refused.state, refused.detail) == (CheckState.FAILED, "webhook refused its last message: answers 404")


@pytest.mark.slow
def test_the_channels_and_the_audit_are_shown(
    huracan: Callable[..., subprocess.CompletedProcess[str]], context: Context
) -> None:
    context.store.audit.add(AuditEntry(context.clock.now(), "ann", "telegram", "kill", {"reason": "it burns"}))
    assert "kill it burns" in huracan("alerts", "audit").stdout
    found = json.loads(huracan("alerts", "channels", "--json").stdout)["channels"]
    assert {each["name"]: each["state"] for each in found} == {
        "webhook": "ok", "command": "off", "pings": "off", "alerts-file": "ok",
    }  # fmt: skip
