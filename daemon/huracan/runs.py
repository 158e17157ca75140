"""The runs of a daemon: what is to run, one after the other, in a thread of its own that follows each to its end."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from huracan.alerts import make_emit
from huracan.context import RunInfo
from huracan.errors import ExitCode, HuracanError, UsageError
from huracan.memory import give_back_memory
from huracan.run.plan import INTERRUPTED_CODE
from huracan.starting import Order, RunByUnits, Starter
from huracan.store import RunRow, RunState
from huracan.supervise.base import Backoff, Exit, ExitReason, StopSwitch
from huracan.supervise.threads import RelayingWatcher, guarded_thread
from huracan.types import Severity

if TYPE_CHECKING:
    from huracan.context import Context
    from huracan.rests import Rests

__all__ = ["AtWork", "Runs"]

_ENOUGH_KILLS = 10
_RESTS = "it rests until its next time, or until `huracan start` goes on with it"
_NAP = 20.0
"""Seconds for which a thread with nothing to do waits, between two signs."""


@dataclass(slots=True)
class AtWork:
    """What runs now, in the daemon's eyes."""

    order: Order
    text: str
    since: datetime
    stop: StopSwitch = field(default_factory=StopSwitch)

    def tell(self, status: str) -> None:
        """Take what the run says of itself."""
        self.text = f"{self.order}: {status}"


class Runs:
    """Runs orders, one after the other. ``context`` gives the one that holds now; ``sign`` is a sign of life.

    A run whose job a person stopped by systemd is let rest by ``rests``.
    """

    def __init__(
        self, starter: Starter, context: Callable[[], Context], stop: StopSwitch, sign: Callable[[], None],
        rests: Rests,
    ) -> None:  # fmt: skip
        self._starter, self._context, self._stop, self._sign = starter, context, stop, sign
        self._rests = rests
        self._due: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
        self._expected: set[Order] = set()
        self._guard = threading.Lock()
        """Held while an order is taken up, taken back or done with."""
        self._thread = guarded_thread("runs", self._work_off, stop, context().log)
        self.at_work: AtWork | None = None

    def begin(self) -> None:
        """Start the thread."""
        self._sign()
        self._thread.start()

    def end(self, seconds: float) -> None:
        """Have the thread end; a run by units goes on without it, any other is stopped and waited for."""
        self._due.put(None)
        at_work = self.at_work
        if isinstance(self._starter, RunByUnits):
            if at_work is not None:
                self._context().log.info("daemon stopped; %s goes on without it", at_work.order)
            return
        if at_work is not None:
            at_work.stop.ask()
        self._thread.join(seconds)

    def put(self, order: Order) -> None:
        """Have it run when those before it have ended, unless it runs or waits already."""
        with self._guard:
            if order not in self._expected:
                self._expected.add(order)
                self._due.put(order)

    def __contains__(self, order: Order) -> bool:
        return order in self._expected

    def is_expected(self, name: str) -> bool:
        """Say whether a run of this pipeline or job is at work or waits."""
        return any(order.name == name for order in list(self._expected))

    def waiting(self) -> list[str]:
        """Return what waits, in words."""
        at_work = self.at_work
        return sorted(str(order) for order in list(self._expected) if at_work is None or order != at_work.order)

    def stop_run(self, name: str | None) -> tuple[AtWork | None, list[Order]]:
        """Stop what runs, or with a name what runs and waits by that name; return what ran and what waited.

        Raises UsageError where there is nothing of that kind.
        """
        with self._guard:
            at_work = self.at_work
            waiting = {order for order in self._expected if at_work is None or order != at_work.order}
            waiting = {order for order in waiting if name and order.name == name}
            self._expected -= waiting
        if at_work is not None and name and at_work.order.name != name:
            at_work = None
        if at_work is None and not waiting:
            raise UsageError(f"{name} neither runs nor waits" if name else "nothing runs")
        if at_work is not None:
            at_work.stop.ask()
        return at_work, sorted(waiting, key=str)

    # ------------------------------------------------------------------------------------------------- in its thread

    def _work_off(self) -> None:
        """Run what is due, one after the other."""
        while not self._stop.asked:
            self._sign()
            with suppress(queue.Empty):
                order = self._due.get(timeout=_NAP)
                if order is None:
                    return
                if (at_work := self._take_up(order)) is None:
                    continue
                try:
                    self._run_until_it_ended(order, at_work)
                finally:
                    with self._guard:
                        self.at_work = None
                        self._expected.discard(order)
                    at_work.stop.close()
                    give_back_memory()

    def _take_up(self, order: Order) -> AtWork | None:
        """Say that it is at work; None where it was taken back meanwhile."""
        with self._guard:
            if order not in self._expected:
                return None
            self.at_work = AtWork(order, f"{order}: starting", self._context().clock.now())
            return self.at_work

    def _run_until_it_ended(self, order: Order, at_work: AtWork) -> None:
        """Run it; again, with pauses, where it was killed or another run holds the workspace."""
        backoff = Backoff(2.0, 900.0)
        killed = 0
        todo, told = order, False
        while killed < _ENOUGH_KILLS:
            at_work.tell("starting")
            ended = self._run_once(todo, at_work)
            if self._stop.asked or at_work.stop.asked or self._has_its_end(todo, ended):
                return
            if todo.force and self._has_begun(todo, at_work.since):
                todo = replace(todo, force=False)  # the next try goes on with it, in place of doing all again
            if ended.code == INTERRUPTED_CODE and isinstance(self._starter, RunByUnits):
                self._rest(order, at_work.since)
                return
            killed += ended.code not in (ExitCode.LOCKED, ExitCode.TRY_AGAIN)
            if ended.reason is ExitReason.REFUSED and not told:
                told = True
                self._context().emit("run.troubled", Severity.WARNING, f"{order} {ended.sentence}; it is tried again")
            pause_seconds = backoff.after(ended.seconds)
            self._context().log.warning("%s %s; again in %.0f s", order, ended.sentence, pause_seconds)
            at_work.tell("waits to be started again")
            if self._sleep(pause_seconds, at_work.stop):
                return
        self._tell_that_it_is_given_up(order)

    def _rest(self, order: Order, since: datetime) -> None:
        """Let a run rest whose job a person stopped by systemd. Where the machine stops, or all of Huracan, a job is
        stopped just so: then this process ends before the rest is one for good, and the next one goes on."""
        self._rests.add_for_now(order.name, (order.due or since).date(), self._context().clock.now())
        self._context().emit("run.stopped", Severity.WARNING, f"{order}: a person stopped its job; {_RESTS}")

    def _tell_that_it_is_given_up(self, order: Order) -> None:
        """Send the event as one of the run, where that began: so a dead-man's switch knows which start has no end."""
        context, row = self._context(), self._newest(order)
        emit = context.emit
        if row is not None and row.state in (RunState.RUNNING, RunState.INTERRUPTED):  # of any other the end was told
            run = RunInfo(row.run_id, row.pipeline, row.run_date, row.as_of)
            emit = make_emit(replace(context, run=run))
        emit("run.given-up", Severity.ERROR, f"{order}: given up, it never came to its end", pipeline=order.name)

    def _newest(self, order: Order) -> RunRow | None:
        run_date = (order.due or self._context().clock.now()).date()
        try:
            return self._context().store.ledger.run(order.name, run_date)
        except HuracanError:
            return None

    def _has_begun(self, order: Order, since: datetime) -> bool:
        row = self._newest(order)
        return row is not None and row.started_at >= since

    def _has_its_end(self, order: Order, ended: Exit) -> bool:
        """Say whether a run came to an end of its own, good or bad."""
        if ended.reason is not ExitReason.EXITED or ended.code in (ExitCode.LOCKED, INTERRUPTED_CODE):
            return False
        if ended.code != ExitCode.TRY_AGAIN:
            return True
        # Either its jobs could not do their work, which the ledger knows, or the ledger itself could not be opened.
        row = self._newest(order)
        return row is not None and row.ended_at is not None

    def _run_once(self, order: Order, at_work: AtWork) -> Exit:
        context = self._context()
        try:
            return self._starter.run(context, order, RelayingWatcher(self._sign, at_work.tell), at_work.stop)
        except Exception as error:
            context.log.error("%s: %s: %s", order, type(error).__name__, error, exc_info=error)
            return Exit(ExitReason.REFUSED, int(ExitCode.BUG), 0.0, detail=f"{type(error).__name__}: {error}")

    def _sleep(self, seconds: float, stop: StopSwitch) -> bool:
        """Sleep, giving signs of life; return True at once when the daemon or the run is to stop."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not stop.asked and not self._stop.wait(min(left, 1.0)):
            self._sign()
        return self._stop.asked or stop.asked
