"""What is told about channels themselves: that one is dead or back, refuses a message, or let some become too old."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from huracan.alerts.routing import ABOUT_CHANNELS
from huracan.store import ChannelState, OutboxRow
from huracan.types import Event, Message, Severity

if TYPE_CHECKING:
    from huracan.context import Context

__all__ = ["ChannelNews"]

DEAD_AFTER = 3
"""Attempts: that a machine was off for hours while one was under way says nothing about the channel."""
_MOST_NAMED = 20


class ChannelNews:
    """Tells it, on the other channels too; that news of channels could not be sent is no news."""

    def __init__(self, context: Context) -> None:
        self._context, self._outbox = context, context.store.outbox
        self._dead_after = timedelta(minutes=context.settings.core.alerts.dead_minutes)

    def tell_if_dead(self, state: ChannelState, now: datetime) -> None:
        """Tell once that a channel takes no messages."""
        if state.failing_since is None or state.told_at is not None or not self._is_dead(state, now):
            return
        title = f"the channel {state.channel} takes no messages since {state.failing_since:%H:%M}Z"
        title += f": {state.error}" if state.error else ""
        self._context.emit("alerts.channel-dead", Severity.ERROR, title, channel=state.channel, error=state.error)
        self._outbox.told(state.channel, now)

    def _is_dead(self, state: ChannelState, now: datetime) -> bool:
        """Say whether others have to hear of a channel that fails."""
        assert state.failing_since is not None
        late = state.failing_since + self._dead_after
        if now < late:
            return False
        # Of one that asked for hours of patience the third attempt would be told of the next day.
        is_asleep = bool(state.error) and state.next_try_at is not None and state.next_try_at > max(late, now)
        return is_asleep or state.failures >= DEAD_AFTER

    def tell_that_it_is_back(self, state: ChannelState, now: datetime) -> None:
        """Tell before it is noted: a kill in between tells it twice, never not at all."""
        assert state.failing_since is not None
        minutes = (now - state.failing_since).total_seconds() / 60
        title = f"the channel {state.channel} takes messages again, after {minutes:.0f} min"
        self._context.emit("alerts.channel-back", Severity.INFO, title, channel=state.channel)

    def tell_of_refusal(self, name: str, message: Message, error: str) -> None:
        """Tell that a channel will never take a message."""
        self._context.log.error("channel %s refuses %s: %s", name, message.events[-1].kind, error)
        if not _is_about_channels(message.events):
            self._context.emit(
                "alerts.refused", Severity.ERROR, f"the channel {name} refuses a message: {error}", channel=name,
                messages=_titles(message.events),
            )  # fmt: skip

    def tell_of_what_is_too_old(self, name: str, rows: Sequence[OutboxRow]) -> None:
        """Tell which messages of a channel are given up, and what kept them."""
        events = list(self._outbox.events([row.event_id for row in rows]).values())
        if _is_about_channels(events):
            return
        title = f"{len(rows)} {'message' if len(rows) == 1 else 'messages'} for the channel {name} came to be too old"
        error = next((row.error for row in rows if row.error), "" if events else "its event was deleted")
        self._context.emit(
            "alerts.given-up", Severity.WARNING, f"{title}{': ' + error if error else ''}", channel=name,
            messages=_titles(events),
        )  # fmt: skip


def _titles(events: Sequence[Event]) -> list[str]:
    return [event.title for event in events[:_MOST_NAMED]]


def _is_about_channels(events: Sequence[Event]) -> bool:
    return bool(events) and all(event.kind.startswith(ABOUT_CHANNELS) for event in events)
