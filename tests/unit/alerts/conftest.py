"""A context with channels that the tests bring, and a clock that they move."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from huracan import hookimpl
from huracan.alerts import emit
from huracan.context import Context
from huracan.testing import stand_in
from huracan.types import Notifier
from unit.alerts.outbox_kit import Channel, MovedClock, Post


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> MovedClock:
    """The clock of who emits and of who delivers."""
    clock = MovedClock()
    monkeypatch.setattr(emit, "SystemClock", lambda: clock)
    return clock


@pytest.fixture
def post(workspace: Path, clock: MovedClock, make_context: Callable[..., Context]) -> Callable[..., Post]:
    """Make an outbox: names of channels, or notifiers made of :class:`Channel`, and settings of ``alerts``."""

    def make(*names: str, edits: tuple[str, ...] = (), pause: float = 0.0, run: bool = False, **alerts: Any) -> Post:
        channels = {name: Channel(name) for name in names or ("phone",)}
        notifiers = [
            Notifier(name, each.deliver, edits=name in edits, pause=pause) for name, each in channels.items()
        ]  # fmt: skip
        plugin = stand_in("channels", huracan_notifiers=hookimpl(lambda: notifiers))
        options: dict[str, Any] = {"as_of": datetime(2026, 11, 21, 2, tzinfo=UTC)} if run else {}
        context = make_context({"alerts": alerts}, plugins=(), extra=[plugin], **options)
        return Post(context, clock, channels)

    return make
