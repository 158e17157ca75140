"""Servers that channels speak to, and messages for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from huracan.types import Event, Message, Severity
from servers.base import LoopbackServer, Reply, Request
from servers.pings import PingServer

MakeMessage = Callable[..., Message]


class HookServer(LoopbackServer):
    """Takes every message."""

    def answer(self, request: Request) -> Reply:
        return Reply(204)


@pytest.fixture
def hook() -> Iterator[HookServer]:
    with HookServer() as server:
        yield server


@pytest.fixture
def switch() -> Iterator[PingServer]:
    with PingServer() as server:
        yield server


@pytest.fixture
def make_message() -> MakeMessage:
    def make(title: str = "train failed: no data", kind: str = "job.failed", **fields: Any) -> Message:
        event = Event(
            kind, Severity.ERROR, title, datetime(2026, 11, 21, 2, 10, tzinfo=UTC), fields, "nightly-1", "train"
        )
        return Message("key-1", (event,))

    return make
