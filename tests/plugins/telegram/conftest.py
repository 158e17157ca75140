"""A bot on loopback, and contexts that know it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from huracan.context import Context
from huracan.testing import StandInEntryPoint
from huracan.types import Event, Message, Severity
from servers.telegram import TelegramServer

OWNER, GROUP = 77, -500
FAST = {
    "per_second_in_chat": 1000, "per_minute_in_group": 60000, "per_second": 1000, "poll_seconds": 1,
    "timeout_seconds": 20,
}  # fmt: skip


@pytest.fixture
def server() -> Iterator[TelegramServer]:
    with TelegramServer(chats={OWNER: "private", GROUP: "group"}) as one:
        one.per_second = one.per_minute_in_group = 100_000
        yield one


@pytest.fixture
def bot(make_context: Callable[..., Context], server: TelegramServer) -> Callable[..., Context]:
    """Build a context whose plugin telegram speaks to the server; other keywords are its settings."""

    def build(
        extra: Sequence[StandInEntryPoint] = (), plugins: Sequence[str] = ("telegram",), *,
        alerts: Mapping[str, Any] | None = None, as_of: datetime | None = None, **telegram: Any,
    ) -> Context:  # fmt: skip
        settings = {
            "token": server.token, "chats": [OWNER], "allowed_users": [OWNER], "base_url": server.url,
            **FAST, **telegram,
        }  # fmt: skip
        values = {"telegram": settings, "alerts": alerts or {}}
        return make_context(values, plugins=plugins, extra=extra, as_of=as_of)

    return build


def an_event(
    title: str = "something happened", kind: str = "test", severity: Severity = Severity.INFO, **more: Any
) -> Event:
    """Make an event of now; other keywords are its fields, but for symbol and job."""
    symbol, job, time = more.pop("symbol", None), more.pop("job", None), more.pop("time", datetime.now(UTC))
    return Event(kind, severity, title, time, more, symbol=symbol, job=job)


def a_message(*events: Event, key: str = "m1", **more: Any) -> Message:
    return Message(key, events or (an_event(),), **more)
