"""Turns a call of ``context.emit`` into a stored event, a log line and rows of the outbox.

Whatever fails is only logged. Channels get their messages from the outbox, by whoever delivers
(:mod:`huracan.alerts.delivery`); those that are files of this machine get the event at once.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from huracan.alerts.routing import addresses, channels
from huracan.alerts.spool import lay_down
from huracan.clock import SystemClock
from huracan.context import Context, Emit
from huracan.errors import HuracanError, StopRequested
from huracan.logs import inside
from huracan.masking import json_safe
from huracan.store import Address
from huracan.types import Event, Message, Notifier, Severity

__all__ = ["make_emit", "with_sending", "without_sending"]

_LEVELS = {
    Severity.DEBUG: logging.DEBUG,
    Severity.INFO: logging.INFO,
    Severity.WARNING: logging.WARNING,
    Severity.ERROR: logging.ERROR,
}
_SENDING: ContextVar[bool] = ContextVar("huracan_event_is_sent", default=False)


@contextmanager
def without_sending() -> Iterator[None]:
    """Let events that are emitted inside the block be recorded alone: a channel's own would go round in circles."""
    with _sending(True):
        yield


@contextmanager
def with_sending() -> Iterator[None]:
    """Let events be sent inside the block, whatever the one around it says; the caller sees to it that circles end."""
    with _sending(False):
        yield


@contextmanager
def _sending(value: bool) -> Iterator[None]:
    token = _SENDING.set(value)
    try:
        yield
    finally:
        _SENDING.reset(token)


def make_emit(context: Context) -> Emit:
    """Return the function that becomes ``context.emit``."""
    return _Emitter(context)


class _Emitter:
    """Sends events. A channel or a database that fails costs its own copy and nothing else."""

    def __init__(self, context: Context) -> None:
        self._context = context
        # When something happened is not what the run's frozen clock says.
        self._clock = SystemClock()
        self._known: Mapping[str, Notifier] | None = None
        self._channels: tuple[Notifier, ...] | None = None
        self._owners: Mapping[str, str] = {}

    def __call__(self, kind: str, severity: Severity, title: str, *, symbol: str | None = None, **fields: Any) -> None:
        try:
            event = self._event(kind, Severity(severity), title, symbol, fields)
            self._write(event)
            # What a notifier itself emits is recorded and not sent: it would go round in circles.
            sends = not _SENDING.get()
            self._store(event, self._addresses(event) if sends else [])
            if sends:
                self._send_at_once(event)
        except Exception:
            self._context.log.exception("the event %s could not be sent", kind)

    def _event(self, kind: str, severity: Severity, title: str, symbol: str | None, fields: Mapping[str, Any]) -> Event:
        run = self._context.run
        return Event(
            kind=str(json_safe(kind)),
            severity=severity,
            title=str(json_safe(title)),
            time=self._clock.now(),
            fields=json_safe(fields),
            run_id=run.run_id if run else None,
            job=(run.job or None) if run else None,
            symbol=symbol,
        )

    def _write(self, event: Event) -> None:
        extra = {
            "event": event.kind,
            **({"symbol": event.symbol} if event.symbol else {}),
            **({"fields": event.fields} if event.fields else {}),
        }
        # A title is a text of its own: nothing in it is a place for arguments.
        self._context.log.log(_LEVELS[event.severity], "%s", event.title, extra=extra)

    def _addresses(self, event: Event) -> list[Address]:
        try:
            if self._channels is None:
                self._channels = tuple(channels(self._context).values()) if self._notifiers() else ()
            return addresses(self._context.settings.core.alerts, event, self._channels)
        except Exception:
            self._context.log.exception("the event %s is recorded and not sent", event.kind)
            return []

    def _store(self, event: Event, to: Sequence[Address]) -> None:
        try:
            self._context.store.events.add(event, to)
            return
        except HuracanError as error:
            self._context.log.error("the event %s could not be stored: %s", event.kind, error)
        except Exception:
            # A bug, or a library's error that nobody knew: whoever takes the file in sees whether it stays.
            self._context.log.exception("the event %s could not be stored", event.kind)
        if to:
            self._lay_down(event)

    def _lay_down(self, event: Event) -> None:
        """Keep what channels wait for as a file, until the database is back."""
        try:
            if not lay_down(self._context.paths.state, event):
                self._context.log.error(
                    "the event %s is lost to its channels: too many wait for the database", event.kind
                )
        except (OSError, HuracanError) as error:
            self._context.log.error("the event %s is lost to its channels: %s", event.kind, error)

    def _send_at_once(self, event: Event) -> None:
        for name, notifier in self._notifiers().items():
            if notifier.immediate:
                with inside(plugin=self._owners[name]):
                    self._send(name, notifier, event)

    def _notifiers(self) -> Mapping[str, Notifier]:
        """Ask the plugins for their channels, once, when the first event is sent."""
        if self._known is None:
            self._known = {}
            try:
                answers = self._context.plugins.notifiers()
                self._known, self._owners = answers, answers.owners
            except Exception:
                self._context.log.exception(
                    "the plugins could not be asked for notifiers; events are recorded, not sent"
                )
        return self._known

    def _send(self, name: str, notifier: Notifier, event: Event) -> None:
        try:
            # Written before, so that the log names the one that hangs.
            self._context.log.debug("notifier %s: sends %s", name, event.kind)
            with self._context.plugins.limit(self._owners[name]), without_sending():
                notifier.deliver(replace(self._context, emit=self), Message(uuid.uuid4().hex, (event,)))
        except (KeyboardInterrupt, StopRequested):
            raise
        except HuracanError as error:
            self._context.log.error("the notifier %s failed to send %s: %s", name, event.kind, error)
        except BaseException:
            # Not Exception: a notifier that calls sys.exit must not end the night.
            self._context.log.exception("the notifier %s failed to send %s", name, event.kind)
