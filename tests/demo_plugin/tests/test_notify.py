from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from huracan.context import Context
from huracan.testing import OtherSide, assert_notifier
from huracan.testing.servers import Fault, Reply, Request, ScriptedServer

from huracan_stranger import huracan_notifiers

SECRET = "only-for-the-server"


def test_the_channel_keeps_every_rule(
    make_context: Callable[..., Context], loopback_server: ScriptedServer, tmp_path: Path
) -> None:
    received: list[str] = []

    def take(request: Request) -> Reply:
        received.append("\n".join(event["title"] for event in request.json()["events"]))
        return Reply(204)

    def ask_to_wait(seconds: float) -> None:
        loopback_server.misbehave(Fault(reply=Reply(429, headers={"Retry-After": f"{seconds:.0f}"})))

    loopback_server.answers["/alerts"] = take
    settings = {"url": f"{loopback_server.url}/alerts", "token": SECRET, "timeout_seconds": 0.5}
    side = OtherSide(
        context=make_context({"stranger": settings}, plugins=["stranger"]),
        unset=make_context(plugins=["stranger"], folder=tmp_path / "unset"),
        received=lambda: list(received),
        recover=loopback_server.behave,
        refuse=lambda: loopback_server.misbehave(Fault(reply=Reply(400))),
        go_away=lambda: loopback_server.misbehave(Fault(reset_before=True)),
        hang=lambda: loopback_server.misbehave(Fault(delay=2.0, reset_before=True)),
        ask_to_wait=ask_to_wait,
        secrets=[SECRET],
    )
    (notifier,) = huracan_notifiers()
    assert_notifier(notifier, side)
    assert loopback_server.requests[0].headers["Authorization"] == f"Bearer {SECRET}"
