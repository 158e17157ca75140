"""Delivers while a run leads its jobs, where no service does it: in a thread, so that no channel delays the night."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from huracan.alerts.delivery import LOCK, Deliverer
from huracan.alerts.routing import channels
from huracan.alerts.spool import lay_down
from huracan.errors import HuracanError
from huracan.store import OPEN

if TYPE_CHECKING:
    from huracan.context import Context

__all__ = ["delivering"]

PATIENCE = 20.0
"""Seconds that a run waits at its end for messages to arrive; what is left then waits for whoever delivers next."""
LOOK = 1.0


@contextmanager
def delivering(
    context: Context,
    alive: Callable[[str], None] = lambda _: None,
    patience: float = PATIENCE,
    *,
    shared: bool = True,
) -> Iterator[None]:
    """Take messages to their channels inside the block, unless another process does; ``alive`` is told at the end.

    An outbox that is not ``shared`` is in the memory of this process: no other delivers what waits there, and what is
    left at the end is kept for whoever delivers when the database is back. Nothing that goes wrong here is raised, and
    the end waits for ``patience`` seconds at most.
    """
    courier = _Courier(context, shared)
    try:
        yield
    finally:
        courier.finish(alive, patience)


class _Courier:
    def __init__(self, context: Context, shared: bool) -> None:
        self._context, self._shared = context, shared
        self._ends, self._leave = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        try:
            if channels(context):
                # The log's fields travel in context variables, which a new thread does not have.
                self._thread = threading.Thread(
                    target=copy_context().run, args=(self._guarded,), name="alerts", daemon=True
                )
                self._thread.start()
        except Exception as error:
            context.log.warning("alerts wait: %s", error, exc_info=error)

    def finish(self, alive: Callable[[str], None], patience: float) -> None:
        """Let the last messages arrive."""
        if self._thread is None:
            return
        self._ends.set()
        deadline = time.monotonic() + patience
        while self._thread.is_alive() and time.monotonic() < deadline:
            self._thread.join(0.2)
            alive("alerts are delivered")
        self._leave.set()
        # An attempt that is under way may hang; what it tried is sent again later, marked as repeated.
        self._thread.join(1.0)
        if not self._shared:
            self._keep_what_is_left()

    def _guarded(self) -> None:
        try:
            self._work()
        except Exception as error:
            self._context.log.warning("alerts wait for the next delivery: %s", error, exc_info=error)

    def _keep_what_is_left(self) -> None:
        try:
            left = {row.event_id: event for row, event in self._context.store.outbox.listing(list(OPEN)) if event}
            for event in left.values():
                lay_down(self._context.paths.state, event)
        except (OSError, HuracanError) as error:
            self._context.log.warning("alerts that did not arrive are lost: %s", error)

    def _work(self) -> None:
        if not self._shared:
            self._deliver()
            return
        state = self._context.paths.state
        state.mkdir(parents=True, exist_ok=True)
        lock = FileLock(state / LOCK, timeout=0)
        while not self._leave.is_set():
            with suppress(Timeout), lock:
                self._deliver()
            if self._ends.wait(LOOK):
                return

    def _deliver(self) -> None:
        deliverer = Deliverer(self._context, stopped=self._leave.is_set)
        while not self._leave.is_set():
            # Asked before the turn: what the run sent last is in the outbox by then.
            ends = self._ends.is_set()
            try:
                if deliverer.turn():
                    continue
            except HuracanError as error:
                self._context.log.warning("alerts wait: %s", error)
            if ends and not deliverer.is_due_soon():
                return
            (self._leave if ends else self._ends).wait(LOOK)
