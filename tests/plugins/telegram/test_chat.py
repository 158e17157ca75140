"""What the commands of Huracan itself say and do."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from huracan import hookimpl
from huracan.context import Context
from huracan.control import ControlServer, socket_path
from huracan.errors import TryAgainError, UsageError
from huracan.masking import register_secret
from huracan.store import RunState
from huracan.supervise.base import StopSwitch
from huracan.testing import StandInEntryPoint, stand_in
from huracan.trading import kill, read_kill, schedule_pause
from huracan.types import ChatReply, Check, CheckResult, CheckState, Job
from huracan_telegram import chat

NIGHT = datetime(2024, 1, 2, 2, 0, tzinfo=UTC)
JOBS = stand_in(
    "jobs",
    huracan_jobs=hookimpl(lambda: [Job("fetch", "x:y", "fetches"), Job("learn", "x:y", "learns", after=("fetch",))]),
)


@pytest.fixture
def context(make_context: Callable[..., Context]) -> Context:
    return make_context(plugins=("telegram",), extra=[JOBS])


def after_a_night(context: Context) -> None:
    """Let the ledger hold a night of which one job failed."""
    ledger, day = context.store.ledger, NIGHT.date()
    run = ledger.begin_run("nightly", day, NIGHT, NIGHT)
    for job, state, error in (("fetch", RunState.DONE, ""), ("learn", RunState.FAILED, "the disk is full")):
        ledger.begin_job(run.run_id, job, NIGHT)
        ledger.end_job(run.run_id, job, state, NIGHT, exit_code=0, summary="", error=error, seconds=61.0)
    ledger.end_run(run.run_id, RunState.PARTLY_FAILED, "one of two", NIGHT + timedelta(minutes=5))


@contextmanager
def a_daemon(context: Context) -> Iterator[list[Mapping[str, Any]]]:
    """Listen on the control socket as a daemon does; what it is asked for is kept."""
    asked: list[Mapping[str, Any]] = []

    def handle(request: Mapping[str, Any]) -> Mapping[str, Any]:
        asked.append(request)
        if request["do"] == "status":
            return {"running": {"what": "nightly"}, "status": "nightly: train 7/20 SOL-USDT"}
        if request["name"] == "nonsense":
            raise UsageError("there is no job or pipeline 'nonsense'")
        return {"after": "maintenance"}

    stop, server = StopSwitch(), ControlServer(socket_path(context.settings.core), handle)
    ready = threading.Event()
    thread = threading.Thread(target=server.serve, args=(stop, ready.set))
    thread.start()
    assert ready.wait(5)
    try:
        yield asked
    finally:
        stop.ask()
        thread.join(30)


def test_status_says_what_runs_what_comes_and_what_is_wrong(context: Context) -> None:
    assert chat.answer_status(context, ()).text.startswith("Nothing runs.\n")
    after_a_night(context)
    text = chat.answer_status(context, ()).text
    assert "nightly: ! 2 Jan partly-failed, next " in text
    assert "⚠️ 2024-01-02 learn: the disk is full" in text
    with a_daemon(context):
        assert chat.answer_status(context, ()).text.startswith("▶ nightly: train 7/20 SOL-USDT\n")


def test_jobs_and_history_are_tables_for_a_phone(context: Context) -> None:
    assert chat.answer_history(context, ()).text == "No run yet."
    after_a_night(context)
    jobs = chat.answer_jobs(context, ())
    assert jobs.table == (("job", "", "took"), ("fetch", "✓", "1 min 01 s"), ("learn", "✗", "1 min 01 s"))
    assert jobs.text == "❌ learn: the disk is full"
    assert jobs.buttons == (("Log learn", "logs learn"),)
    assert chat.answer_history(context, ("3",)).table[1] == ("02 Jan", "nightly", "!", "5 min")
    with pytest.raises(UsageError, match="'x' is no number"):
        chat.answer_history(context, ("x",))


def test_run_is_an_order_to_the_daemon_and_without_one_says_so(context: Context) -> None:
    assert chat.answer_run(context, ()).buttons == (("nightly", "run nightly"),)
    with pytest.raises(TryAgainError, match="no daemon listens"):
        chat.answer_run(context, ("nightly",))
    with a_daemon(context) as asked:
        assert chat.answer_run(context, ("nightly", "again")).text == "▶ nightly starts after maintenance."
        with pytest.raises(UsageError, match="nonsense"):
            chat.answer_run(context, ("nonsense",))
    start = {"do": "start", "name": "nightly", "force": True}
    assert asked[0] == {**start, "by": "the owner, by Telegram", "noted": True}  # it stands in the audit once


def test_pause_and_resume_change_the_schedule(context: Context) -> None:
    assert "paused since" in chat.answer_pause(context, ("holidays",)).text
    pause = schedule_pause(context.paths.state)
    assert pause is not None
    assert (pause.reason, pause.by) == ("holidays", "the owner, by Telegram")
    assert chat.answer_resume(context, ()).text == "▶ The schedule runs again."
    assert schedule_pause(context.paths.state) is None
    assert chat.answer_resume(context, ("schedule",)).text == "The schedule is not paused."


def test_resume_lifts_the_kill_switch_and_asks_which_where_both_are_on(context: Context) -> None:
    assert chat.answer_resume(context, ()).text == "The kill switch is off."
    kill(context.paths.state, "smoke", "a test", datetime.now(UTC))
    chat.answer_pause(context, ())
    with pytest.raises(UsageError, match="resume trading or /resume schedule"):
        chat.answer_resume(context, ())
    with pytest.raises(UsageError, match="say /resume"):
        chat.answer_resume(context, ("everything",))
    assert chat.answer_resume(context, ("trading", "all", "is", "well")).text.startswith(
        "🟢 The kill switch is lifted."
    )
    assert not read_kill(context.paths.state).on
    assert {event.kind for event in context.store.events.recent()} >= {"kill.off"}


def test_the_log_comes_without_secrets_and_of_one_job_where_it_is_named(context: Context) -> None:
    register_secret("hunter2-hunter2")
    assert chat.answer_logs(context, ()).text == "The log is empty."
    said = (
        ("1", "info", "begins", "fetch"),
        ("2", "error", "hunter2-hunter2 \x1b[31m", "learn"),
        ("3", "info", "ends", "learn"),
    )
    lines = [
        {"time": f"2024-01-02T02:00:0{second}.000Z", "level": level, "message": message, "logger": "h", "job": job}
        for second, level, message, job in said
    ]
    context.paths.logs.mkdir()
    text = "cut line}\n" + "".join(json.dumps(line) + "\n" for line in lines)
    (context.paths.logs / "huracan.jsonl").write_text(text, "utf-8")
    reply = chat.answer_logs(context, ("learn",))
    assert reply.text == "last warnings and errors of learn:\n02:00:02 error learn: *** \\x1b[31m"
    assert reply.file is not None
    assert reply.file.read_text("utf-8").splitlines()[-1] == "02:00:03 info learn: ends"
    assert reply.file.stat().st_mode & 0o077 == 0
    assert "02:00:01 info fetch: begins" in chat.answer_logs(context, ("fetch",)).text
    with pytest.raises(UsageError, match="there is no job 'brew'; known are: fetch, learn"):
        chat.answer_logs(context, ("brew",))


def test_the_doctor_counts_what_is_well_and_names_what_is_not(make_context: Callable[..., Context]) -> None:
    checks = [
        Check("fine", lambda _: CheckResult(CheckState.OK, "fine")),
        Check("sick", lambda _: CheckResult(CheckState.FAILED, "it burns", "call the fire brigade")),
    ]
    plugin: StandInEntryPoint = stand_in("checks", huracan_checks=hookimpl(lambda: checks))
    reply = chat.answer_doctor(make_context(plugins=(), extra=[plugin]), ())
    expected = "✓ 1 of 2 checks are well\n❌ sick: it burns\n   → call the fire brigade"
    assert reply == ChatReply(expected)


def test_help_names_every_command_of_every_plugin(make_context: Callable[..., Context]) -> None:
    context = make_context(plugins=("telegram", "training", "universe", "safety"))
    text = chat.answer_help(context, ()).text
    names = {line.split()[0] for line in text.splitlines()}
    assert names >= {
        "/status", "/jobs", "/run", "/pause", "/resume", "/roster", "/coin", "/universe", "/history", "/logs",
        "/doctor", "/kill", "/help",
    }  # fmt: skip
    assert context.plugins.chat_commands()["kill"].confirm


def test_every_command_of_a_bundled_plugin_can_be_called() -> None:

    from huracan.plugin.installed import own_plugins
    from huracan.plugin.manager import Plugins
    from huracan.run.references import resolve

    bundled = own_plugins()
    for name, command in Plugins(bundled).chat_commands().items():
        assert callable(resolve(command.run, name))
        assert name.isidentifier()
        assert name.islower()
        assert len(command.help) <= 60
