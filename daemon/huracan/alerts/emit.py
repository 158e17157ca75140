"""Turns a call of ``context.emit`` into a stored event, a log line and messages; whatever fails is only logged."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from huracan.clock import SystemClock
from huracan.context import Context, Emit
from huracan.errors import HuracanError, StopRequested
from huracan.logs import inside
from huracan.masking import json_safe
from huracan.types import Event, Notifier, Severity

__all__ = ["make_emit"]

_LEVELS = {
    Severity.DEBUG: logging.DEBUG,
    Severity.INFO: logging.INFO,
    Severity.WARNING: logging.WARNING,
    Severity.ERROR: logging.ERROR,
}
_ORDER = list(Severity)
_SENDING: ContextVar[bool] = ContextVar("huracan_event_is_sent", default=False)


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
        self._owners: Mapping[str, str] = {}

    def __call__(self, kind: str, severity: Severity, title: str, *, symbol: str | None = None, **fields: Any) -> None:
        try:
            event = self._event(kind, Severity(severity), title, symbol, fields)
            self._write(event)
            self._store(event)
            # What a notifier itself emits is recorded and not sent: it would go round in circles.
            if not _SENDING.get():
                self._send_to_all(event)
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

    def _store(self, event: Event) -> None:
        try:
            self._context.store.events.add(event)
        except HuracanError as error:
            self._context.log.error("the event %s could not be stored: %s", event.kind, error)
        except Exception:
            self._context.log.exception("the event %s could not be stored", event.kind)

    def _send_to_all(self, event: Event) -> None:
        for name, notifier in self._notifiers().items():
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
        token = _SENDING.set(True)
        try:
            if _ORDER.index(event.severity) < _ORDER.index(notifier.least_severity):
                return
            # Written before, so that the log names the one that hangs.
            self._context.log.debug("notifier %s: sends %s", name, event.kind)
            notifier.send(replace(self._context, emit=self), event)
        except (KeyboardInterrupt, StopRequested):
            raise
        except HuracanError as error:
            self._context.log.error("the notifier %s failed to send %s: %s", name, event.kind, error)
        except BaseException:
            # Not Exception: a notifier that calls sys.exit must not end the night.
            self._context.log.exception("the notifier %s failed to send %s", name, event.kind)
        finally:
            _SENDING.reset(token)
