"""What the bundled channels speak to in tests: servers on loopback, a program, a file; each misbehaves when told to."""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from huracan.context import Context
from huracan.testing import OtherSide
from huracan.testing.servers import Fault, Reply, Request, ScriptedServer, reply_json
from servers.telegram import TelegramServer

__all__ = ["SIDES"]

SECRET = "cl4ssified-w0rd"
Make = Callable[..., Context]
OWNER = 77

SCRIPT = """\
#!/bin/sh
case "$(cat "$0.mood")" in
    refuse) echo "no such pager" >&2; exit 1 ;;
    hang) sleep 30 ;;
esac
cat >> "$0.received"
printf '\\036' >> "$0.received"
"""


@contextmanager
def webhook(make: Make, folder: Path) -> Iterator[OtherSide]:
    with _posted_to(lambda request: _titles(request.body)) as (server, took):
        settings = {"webhook": {"url": f"{server.url}/{SECRET}", "secret": f"{SECRET}-2", "timeout_seconds": 3}}
        yield OtherSide(
            make(settings), make({}), lambda: list(took), **_troubles(server), secrets=[SECRET], seconds=12.0
        )


@contextmanager
def pings(make: Make, folder: Path) -> Iterator[OtherSide]:
    with _posted_to(lambda request: request.body.decode()) as (server, took):
        settings = {"pings": {"pipelines": {"nightly": f"{server.url}/{SECRET}"}, "timeout_seconds": 3}}
        yield OtherSide(
            make(settings), make({}), lambda: list(took), **_troubles(server), secrets=[SECRET], seconds=12.0,
            kind="run.ended", fields={"pipeline": "nightly", "exit_code": 0},
        )  # fmt: skip


@contextmanager
def _posted_to(read: Callable[[Request], str]) -> Iterator[tuple[ScriptedServer, list[str]]]:
    took: list[str] = []

    def answer(request: Request) -> Reply:
        took.append(read(request))
        return Reply(204)

    class Everywhere(ScriptedServer):
        def answer(self, request: Request) -> Reply:
            return answer(request)

    with Everywhere() as server:
        yield server, took


def _troubles(server: Any, waits: Callable[[float], Reply] | None = None) -> dict[str, Any]:
    def put(fault: Fault) -> None:
        server.faults[:] = [lambda _: fault]

    waits = waits or (lambda seconds: Reply(429, headers={"Retry-After": f"{seconds:.0f}"}))
    return {
        "recover": server.faults.clear,
        "refuse": lambda: put(Fault(reply=Reply(400))),
        "go_away": lambda: put(Fault(reset_before=True)),
        "hang": lambda: put(Fault(delay=3.0, reset_before=True)),
        "ask_to_wait": lambda seconds: put(Fault(reply=waits(seconds))),
    }


def _titles(body: bytes) -> str:
    return "\n".join(str(event["title"]) for event in json.loads(body)["events"])


@contextmanager
def command(make: Make, folder: Path) -> Iterator[OtherSide]:
    script, away = folder / "pager", folder / "gone"
    script.write_text(SCRIPT, "utf-8")
    script.chmod(0o755)
    mood, received = folder / "pager.mood", folder / "pager.received"

    def be(what: str) -> None:
        mood.write_text(what, "utf-8")

    def recover() -> None:
        be("well")
        if away.exists():
            away.rename(script)

    def go_away() -> None:
        script.rename(away)

    def told() -> list[str]:
        return [_titles(each) for each in received.read_bytes().split(b"\x1e") if each]

    recover()
    received.touch()
    settings = {"alert_command": {"run": [str(script)], "timeout_seconds": 3}}
    yield OtherSide(
        make(settings), make({}), told, recover,
        refuse=lambda: be("refuse"), go_away=go_away, hang=lambda: be("hang"), seconds=12.0,
    )  # fmt: skip


@contextmanager
def alerts_file(make: Make, folder: Path) -> Iterator[OtherSide]:
    context = make({})
    file = context.paths.monitoring / "alerts.jsonl"

    def received() -> list[str]:
        return [json.loads(line)["title"] for line in file.read_text("utf-8").splitlines()] if file.exists() else []

    yield OtherSide(context, context, received)


@contextmanager
def telegram(make: Make, folder: Path) -> Iterator[OtherSide]:
    with TelegramServer(f"4242:{SECRET}", {OWNER: "private"}) as server:
        server.per_second = 100_000
        settings = {
            "token": server.token, "chats": [OWNER], "base_url": server.url, "per_second_in_chat": 1000,
            "per_minute_in_group": 60_000, "timeout_seconds": 3,
        }  # fmt: skip
        troubles = _troubles(server, lambda seconds: _too_many(int(seconds)))
        recover = troubles.pop("recover")

        def unblock() -> None:
            recover()
            server.blocked.clear()

        troubles |= {"recover": unblock, "refuse": lambda: server.blocked.add(OWNER)}
        yield OtherSide(
            make({"telegram": settings}), make({}), server.text_of, **troubles, secrets=[SECRET], seconds=30.0
        )  # fmt: skip


def _too_many(seconds: int) -> Reply:
    words = f"Too Many Requests: retry after {seconds}"
    return reply_json(
        {"ok": False, "error_code": 429, "description": words, "parameters": {"retry_after": seconds}}, 429
    )


class _Box:
    """An SMTP server that keeps what people read, or is in trouble."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.trouble = ""

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, to: str, _: list[str]) -> str:  # noqa: N802
        if self.trouble == "refuse":
            return "550 no such user here"
        if self.trouble == "away":
            return "451 try again later"
        if self.trouble == "hang":
            await asyncio.sleep(3.0)
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_NOOP(self, server: SMTP, session: Session, envelope: Envelope, argument: str) -> str:  # noqa: N802
        return "421 closing" if self.trouble == "away" else "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        assert isinstance(content, bytes)
        letter: Any = email.message_from_bytes(content, policy=email.policy.default)
        self.texts.append(letter.get_body(("plain",)).get_content())
        return "250 OK"

    def into(self, trouble: str) -> None:
        self.trouble = trouble


class _Listening(Controller):
    def _trigger_server(self) -> None:
        # Called once it listens, to connect to it: at the port that it was given, which is 0.
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@contextmanager
def smtp(make: Make, folder: Path) -> Iterator[OtherSide]:
    box = _Box()
    controller = _Listening(box, hostname="127.0.0.1", port=0)
    controller.start()
    settings = {
        "host": "127.0.0.1", "port": controller.port, "to": ["owner@example.org"], "security": "none",
        "timeout_seconds": 3,
    }  # fmt: skip
    try:
        yield OtherSide(
            make({"email": settings}), make({}), lambda: list(box.texts), lambda: box.into(""),
            refuse=lambda: box.into("refuse"), go_away=lambda: box.into("away"), hang=lambda: box.into("hang"),
            seconds=16.0,
        )  # fmt: skip
    finally:
        controller.stop()


SIDES: dict[str, Callable[[Make, Path], Any]] = {
    "webhook": webhook, "pings": pings, "command": command, "alerts-file": alerts_file, "telegram": telegram,
    "email": smtp,
}  # fmt: skip
"""By the name of the channel."""
