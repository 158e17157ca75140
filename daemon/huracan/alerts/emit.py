"""Turns a call of ``context.emit`` into a stored event, a log line and messages; whatever fails is only logged."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from huracan.clock import SystemClock
from huracan.context import Context, Emit
from huracan.logs import mask
from huracan.types import Event, Notifier, Severity

__all__ = ["make_emit"]

_LEVELS = {
    Severity.DEBUG: logging.DEBUG,
    Severity.INFO: logging.INFO,
    Severity.WARNING: logging.WARNING,
    Severity.ERROR: logging.ERROR,
}
_ORDER = list(Severity)


def make_emit(context: Context) -> Emit:
    """Return the function that becomes ``context.emit``."""
    return _Emitter(context)


class _Emitter:
    """Sends events. A channel or a database that fails costs its own copy and nothing else."""

    def __init__(self, context: Context) -> None:
        self._context = context
        # When something happened is not what the run's frozen clock says.
        self._clock = SystemClock()

    def __call__(self, kind: str, severity: Severity, title: str, *, symbol: str | None = None, **fields: Any) -> None:
        run = self._context.run
        event = Event(
            kind=kind,
            severity=severity,
            title=mask(title),
            time=self._clock.now(),
            fields=_json_safe(fields),
            run_id=run.run_id if run else None,
            job=(run.job or None) if run else None,
            symbol=symbol,
        )
        extra = {
            "event": kind,
            **({"symbol": symbol} if symbol else {}),
            **({"fields": event.fields} if fields else {}),
        }
        self._context.log.log(_LEVELS[severity], event.title, extra=extra)
        try:
            self._context.store.events.add(event)
        except Exception:
            self._context.log.exception("the event %s could not be stored", kind)
        for name, notifier in self._notifiers.items():
            self._send(name, notifier, event)

    @cached_property
    def _notifiers(self) -> Mapping[str, Notifier]:
        return self._context.plugins.notifiers()

    def _send(self, name: str, notifier: Notifier, event: Event) -> None:
        if _ORDER.index(event.severity) < _ORDER.index(notifier.least_severity):
            return
        try:
            notifier.send(self._context, event)
        except Exception:
            self._context.log.exception("the notifier %s failed to send %s", name, event.kind)


def _json_safe(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields as JSON values without secrets; what JSON does not know becomes text."""
    safe: dict[str, Any] = json.loads(mask(json.dumps(fields, default=str, ensure_ascii=False)))
    return safe
