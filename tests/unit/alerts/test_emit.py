"""Events: stored, logged, sent; whatever fails costs its own copy and nothing else."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from huracan import hookimpl, logs, masking
from huracan.alerts.spool import laid_down
from huracan.config import LoggingSettings
from huracan.context import Context
from huracan.errors import PluginError, StopRequested, TryAgainError
from huracan.testing import stand_in
from huracan.types import Event, Message, Notifier, Severity

MakeContext = Callable[..., Context]
AS_OF = datetime(2023, 12, 30, 2, tzinfo=UTC)


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def with_notifiers(make_context: MakeContext, stream: io.StringIO) -> Callable[..., Context]:
    """Make a context inside a run whose only plugin brings the given notifiers, with its log in ``stream``."""

    def make(*notifiers: Notifier) -> Context:
        plugin = stand_in("channels", huracan_notifiers=hookimpl(lambda: list(notifiers)))
        context = make_context(plugins=(), extra=[plugin], as_of=AS_OF, job="train")
        logs.configure(LoggingSettings(level="debug"), None, "json", stream)
        return context

    return make


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_stored_logged_and_sent(with_notifiers: Callable[..., Context], stream: io.StringIO) -> None:
    sent: list[Event] = []
    context = with_notifiers(Notifier("keep", lambda _context, message: sent.extend(message.events), immediate=True))
    before = datetime.now(UTC)
    context.emit("coin-trained", Severity.WARNING, "Sharpe 100% up", symbol="SOL-USDT", sharpe=0.7)
    [event] = context.store.events.recent()
    assert sent == [event]
    assert (event.kind, event.severity, event.title) == ("coin-trained", Severity.WARNING, "Sharpe 100% up")
    assert (event.run_id, event.job, event.symbol) == ("nightly-20231230-1", "train", "SOL-USDT")
    assert event.fields == {"sharpe": 0.7}
    # When it happened, and not the instant at which the run's clock stands still.
    assert before <= event.time <= datetime.now(UTC)
    [line] = [line for line in lines(stream) if line.get("event")]
    assert (line["level"], line["message"], line["symbol"]) == ("warning", "Sharpe 100% up", "SOL-USDT")
    assert (line["run"], line["job"], line["fields"]) == ("nightly-20231230-1", "train", {"sharpe": 0.7})


def failing(error: BaseException) -> Callable[[Context, Message], None]:
    def send(_context: Context, _message: Message) -> None:
        raise error

    return send


@pytest.mark.parametrize("error", [RuntimeError("no route"), SystemExit(3), TryAgainError("away")])
def test_a_failing_notifier_costs_its_own_message_and_is_named(
    with_notifiers: Callable[..., Context], stream: io.StringIO, error: BaseException
) -> None:
    sent: list[Event] = []
    context = with_notifiers(
        Notifier("bad", failing(error), immediate=True),
        Notifier("good", lambda _context, message: sent.extend(message.events), immediate=True),
    )
    context.emit("tick", Severity.INFO, "x")
    assert len(sent) == len(context.store.events.recent()) == 1
    [line] = [line for line in lines(stream) if line["level"] == "error"]
    assert "the notifier bad failed to send tick" in line["message"]
    assert line["plugin"] == "channels"


def test_a_notifier_is_named_before_it_sends(with_notifiers: Callable[..., Context], stream: io.StringIO) -> None:
    seen: list[list[str]] = []
    context = with_notifiers(
        Notifier("slow", lambda *_: seen.append([line["message"] for line in lines(stream)]), immediate=True)
    )
    context.emit("tick", Severity.INFO, "x")
    assert "notifier slow: sends tick" in seen[0]


def test_a_request_to_stop_passes_through(with_notifiers: Callable[..., Context]) -> None:
    context = with_notifiers(Notifier("stopped", failing(StopRequested()), immediate=True))
    with pytest.raises(StopRequested):
        context.emit("tick", Severity.INFO, "x")


def test_what_a_notifier_emits_is_recorded_and_not_sent_in_circles(with_notifiers: Callable[..., Context]) -> None:
    sent: list[str] = []

    def send(context: Context, message: Message) -> None:
        sent.extend(event.kind for event in message.events)
        context.emit("sent", Severity.INFO, f"told of {sent[-1]}")

    context = with_notifiers(Notifier("chatty", send, immediate=True))
    context.emit("tick", Severity.INFO, "x")
    context.emit("tock", Severity.INFO, "x")
    assert sent == ["tick", "tock"]
    assert [event.kind for event in context.store.events.recent()] == ["sent", "tock", "sent", "tick"]


def test_plugins_are_asked_for_notifiers_once_and_not_before_the_first_event(make_context: MakeContext) -> None:
    asked: list[int] = []

    def answer() -> list[Notifier]:
        asked.append(1)
        return []

    context = make_context(plugins=(), extra=[stand_in("channels", huracan_notifiers=hookimpl(answer))])
    assert asked == []
    for _ in range(3):
        context.emit("tick", Severity.INFO, "x")
    assert asked == [1]


def test_plugins_that_cannot_be_asked_cost_the_messages_alone(
    with_notifiers: Callable[..., Context], stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = with_notifiers()

    def refuse() -> None:
        raise PluginError("plugin channels is strict and does not work")

    monkeypatch.setattr(context.plugins, "notifiers", refuse)
    context.emit("tick", Severity.INFO, "x")
    assert len(context.store.events.recent()) == 1
    assert "could not be asked for notifiers" in stream.getvalue()


def test_a_locked_database_costs_the_stored_copy_alone(
    with_notifiers: Callable[..., Context], stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, workspace: Path
) -> None:
    monkeypatch.setattr("huracan.store.engine.BUSY_SECONDS", 0)
    sent: list[Event] = []
    context = with_notifiers(Notifier("keep", lambda _context, message: sent.extend(message.events), immediate=True))
    other = sqlite3.connect(workspace / "huracan.db", isolation_level=None)
    context.store._engine.dispose()
    other.execute("BEGIN IMMEDIATE")
    context.emit("tick", Severity.INFO, "x")
    other.close()
    assert len(sent) == 1
    assert context.store.events.recent() == []
    [line] = [line for line in lines(stream) if line["level"] == "error"]
    assert line["message"].startswith("the event tick could not be stored: database sqlite:")
    assert "locked" in line["message"]
    assert "exception" not in line


class Unprintable:
    def __str__(self) -> str:
        raise ValueError("no")


def test_fields_become_json_whatever_they_are(with_notifiers: Callable[..., Context]) -> None:
    context = with_notifiers()
    circle: list[Any] = []
    circle.append(circle)
    context.emit(
        "odd", Severity.INFO, "x", when=AS_OF, path=Path("a"), nan=float("nan"), keys={(1, 2): {3}}, circle=circle,
        unprintable=Unprintable(), half="\udc80", nul="\0", huge=10**5000,
    )  # fmt: skip
    [event] = context.store.events.recent()
    fields = dict(event.fields)
    assert fields["circle"]
    assert fields["unprintable"] == "<Unprintable that cannot be printed: ValueError>"
    assert fields["when"] == "2023-12-30 02:00:00+00:00"
    assert (fields["path"], fields["nan"], fields["keys"]) == ("a", "nan", {"(1, 2)": [3]})


def test_no_secret_is_stored_or_sent(with_notifiers: Callable[..., Context], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "_secrets", masking._Secrets())
    logs.register_secret("swordfish")
    sent: list[Event] = []
    context = with_notifiers(Notifier("keep", lambda _context, message: sent.extend(message.events), immediate=True))
    context.emit("tick", Severity.INFO, "it is swordfish", token="swordfish", parts=[{"swordfish": b"swordfish"}])
    assert "swordfish" not in repr(sent + context.store.events.recent())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.text(max_size=20), title=st.text(max_size=50) | st.integers() | st.none(),
    fields=st.dictionaries(st.from_regex(r"[a-jl-rt-z]{2,8}", fullmatch=True), st.recursive(
        st.none() | st.floats() | st.integers() | st.text() | st.binary() | st.datetimes() | st.complex_numbers(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.integers() | st.text(), inner, max_size=3)),
        max_size=3),
)  # fmt: skip
def test_every_event_is_stored(make_context: MakeContext, kind: str, title: Any, fields: dict[str, Any]) -> None:
    context = _shared(make_context)
    before = len(context.store.events.recent(limit=1000))
    context.emit(kind, Severity.INFO, title, **fields)
    assert len(context.store.events.recent(limit=1000)) == before + 1


_made: dict[int, Context] = {}


def _shared(make_context: MakeContext) -> Context:
    """Make one context for all examples of a test."""
    if id(make_context) not in _made:
        _made.clear()
        _made[id(make_context)] = make_context(plugins=())
    return _made[id(make_context)]


def test_an_error_that_nobody_knows_keeps_the_event_as_a_file(
    with_notifiers: Callable[..., Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    context = with_notifiers(Notifier("phone", lambda *_: None))

    def refuse(*_: object) -> None:
        raise RuntimeError("a bug of the library")

    with monkeypatch.context() as patch:
        patch.setattr(context.store.events, "add", refuse)
        context.emit("job.failed", Severity.ERROR, "the disk is full")
    [(_, event)] = laid_down(context.paths.state)
    assert event is not None
    assert (event.kind, event.title) == ("job.failed", "the disk is full")
