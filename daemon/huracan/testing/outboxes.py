"""Keeps events and messages in place of sending them: two channels that lead nowhere but here."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from huracan import hookimpl
from huracan.alerts.delivery import Deliverer
from huracan.clock import Clock
from huracan.context import Context
from huracan.testing.contexts import StandInEntryPoint, stand_in
from huracan.types import Event, Message, Notifier

__all__ = ["CapturedOutbox"]

PLUGIN = "captured-outbox"


@dataclass
class CapturedOutbox:
    """What was emitted, as it happened, and what channels got once ``deliver`` was called.

    ``plugin`` brings both to a context (``make_context(..., extra=[outbox.plugin])``); the fixture does that by itself.
    """

    events: list[Event] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    edits: bool = False
    """Whether the channel can replace a message by its grown version: then those of a digest grow."""

    @cached_property
    def plugin(self) -> StandInEntryPoint:
        """The plugin with the two channels ``captured-events`` (at once) and ``captured`` (by the outbox)."""
        notifiers = [
            Notifier("captured-events", self._at_once, immediate=True),
            Notifier("captured", self._deliver, edits=self.edits),
        ]
        return stand_in(PLUGIN, huracan_notifiers=hookimpl(lambda: notifiers))

    @property
    def titles(self) -> list[str]:
        """The titles of all events, in their order."""
        return [event.title for event in self.events]

    def of(self, kind: str) -> list[Event]:
        """Return the events of one kind."""
        return [event for event in self.events if event.kind == kind]

    def deliver(self, context: Context, clock: Clock | None = None) -> Sequence[Message]:
        """Work through the outbox of a context as the service ``alerts`` does, until nothing is due.

        Routes, quiet hours and digests of the settings hold. Returns the messages that came.
        """
        before = len(self.messages)
        deliverer = Deliverer(context, clock=clock or context.clock, chance=random.Random(1))
        while deliverer.turn():
            pass
        return self.messages[before:]

    def _at_once(self, _: Context, message: Message) -> None:
        self.events.extend(message.events)

    def _deliver(self, _: Context, message: Message) -> str:
        self.messages.append(message)
        return message.replaces or f"message-{len(self.messages)}"
