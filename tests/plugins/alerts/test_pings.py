"""Dead-man pings: start, success and exit status of a run, by the outbox."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from huracan.alerts.delivery import Deliverer
from huracan.context import Context
from huracan.types import Severity
from huracan_alerts.pings import run_as_uuid
from servers.base import Fault, once
from servers.pings import PingServer

MakeContext = Callable[..., Context]


@pytest.fixture
def context(make_context: MakeContext, switch: PingServer) -> Context:
    """A night with a dead-man's switch."""
    settings = {"pings": {"pipelines": {"nightly": f"{switch.address}/"}, "timeout_seconds": 20}}
    return make_context(settings, plugins=("alerts",), as_of=datetime(2026, 11, 21, 2, tzinfo=UTC))


def start(context: Context, pipeline: str = "nightly") -> None:
    context.emit("run.started", Severity.INFO, f"{pipeline} starts", pipeline=pipeline)


def end(context: Context, code: int, **fields: Any) -> None:
    context.emit("run.ended", Severity.INFO, f"ended with {code}", pipeline="nightly", exit_code=code, **fields)


def deliver(context: Context) -> None:
    deliverer = Deliverer(context)
    while deliverer.turn():
        pass


def test_a_night_that_ends_well_is_a_start_and_a_success_of_one_run(context: Context, switch: PingServer) -> None:
    start(context)
    deliver(context)
    assert switch.state == "started"
    end(context, 0)
    deliver(context)
    assert [ping.kind for ping in switch.pings] == ["start", "0"]
    assert {ping.run for ping in switch.pings} == {run_as_uuid(context.current_run.run_id)}
    assert switch.state == "up"


@pytest.mark.parametrize(("code", "kind", "state"), [(4, "0", "up"), (3, "3", "down"), (75, "75", "down")])
def test_the_exit_status_is_told_with_what_went_wrong(
    context: Context, switch: PingServer, code: int, kind: str, state: str
) -> None:
    end(context, code, problems=["train: no data"])
    deliver(context)
    assert (switch.pings[-1].kind, switch.state) == (kind, state)
    assert switch.pings[-1].body.splitlines() == [f"ended with {code}", "train: no data"]


def test_a_run_that_was_given_up_has_failed(context: Context, switch: PingServer) -> None:
    context.emit("run.given-up", Severity.ERROR, "nightly: given up", pipeline="nightly")
    deliver(context)
    assert [ping.kind for ping in switch.pings] == ["fail"]


def test_a_good_night_is_told_to_the_switch_however_quiet_the_phone_is(
    make_context: MakeContext, switch: PingServer
) -> None:
    settings = {"pings": {"pipelines": {"nightly": switch.address}}, "alerts": {"least": "error"}}
    context = make_context(settings, plugins=("alerts",), as_of=datetime(2026, 11, 21, 2, tzinfo=UTC))
    start(context)
    end(context, 0)
    deliver(context)
    assert [ping.kind for ping in switch.pings] == ["start", "0"]


def test_other_pipelines_and_other_events_ping_nobody(context: Context, switch: PingServer) -> None:
    start(context, "maintenance")
    context.emit("model.trained", Severity.INFO, "SOL-USDT", pipeline="nightly")
    deliver(context)
    assert switch.requests == []


def test_an_outage_is_waited_out(context: Context, switch: PingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huracan.alerts.delivery.FIRST_PAUSE", 0.01)
    switch.faults.append(once(Fault(reset_before=True), times=3))
    end(context, 0)
    deliverer = Deliverer(context)
    deadline = datetime.now(UTC).timestamp() + 20
    while not switch.pings and datetime.now(UTC).timestamp() < deadline:
        deliverer.turn()
    assert [ping.kind for ping in switch.pings] == ["0"]


def test_a_start_that_could_not_be_told_in_time_is_not_told(
    context: Context, switch: PingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huracan_alerts.pings.START_IS_OLD", timedelta(0))
    start(context)
    end(context, 0)
    deliver(context)
    assert [ping.kind for ping in switch.pings] == ["0"]
