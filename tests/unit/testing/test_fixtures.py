"""The fixtures as an author's tests use them."""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from huracan import hookimpl
from huracan.context import Context
from huracan.testing import MovedClock, Night, stand_in
from huracan.testing.outboxes import CapturedOutbox
from huracan.testing.servers import Fault, Reply, Request, ScriptedServer, reply_json
from huracan.types import Job, JobResult, Severity

MakeContext = Callable[..., Context]


def test_the_workspace_does_not_exist_until_it_is_needed(workspace: Path, make_context: MakeContext) -> None:
    assert not workspace.exists()
    assert make_context(plugins=()).paths.workspace == workspace
    assert workspace.is_dir()


def test_contexts_of_one_test_may_lie_in_different_folders(make_context: MakeContext, tmp_path: Path) -> None:
    first, second = (make_context(plugins=(), folder=tmp_path / name) for name in ("one", "two"))
    first.emit("mine", Severity.INFO, "only here")
    assert [len(each.store.events.recent()) for each in (first, second)] == [1, 0]


def test_time_stands_until_it_is_moved(frozen_clock: MovedClock, make_context: MakeContext) -> None:
    context = make_context(plugins=())
    began = context.clock.now()
    context.emit("mine", Severity.INFO, "now")
    frozen_clock.move(hours=3)
    context.emit("mine", Severity.INFO, "later")
    assert context.clock.now() - began == timedelta(hours=3)
    later, now = context.store.events.recent()
    assert later.time - now.time == timedelta(hours=3)


def test_what_is_emitted_is_kept_and_becomes_messages(
    captured_outbox: CapturedOutbox, frozen_clock: MovedClock, make_context: MakeContext
) -> None:
    context = make_context({"alerts": {"repeat_minutes": 60}}, plugins=())
    for _ in range(3):
        context.emit("mine.failed", Severity.ERROR, "it burns", room="kitchen")
    context.emit("mine.ended", Severity.INFO, "it is out")
    assert captured_outbox.titles == ["it burns"] * 3 + ["it is out"]
    assert [event.fields["room"] for event in captured_outbox.of("mine.failed")] == ["kitchen"] * 3
    assert captured_outbox.messages == []
    sent = captured_outbox.deliver(context)
    assert [[event.title for event in message.events] for message in sent] == [["it burns"] * 3, ["it is out"]]
    context.emit("mine.failed", Severity.ERROR, "it burns", room="kitchen")
    assert captured_outbox.deliver(context) == [], "it was told within the hour"
    frozen_clock.move(hours=2)
    assert [message.events[0].title for message in captured_outbox.deliver(context)] == ["it burns"]


def test_a_server_answers_by_path_and_misbehaves_when_told(loopback_server: ScriptedServer) -> None:
    server = loopback_server
    server.answers["/price"] = reply_json({"price": 1.5})
    server.answers["/echo"] = lambda request: Reply(200, request.method.encode())

    def get(path: str) -> bytes:
        with urllib.request.urlopen(f"{server.url}{path}", timeout=5) as answer:
            content: bytes = answer.read()
        return content

    assert get("/price?of=BTC") == b'{"price": 1.5}'
    assert get("/echo") == b"GET"
    (asked,) = server.asked("price")
    assert asked.query == {"of": "BTC"}
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get("/other")
    server.misbehave(Fault(reply=Reply(503)))
    with pytest.raises(urllib.error.HTTPError, match="503"):
        get("/price")
    server.misbehave(Fault(reset_before=True))
    with pytest.raises(OSError, match=r"reset|Remote end closed"):
        get("/price")
    server.behave()
    assert get("/price") == b'{"price": 1.5}'
    assert isinstance(server.requests[0], Request)


SEEN: list[str] = []


def count_models(context: Context) -> JobResult:
    """A stranger's job, after everything else."""
    models = sorted(path.parent.name for path in context.paths.workspace.glob("models/*/*"))
    context.progress.step(f"{len(models)} models counted")
    SEEN.append(f"{context.clock.now():%Y-%m-%d}")
    return JobResult(summary=f"{', '.join(models)}")


def test_a_night_is_played_with_a_strangers_job_in_it(
    night: Callable[..., Night], captured_outbox: CapturedOutbox
) -> None:
    job = Job("count", f"{__name__}:count_models", "counts models", after=("train",))
    counting = stand_in("counting", huracan_jobs=hookimpl(lambda: [job]))
    played = night(extra=[counting])
    assert played.problems() == []
    assert played.exit_code == 0
    assert list(played.jobs) == ["universe", "candles", "train", "count", "roster", "journal", "export"]
    assert played.jobs["count"].summary == "AURA-USDT, BTC-USDT, ETH-USDT"
    assert "3 models counted" in played.steps
    assert SEEN == ["2025-06-30"]
    assert played.context.paths.champion("AURA-USDT").is_file(), "one coin has an edge that must be found"
    assert captured_outbox.titles[0] == "nightly 2025-06-30 starts"
    assert captured_outbox.of("run.ended")[0].fields["exit_code"] == 0
    again = night(extra=[counting])
    assert (again.exit_code, again.result.worked) == (4, False)


def test_importing_the_fixtures_loads_nothing_but_pytest() -> None:
    program = (
        "import sys, pytest; before = set(sys.modules)\n"
        "import huracan.testing.fixtures\n"
        "print(sorted({name for name in set(sys.modules) - before if name.startswith('huracan')}))\n"
        "print(sorted({'numpy', 'pydantic', 'sqlalchemy', 'polars'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == ["['huracan', 'huracan.testing', 'huracan.testing.fixtures']", "[]"]


def test_the_package_hands_out_what_it_names() -> None:
    import huracan.testing

    for name in huracan.testing.__all__:
        assert getattr(huracan.testing, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute 'check_nothing'"):
        _ = huracan.testing.check_nothing
