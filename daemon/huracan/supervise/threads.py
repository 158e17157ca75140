"""What the threads of a daemon share that start children and stay with them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from huracan.logs import relay
from huracan.run.heartbeat import Notification
from huracan.supervise.base import StopSwitch

__all__ = ["RelayingWatcher", "guarded_thread"]

_PAUSE = 5.0
"""Seconds until work that an exception ended begins again."""


class RelayingWatcher:
    """Logs what a child says; ``sign`` is called each time its supervisor comes round, ``status`` for each status."""

    def __init__(self, sign: Callable[[], None], status: Callable[[str], None] | None = None) -> None:
        self._sign, self._status = sign, status

    def line(self, text: str) -> None:
        relay(text)

    def begun(self) -> None:
        """Say nothing: whoever keeps it running does."""

    def notified(self, notification: Notification) -> None:
        if self._status is not None and notification.status:
            self._status(notification.status)

    def tick(self) -> None:
        self._sign()


def guarded_thread(
    name: str, work: Callable[[], None], stop: StopSwitch, log: logging.LoggerAdapter[logging.Logger]
) -> threading.Thread:
    """Make a thread that does not keep the process alive, and that an exception does not end: work begins again."""

    def guarded() -> None:
        while not stop.asked:
            try:
                work()
                return
            except Exception as error:
                log.error("%s: %s: %s", name, type(error).__name__, error, exc_info=error)
                stop.wait(_PAUSE)

    return threading.Thread(target=guarded, name=name, daemon=True)
