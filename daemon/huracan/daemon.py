"""The daemon: starts pipelines when they are due and keeps services alive, all of them in processes of their own.

It decides and watches; it never works, so it stays small and answers. Pipelines run one after the other, since a
workspace holds one run at a time. When it is stopped, its children stop too, and the ledger knows where to go on.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from datetime import time as clock_time
from functools import partial
from typing import TYPE_CHECKING

from huracan.due import due_at, latest_due, parse_times, to_catch_up
from huracan.errors import ExitCode
from huracan.logs import relay
from huracan.run.heartbeat import Notification, Notifier
from huracan.run.plan import INTERRUPTED_CODE
from huracan.schedule import Schedule
from huracan.store import FINISHED, RunState
from huracan.supervise.base import Backoff, Child, Exit, ExitReason, Limits, StopSwitch, Supervisor
from huracan.supervise.process import keep_running
from huracan.types import Severity

if TYPE_CHECKING:
    from huracan.context import Context
    from huracan.types import Service

__all__ = ["Daemon"]

_RUN_LIMITS = Limits(stall=60.0, grace=15.0)
"""A run watches its job by itself; this is for its own loop, and for the time that its job takes to stop."""

_LATEST_SIGN = 60.0
"""Seconds after which a thread that does not come round is taken to hang: then systemd hears nothing any more."""

_LOOK_AGAIN = 30.0
_ENOUGH_KILLS = 10


class Daemon:
    """One daemon for one workspace. ``command`` makes the command line of a child out of its words."""

    def __init__(
        self,
        context: Context,
        supervisor: Supervisor,
        command: Callable[..., Sequence[str]],
        environment: Mapping[str, str],
        stop: StopSwitch,
        notifier: Notifier,
    ) -> None:
        self._context, self._supervisor, self._command = context, supervisor, command
        self._environment, self._stop, self._notifier = environment, stop, notifier
        self._due: queue.Queue[tuple[str, date]] = queue.Queue()
        self._expected: set[tuple[str, date]] = set()
        self._signs: dict[str, float] = {}
        self._at_work = ""
        self._times = self._known_times()
        self._schedule = Schedule(self._times, self._enqueue, self._report_schedule, context.clock)

    def run(self) -> int:
        """Work until ``stop`` is asked; then end all children and return 0."""
        services = self._context.plugins.services()
        threads = [self._thread("runs", self._work_off)]
        threads += [self._thread(f"service {one.name}", partial(self._serve, one)) for one in services.values()]
        self._schedule.begin()
        self._catch_up()
        for thread in threads:
            thread.start()
        self._context.log.info(
            "daemon up: %d pipelines on schedule, %d services; %s", len(self._times), len(services), self._status()
        )
        self._notifier.ready(self._status())
        try:
            self._watch()
        finally:
            self._notifier.stopping()
            self._schedule.end()
            for thread in threads:
                thread.join(_RUN_LIMITS.grace + 10)
        self._context.log.info("daemon stopped; interrupted runs go on at the next start")
        return int(ExitCode.DONE)

    # ---------------------------------------------------------------------------------------------- the main thread

    def _watch(self) -> None:
        look_again = time.monotonic() + _LOOK_AGAIN
        while not self._stop.wait(1.0):
            now = time.monotonic()
            if now >= look_again:
                look_again = now + _LOOK_AGAIN
                self._schedule.look_again()
            silent = [name for name, sign in list(self._signs.items()) if now - sign > _LATEST_SIGN]
            if silent:
                self._notifier.status(f"hangs: {', '.join(silent)}")
            else:
                self._notifier.alive(self._status())

    def _status(self) -> str:
        if self._at_work:
            return self._at_work
        coming = self._schedule.coming()
        if coming is None:
            return "nothing is scheduled"
        left = max(timedelta(), coming[1] - self._context.clock.now())
        hours, minutes = divmod(round(left.total_seconds() / 60), 60)
        return f"next: {coming[0]} at {coming[1]:%H:%M}Z, in {hours} h {minutes:02d} min"

    def _known_times(self) -> dict[str, clock_time]:
        """Read the schedule; a pipeline without jobs (its plugin does not work) is named and left out."""
        declared = {job.pipeline for job in self._context.plugins.jobs().values()}
        times = parse_times(self._context.settings.core.schedule.pipelines)
        for name in times.keys() - declared:
            self._context.emit(
                "schedule.failed", Severity.ERROR,
                f"schedule.pipelines.{name}: no enabled plugin declares a job of that pipeline; see `huracan plugins`",
            )  # fmt: skip
        return {name: at for name, at in times.items() if name in declared}

    def _catch_up(self) -> None:
        """Start what was missed or left unfinished while no daemon was there."""
        now, ledger = self._context.clock.now(), self._context.store.ledger
        for pipeline, at in self._times.items():
            row = ledger.run(pipeline, latest_due(now, at))
            left_open = row is not None and row.state in (RunState.RUNNING, RunState.INTERRUPTED)
            wanted = left_open or self._context.settings.core.schedule.catch_up
            run_date = to_catch_up(now, at, partial(self._is_finished, pipeline)) if wanted else None
            if run_date is not None:
                reason = "was interrupted" if left_open else "was missed"
                self._context.log.info("%s for %s %s: starting it now", pipeline, run_date, reason)
                self._enqueue(pipeline, run_date)

    def _is_finished(self, pipeline: str, run_date: date) -> bool:
        row = self._context.store.ledger.run(pipeline, run_date)
        return row is not None and row.state in FINISHED

    def _enqueue(self, pipeline: str, run_date: date) -> None:
        if (pipeline, run_date) not in self._expected:
            self._expected.add((pipeline, run_date))
            self._due.put((pipeline, run_date))

    def _report_schedule(self, pipeline: str, sentence: str) -> None:
        self._context.emit("schedule.failed", Severity.ERROR, f"{pipeline} {sentence}")

    # -------------------------------------------------------------------------------------------- the other threads

    def _thread(self, name: str, work: Callable[[], None]) -> threading.Thread:
        """Make a thread that outlives its children, and that an exception does not end."""

        def guarded() -> None:
            while not self._stop.asked:
                try:
                    work()
                    return
                except Exception as error:
                    self._context.log.error("%s: %s: %s", name, type(error).__name__, error, exc_info=error)
                    self._stop.wait(5.0)

        self._signs[name] = time.monotonic()
        return threading.Thread(target=guarded, name=name, daemon=True)

    def _work_off(self) -> None:
        """Run what is due, one after the other."""
        while not self._stop.asked:
            self._signs["runs"] = time.monotonic()
            try:
                pipeline, run_date = self._due.get(timeout=0.5)
            except queue.Empty:
                continue
            try:
                self._run_until_it_ended(pipeline, run_date)
            finally:
                self._expected.discard((pipeline, run_date))
                self._at_work = ""

    def _run_until_it_ended(self, pipeline: str, run_date: date) -> None:
        """Start `huracan run`; again, with pauses, where it was killed or another run holds the workspace."""
        backoff = Backoff(2.0, 900.0)
        due = due_at(run_date, self._times[pipeline]).isoformat()
        killed = 0
        while killed < _ENOUGH_KILLS:
            self._at_work = f"{pipeline} {run_date}: starting"
            watcher = _Watcher(self, "runs", f"{pipeline} {run_date}")
            ended = self._supervisor.run(self._child(_RUN_LIMITS, "run", pipeline, "--due", due), watcher, self._stop)
            if self._stop.asked or _has_its_end(ended):
                return
            killed += ended.code != ExitCode.LOCKED
            pause = backoff.after(ended.seconds)
            self._context.log.warning("%s %s %s; again in %.0f s", pipeline, run_date, ended.sentence, pause)
            self._at_work = f"{pipeline} {run_date}: waits to be started again"
            if self._sleep("runs", pause):
                return
        self._context.emit("run.given-up", Severity.ERROR, f"{pipeline} {run_date}: given up, it never came to its end")

    def _serve(self, service: Service) -> None:
        """Keep one service running."""
        name = f"service {service.name}"

        def ended(exit_: Exit, pause: float) -> None:
            title = f"{name} {exit_.sentence}; it is started again in {pause:.1f} s"
            self._context.emit("service.ended", Severity.WARNING, title)

        keep_running(
            self._supervisor,
            lambda: self._child(Limits(stall=service.stall_limit), "service", service.name),
            _Watcher(self, name, None),
            self._stop,
            Backoff(service.restart_delay, service.restart_delay_max, chance=random.Random()),
            ended,
        )

    def _child(self, limits: Limits, *words: str) -> Child:
        return Child(self._command(*words, "--log-format", "json"), self._environment, limits)

    def _sleep(self, thread: str, seconds: float) -> bool:
        """Sleep, giving signs of life; return True at once when the daemon is to stop."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not self._stop.wait(min(left, 1.0)):
            self._signs[thread] = time.monotonic()
        return self._stop.asked

    def sign(self, thread: str) -> None:
        """Note that a thread has come round."""
        self._signs[thread] = time.monotonic()

    def at_work(self, text: str) -> None:
        """Note what the running pipeline says of itself."""
        self._at_work = text


class _Watcher:
    """Logs what a child says, and keeps the daemon's picture of it up to date."""

    def __init__(self, daemon: Daemon, thread: str, run: str | None) -> None:
        self._daemon, self._thread, self._run = daemon, thread, run

    def line(self, text: str) -> None:
        relay(text)

    def notified(self, notification: Notification) -> None:
        if self._run is not None and notification.status:
            self._daemon.at_work(f"{self._run}: {notification.status}")

    def tick(self) -> None:
        self._daemon.sign(self._thread)


def _has_its_end(ended: Exit) -> bool:
    """Say whether a run came to an end of its own, good or bad."""
    return ended.reason is ExitReason.EXITED and ended.code not in (ExitCode.LOCKED, INTERRUPTED_CODE)
