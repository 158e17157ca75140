"""Tells of changes beside the judging: a messenger that does not answer must not let ``trading.json`` run out."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from huracan.alerts.trading import tell_changes
from huracan.context import Context
from huracan.errors import HuracanError

__all__ = ["Teller"]

LEAVE_SECONDS = 5.0
"""How long one that is telling may go on when the service ends; cut off, it is told again by the next."""


class Teller:
    """A thread that tells what changed whenever it is woken; what it could not tell it tells the next time."""

    def __init__(self, context: Context) -> None:
        self._context, self._awake, self._ended = context, threading.Event(), False
        self._thread = threading.Thread(target=self._work, name="telling", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del kind, error, trace
        self._ended = True
        self._awake.set()
        self._thread.join(LEAVE_SECONDS)

    def wake(self) -> None:
        """Have told what changed, soon."""
        self._awake.set()

    def _work(self) -> None:
        while self._awake.wait() and not self._ended:
            self._awake.clear()
            try:
                tell_changes(self._context, patience=0.0)
            except HuracanError as error:
                self._context.log.warning("safety: what changed is not told yet: %s", error)
            except Exception:
                self._context.log.exception("safety: what changed is not told yet")
