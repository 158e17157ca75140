"""Channels of a test, a clock that is moved by hand, and the outbox between them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from huracan.alerts.delivery import Deliverer
from huracan.context import Context
from huracan.errors import DeliveryError
from huracan.testing import MovedClock
from huracan.types import Message, Severity

__all__ = ["Channel", "MovedClock", "Post"]


@dataclass
class Channel:
    """A channel of a test: keeps what it got, and fails with what stands in ``errors`` first."""

    name: str
    messages: list[Message] = field(default_factory=list)
    errors: list[BaseException | None] = field(default_factory=list)
    down: DeliveryError | None = None
    refuses: str = ""
    tried: list[str] = field(default_factory=list)
    tells: tuple[str, Severity, str] | None = None
    """What it emits each time that it delivers: kind, severity and title."""

    def deliver(self, context: Context, message: Message) -> str:
        titles = [event.title for event in message.events]
        self.tried.append(titles[-1])
        if self.tells is not None:
            context.emit(*self.tells)
        if self.down is not None:
            raise self.down
        if self.refuses and self.refuses in titles:
            raise DeliveryError("500 of this one")
        if self.errors and (error := self.errors.pop(0)) is not None:
            raise error
        self.messages.append(message)
        return message.replaces or f"receipt-{len(self.messages)}"

    @property
    def titles(self) -> list[list[str]]:
        return [[event.title for event in message.events] for message in self.messages]


@dataclass
class Post:
    """The outbox with its channels, in one process, with a clock that is moved by hand."""

    context: Context
    clock: MovedClock
    channels: dict[str, Channel]

    def __getitem__(self, name: str) -> Channel:
        return self.channels[name]

    def emit(self, title: str, kind: str = "test", severity: Severity = Severity.INFO, **more: Any) -> None:
        self.context.emit(kind, severity, title, **more)

    def deliver(self) -> Deliverer:
        """Work as the service does until nothing is due; return who did."""
        deliverer = Deliverer(self.context, clock=self.clock, chance=random.Random(1))
        while deliverer.turn():
            pass
        return deliverer

    def deliver_for(self, **span: float) -> None:
        """Work through a span of time."""
        end = self.clock.now() + timedelta(**span)
        while self.clock.now() < end:
            self.clock.move(seconds=max(1.0, self.deliver().seconds_to_wait(60.0)))
