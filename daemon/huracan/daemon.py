"""The daemon: starts pipelines when they are due and keeps services alive, all of them in processes of their own.

It decides and watches; it never works, so it stays small and answers. Pipelines run one after the other, since a
workspace holds one run at a time. Where it supervises processes, they stop with it; units of systemd go on, and the
next daemon follows them. Either way the ledger knows where to go on.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from functools import partial
from typing import TYPE_CHECKING, Any

from huracan.clock import format_instant
from huracan.due import ON_TIME, due_at, latest_due, parse_times, to_catch_up
from huracan.errors import ExitCode, HuracanError, UsageError
from huracan.rests import Rests
from huracan.run.failing import DAEMON, is_well_after, note_well
from huracan.run.heartbeat import Notifier
from huracan.run.lock import is_held
from huracan.runs import Runs
from huracan.schedule import Schedule
from huracan.starting import Order, RunByUnits, Starter
from huracan.store import FINISHED, RunState
from huracan.supervise.base import StopSwitch
from huracan.trading import SchedulePause, schedule_pause
from huracan.types import Severity
from huracan.units.declared import declared, own_command
from huracan.units.installing import differences
from huracan.units.render import render

if TYPE_CHECKING:
    from huracan.context import Context
    from huracan.control import ControlServer
    from huracan.serving import Services

__all__ = ["Daemon"]

_LATEST_SIGN = 60.0
"""Seconds after which a thread that does not come round is taken to hang: then systemd hears nothing any more."""

_BEAT = 2.0
"""Seconds between two rounds of the main thread: signs of life, what was asked for, what changed."""
_NEAR = timedelta(seconds=0.5), timedelta(seconds=2 * _BEAT)
"""How long before it is due the start of a pipeline is rehearsed; longer than a round, so that one round sees it."""
_LOOK_AGAIN = 10.0
_OLD_RUN = timedelta(days=2)
"""Age from which a run of nothing scheduled is left as it is."""
_LEAVE = 25.0
"""Seconds that threads get to end when the daemon stops."""


class Daemon:
    """One daemon for one workspace. ``load`` reads the settings anew, for :meth:`ask_reload`."""

    def __init__(
        self,
        context: Context,
        starter: Starter,
        services: Services,
        load: Callable[[], Context],
        stop: StopSwitch,
        notifier: Notifier,
    ) -> None:
        self._context, self._starter, self._services = context, starter, services
        self._load, self._stop, self._notifier = load, stop, notifier
        self._signs: dict[str, float] = {}
        self._runs = Runs(starter, lambda: self._context, stop, partial(self.sign, "runs"))
        self._rests = Rests(context.paths.state)
        self._reload_asked = self._was_set_back = False
        self._is_behind = threading.Event()
        """Something may have fallen due without being started."""
        self._left_open = False
        """Whether the ledger could not be asked for runs that nobody leads, since somebody led one."""
        self._later: set[str] = set()
        """Pipelines to look at again, since another run of theirs was at work."""
        self._rehearsed: tuple[str, datetime] | None = None
        self._times, self._schedule = self._make_schedule(context)

    def run(self) -> int:
        """Work until ``stop`` is asked and return 0; processes end with it, units stay."""
        self._services.begin(self._context, self.sign, self.forget)
        self._schedule.begin()
        self.sign("schedule")
        self._left_open = not self._go_on()
        self._later = self._catch_up(self._times)
        self._tell_of_old_units()
        self._runs.begin()
        self._context.log.info("daemon up: %s", self._describe())
        self._notifier.ready(self._status())
        try:
            self._watch()
        finally:
            self._notifier.stopping()
            self._end()
        return int(ExitCode.DONE)

    def ask_reload(self) -> None:
        """Have the settings read anew, soon; safe in a signal handler."""
        self._reload_asked = True

    # ---------------------------------------------------------------------------------------------- the main thread

    def _watch(self) -> None:
        look_again = time.monotonic() + _LOOK_AGAIN
        well_at = time.monotonic() + is_well_after(_LATEST_SIGN)
        was_paused = self._paused() is not None
        while not self._stop.wait(_BEAT):
            now = time.monotonic()
            is_paused = self._paused() is not None
            if was_paused and not is_paused:
                self._is_behind.set()
            was_paused = is_paused
            if self._reload_asked:
                self._reload_asked = False
                self._reload()
            if self._is_behind.is_set() or self._left_open or self._later:
                self._try_to_catch_up()
            self._rehearse()
            if now >= look_again:
                look_again = now + _LOOK_AGAIN
                self._look_again()
                if well_at <= now:
                    note_well(self._context.paths.state, DAEMON)
                    well_at = math.inf
            if silent := self._silent():
                self._notifier.status(f"hangs: {', '.join(silent)}")
            else:
                self._notifier.alive(self._status())

    def _rehearse(self) -> None:
        """Have the next start rehearsed, once, when it is near."""
        coming = self._schedule.coming()
        if coming is None or coming == self._rehearsed:
            return
        if _NEAR[0] < coming[1] - self._context.clock.now() <= _NEAR[1]:
            self._rehearsed = coming
            self._runs.rehearse(coming[0])

    def _look_again(self) -> None:
        """Have the schedule look at the clock, which may have been set; it gives a sign of life where it does."""
        if self._schedule.look_again():
            self._context.log.warning("the clock was set back; what is due counts from now")
            self._was_set_back = True
            self._is_behind.set()
        if self._schedule.is_alive():
            self.sign("schedule")

    def _silent(self) -> list[str]:
        now = time.monotonic()
        return [name for name, sign in list(self._signs.items()) if now - sign > _LATEST_SIGN]

    def _end(self) -> None:
        self._schedule.end()
        self._runs.end(_LEAVE)
        self._services.end(_LEAVE)
        self._context.log.info("daemon stopped; interrupted runs go on at the next start")

    def _paused(self) -> SchedulePause | None:
        return schedule_pause(self._context.paths.state)

    def _status(self) -> str:
        if (at_work := self._runs.at_work) is not None:
            return at_work.text
        if (pause := self._paused()) is not None:
            return pause.sentence
        coming = self._schedule.coming()
        if coming is None:
            return "nothing is scheduled"
        left = max(timedelta(), coming[1] - self._context.clock.now())
        hours, minutes = divmod(round(left.total_seconds() / 60), 60)
        return f"next: {coming[0]} at {coming[1]:%H:%M}Z, in {hours} h {minutes:02d} min"

    def _describe(self) -> str:
        by = "units of systemd" if isinstance(self._starter, RunByUnits) else "processes"
        scheduled = f"{len(self._times)} pipelines on schedule" if self._times else "no pipeline on schedule"
        return f"{scheduled}, {self._services.describe()}, jobs as {by}; {self._status()}"

    def _reload(self) -> None:
        """Take new settings, or keep the old ones where the new are wrong or need a new process."""
        try:
            context = self._load()
            times, schedule = self._make_schedule(context)
        except HuracanError as error:
            title = f"settings are not reloaded, the old ones stay: {str(error).partition(chr(10))[0]}"
            self._context.emit("settings.refused", Severity.ERROR, title)
            return
        self._schedule.end()
        self._context, self._times, self._schedule = context, times, schedule
        schedule.begin()
        self.sign("schedule")
        self._services.restart(context)
        self._is_behind.set()
        self._tell_of_old_units()
        context.emit("settings.reloaded", Severity.INFO, f"settings reloaded: {self._describe()}")

    def _tell_of_old_units(self) -> None:
        """Say where the installed units are not those that are declared: limits and sandbox would be others."""
        if not isinstance(self._starter, RunByUnits):
            return
        try:
            settings, plugins = self._context.settings, self._context.plugins
            changes = differences(render(declared(settings, plugins, own_command())))
        except (HuracanError, OSError) as error:
            self._context.log.warning("the installed units cannot be compared: %s", error)
            return
        if changes:
            names = ", ".join(sorted({change.path.name for change in changes})[:3])
            title = f"{len(changes)} unit files are out of date ({names}): `sudo huracan units install`"
            self._context.emit("units.outdated", Severity.WARNING, title)

    # --------------------------------------------------------------------------------------------------- what is due

    def _make_schedule(self, context: Context) -> tuple[dict[str, clock_time], Schedule]:
        """Read the schedule; a pipeline without jobs (its plugin does not work) is named and left out."""
        settings = context.settings.core.schedule
        declared = {job.pipeline for job in context.plugins.jobs().values()}
        times = parse_times(settings.pipelines) if settings.scheduler == "daemon" else {}
        for name in times.keys() - declared:
            context.emit(
                "schedule.failed", Severity.ERROR,
                f"schedule.pipelines.{name}: no enabled plugin declares a job of that pipeline; see `huracan plugins`",
            )  # fmt: skip
        times = {name: at for name, at in times.items() if name in declared}
        return times, Schedule(times, self._is_due, self._report_schedule, context.clock)

    def _go_on(self) -> bool:
        """Go on with runs that the ledger calls running and nobody leads: their jobs may be at work still.

        Return False where somebody leads a run: whether there are others is to be asked again.
        """
        if is_held(self._context.paths.state / "run.lock"):
            return False
        now = self._context.clock.now()
        for row in reversed(self._context.store.ledger.runs(limit=20)):
            at = self._times.get(row.pipeline)
            is_old = now - row.started_at > _OLD_RUN if at is None else row.run_date != latest_due(now, at)
            due = row.as_of if at is None else due_at(row.run_date, at)
            known = self._runs.is_expected(row.pipeline) or not self._is_declared(row.pipeline)
            rests = self._rests.holds(row.pipeline, row.run_date, due)
            if row.state is RunState.RUNNING and not is_old and not known and not rests:
                self._context.log.info("%s for %s was interrupted: going on with it", row.pipeline, row.run_date)
                self._enqueue(Order(row.pipeline, due))
        return True

    def _is_declared(self, name: str) -> bool:
        jobs = self._context.plugins.jobs()
        return name in jobs or any(job.pipeline == name for job in jobs.values())

    def _try_to_catch_up(self) -> None:
        was_behind = self._is_behind.is_set()
        self._is_behind.clear()  # first, for other threads set it
        try:
            self._left_open = not self._go_on()
            self._later = self._catch_up(self._times if was_behind else self._times.keys() & self._later)
            self._was_set_back &= bool(self._later)
        except HuracanError as error:
            if was_behind:
                self._is_behind.set()
            self._context.log.warning("the ledger cannot be asked now for what was missed: %s", error)

    def _catch_up(self, pipelines: Iterable[str]) -> set[str]:
        """Start what was missed or left unfinished while no daemon was there, or none that saw the right time.

        Return those of which another run is at work or waits: what is left to do is seen when that has ended.
        """
        now, ledger = self._context.clock.now(), self._context.store.ledger
        later = set()
        for pipeline in pipelines:
            at = self._times[pipeline]
            latest = latest_due(now, at)
            due = due_at(latest, at)
            if Order(pipeline, due) in self._runs or self._rests.holds(pipeline, latest, due):
                continue
            if self._runs.is_expected(pipeline):
                later.add(pipeline)
                continue
            row = ledger.run(pipeline, latest)
            if row is None and self._was_set_back and not ledger.knows_earlier(pipeline, latest):
                continue  # which clock was the wrong one? A date before all others is rather a mistake than missed
            left_open = row is not None and row.state in (RunState.RUNNING, RunState.INTERRUPTED)
            wanted = left_open or self._context.settings.core.schedule.catch_up
            run_date = to_catch_up(now, at, partial(self._is_finished, pipeline)) if wanted else None
            if run_date is not None:
                reason = "was interrupted" if left_open else "was missed"
                self._context.log.info("%s for %s %s: starting it now", pipeline, run_date, reason)
                self._enqueue(Order(pipeline, due))
        return later

    def _is_finished(self, pipeline: str, run_date: date) -> bool:
        row = self._context.store.ledger.run(pipeline, run_date)
        return row is not None and row.state in FINISHED

    def _is_due(self, pipeline: str, run_date: date) -> None:
        due = due_at(run_date, self._times[pipeline])
        order, at_work = Order(pipeline, due), self._runs.at_work
        if self._rests.holds(pipeline, run_date, due):
            return  # it was stopped after its time; the clock has come to that time again
        if self._context.clock.now() - due > ON_TIME:  # the machine slept, or its clock was wrong
            self._is_behind.set()
            if not (self._context.settings.core.schedule.catch_up or self._is_finished(pipeline, run_date)):
                self._report_schedule(pipeline, f"of {run_date} was missed, and schedule.catch_up is off")
            return
        if at_work is not None and at_work.order != order:
            title = f"{order} is due while {at_work.order} still runs; it starts after that"
            self._context.emit("schedule.overlap", Severity.WARNING, title)
        self._enqueue(order)

    def _enqueue(self, order: Order) -> None:
        if order.due is not None and self._paused() is not None:
            self._context.log.warning("%s is due, but the schedule is paused: `huracan resume` starts it", order)
        else:
            self._runs.put(order)

    def _report_schedule(self, pipeline: str, sentence: str) -> None:
        self._context.emit("schedule.failed", Severity.ERROR, f"{pipeline} {sentence}")

    # --------------------------------------------------------------------------------------------------- the threads

    def listen(self, server: ControlServer) -> None:
        """Answer at the control socket until the daemon stops; without it the daemon still does its work."""
        self.sign("control")
        try:
            server.serve(self._stop, partial(self.sign, "control"))
        except (HuracanError, OSError) as error:
            self._signs.pop("control", None)
            self._context.emit("control.failed", Severity.WARNING, f"`huracan start` and the like do not work: {error}")

    def sign(self, thread: str) -> None:
        """Note that a thread has come round."""
        self._signs[thread] = time.monotonic()

    def forget(self, thread: str) -> None:
        """Expect no more signs of a thread that ended."""
        self._signs.pop(thread, None)

    # ------------------------------------------------------------------------------------------------ for its orders

    @property
    def context(self) -> Context:
        return self._context

    def standing(self) -> dict[str, Any]:
        """Return what runs, waits, rests and comes next, as JSON values."""
        at_work, pause, coming = self._runs.at_work, self._paused(), self._schedule.coming()
        resting = {name: rest for name, rest in self._rests.all().items() if not self._is_over(name, rest.run_date)}
        running = None if at_work is None else {"what": str(at_work.order), "since": format_instant(at_work.since)}
        return {
            "workspace": str(self._context.paths.workspace),
            "status": self._status(),
            "running": running,
            "next": None if coming is None else {"what": coming[0], "at": format_instant(coming[1])},
            "paused": None if pause is None else pause.as_json(),
            "waiting": self._runs.waiting(),
            "schedule": {name: format_instant(at) for name, at in self._schedule.all_coming().items()},
            "behind": self._is_behind.is_set() or self._left_open or bool(self._later),
            "resting": {name: rest.run_date.isoformat() for name, rest in resting.items()},
            "hangs": self._silent(),
            "services": self._services.describe(),
        }

    def start(self, order: Order) -> str | None:
        """Take an order and say behind which run it waits. Raises UsageError where it runs or waits already."""
        if order in self._runs:
            raise UsageError(f"{order} runs already, or waits to")
        at_work = self._runs.at_work
        rested, at = self._rests.lift(order.name), self._times.get(order.name)
        today = self._context.clock.now().date()
        if rested not in (None, today) and at is not None and not order.force and not self._is_over(order.name, rested):
            same = Order(order.name, due_at(rested, at))  # with that date, though it is past midnight
            order = order if same in self._runs else same  # it may still be ending
        self._runs.put(order)
        return None if at_work is None else str(at_work.order)

    def stop_run(self, name: str | None) -> tuple[str | None, list[str]]:
        """Stop what runs, take back what waits by that name, and say what each was; they rest until they are started,
        or until their next time.

        Raises UsageError where there is nothing of that kind, TryAgainError where it is stopped, but the disk is too
        full to remember that.
        """
        at_work, waiting = self._runs.stop_run(name)
        now = self._context.clock.now()
        stopped = [(order, order.due or now) for order in waiting]
        if at_work is not None:
            stopped.append((at_work.order, at_work.order.due or at_work.since))
        for order, instant in stopped:
            self._rests.add(order.name, instant.date(), now)
        return None if at_work is None else str(at_work.order), [str(order) for order in waiting]

    def _is_over(self, name: str, run_date: date) -> bool:
        """Say whether a date that rests is past: its pipeline's next time has come, or its day."""
        now, at = self._context.clock.now(), self._times.get(name)
        return run_date != (now.date() if at is None else latest_due(now, at))

    def check_settings(self) -> None:
        """Raise what is wrong with the settings as they are written now."""
        self._load()
