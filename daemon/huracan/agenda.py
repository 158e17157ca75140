"""What a daemon starts, and when: what is due, what was missed, what was left open, and what a person lets rest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from huracan.clock import format_instant
from huracan.due import ON_TIME, due_at, latest_due, parse_times, to_catch_up
from huracan.errors import HuracanError, UsageError
from huracan.run.lock import is_held
from huracan.schedule import Schedule
from huracan.starting import Order
from huracan.store import FINISHED, RunState
from huracan.trading import SchedulePause, schedule_pause
from huracan.types import Severity

if TYPE_CHECKING:
    from huracan.context import Context
    from huracan.rests import Rests
    from huracan.runs import Runs

__all__ = ["Agenda", "Plan"]

_OLD_RUN = timedelta(days=2)
"""Age from which a run of nothing scheduled is left as it is."""


@dataclass(frozen=True, slots=True)
class Plan:
    """When which pipeline is due, as some settings have it, and what waits for that."""

    times: Mapping[str, time]
    schedule: Schedule


class Agenda:
    """Decides what is to run and hands it to ``runs``. ``context`` gives the one that holds now.

    It is told of time by the daemon's main thread, of what is due by the scheduler's, and of what people want by those
    of the control socket.
    """

    def __init__(self, context: Callable[[], Context], runs: Runs, rests: Rests) -> None:
        self._context_of_now, self._runs, self._rests = context, runs, rests
        self._is_behind = threading.Event()
        """Something may have fallen due without being started."""
        self._left_open = False
        """Whether the ledger could not be asked for runs that nobody leads, since somebody led one."""
        self._later: set[str] = set()
        """Pipelines to look at again, since another run of theirs was at work."""
        self._was_set_back = self._was_paused = False
        self._plan = self.plan(context())

    @property
    def _context(self) -> Context:
        return self._context_of_now()

    @property
    def times(self) -> Mapping[str, time]:
        """When the pipelines are due that are on schedule."""
        return self._plan.times

    def begin(self) -> None:
        """Let the schedule begin, and go on with what a daemon before this one left."""
        self._was_paused = self.paused() is not None
        self._plan.schedule.begin()
        self._left_open = not self._go_on()
        self._later = self._catch_up(self.times)

    def plan(self, context: Context) -> Plan:
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
        return Plan(times, Schedule(times, self._is_due, self._report, context.clock))

    def end(self) -> None:
        """Let nothing fall due any more."""
        self._plan.schedule.end()

    def go_by(self, plan: Plan) -> None:
        """Go by another plan from now on; the one before it has ended."""
        self._plan = plan
        plan.schedule.begin()
        self._is_behind.set()

    # ------------------------------------------------------------------------------------------------------- its time

    def look_again(self) -> bool:
        """Have the schedule look at the clock, which may have been set; return whether it is alive."""
        if self._plan.schedule.look_again():
            self._context.log.warning("the clock was set back; what is due counts from now")
            self._was_set_back = True
            self._is_behind.set()
        return self._plan.schedule.is_alive()

    def tend(self) -> None:
        """Start what can be started only now. To be called every other second."""
        is_paused = self.paused() is not None
        if self._was_paused and not is_paused:
            self._is_behind.set()
        self._was_paused = is_paused
        try:
            self._rests.settle()
        except (HuracanError, OSError) as error:
            self._context.log.warning("what a person stopped rests only while this daemon runs: %s", error)
        if self.is_behind:
            self._try_to_catch_up()

    @property
    def is_behind(self) -> bool:
        """Say whether something may be left to start."""
        return self._is_behind.is_set() or self._left_open or bool(self._later)

    def paused(self) -> SchedulePause | None:
        """Return by whom and why the schedule is paused, None where it is not."""
        return schedule_pause(self._context.paths.state)

    def coming(self) -> tuple[str, datetime] | None:
        """Return the pipeline that is due next, and when."""
        return self._plan.schedule.coming()

    def as_json(self) -> dict[str, Any]:
        """Return what comes, waits and rests, as JSON values."""
        pause, coming = self.paused(), self.coming()
        resting = {name: rest for name, rest in self._rests.all().items() if not self._is_over(name, rest.run_date)}
        return {
            "next": None if coming is None else {"what": coming[0], "at": format_instant(coming[1])},
            "paused": None if pause is None else pause.as_json(),
            "waiting": self._runs.waiting(),
            "schedule": {name: format_instant(at) for name, at in self._plan.schedule.all_coming().items()},
            "behind": self.is_behind,
            "resting": {name: rest.run_date.isoformat() for name, rest in resting.items()},
        }

    # ---------------------------------------------------------------------------------------------------- what is due

    def _go_on(self) -> bool:
        """Go on with runs that the ledger calls running and nobody leads: their jobs may be at work still.

        Return False where somebody leads a run: whether there are others is to be asked again.
        """
        if is_held(self._context.paths.state / "run.lock"):
            return False
        now = self._context.clock.now()
        for row in reversed(self._context.store.ledger.runs(limit=20)):
            at = self.times.get(row.pipeline)
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
            self._later = self._catch_up(self.times if was_behind else self.times.keys() & self._later)
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
            at = self.times[pipeline]
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
        due = due_at(run_date, self.times[pipeline])
        order, at_work = Order(pipeline, due), self._runs.at_work
        if self._rests.holds(pipeline, run_date, due):
            return  # it was stopped after its time; the clock has come to that time again
        if self._context.clock.now() - due > ON_TIME:  # the machine slept, or its clock was wrong
            self._is_behind.set()
            if not (self._context.settings.core.schedule.catch_up or self._is_finished(pipeline, run_date)):
                self._report(pipeline, f"of {run_date} was missed, and schedule.catch_up is off")
            return
        if at_work is not None and at_work.order != order:
            title = f"{order} is due while {at_work.order} still runs; it starts after that"
            self._context.emit("schedule.overlap", Severity.WARNING, title)
        self._enqueue(order)

    def _enqueue(self, order: Order) -> None:
        if order.due is not None and self.paused() is not None:
            self._context.log.warning("%s is due, but the schedule is paused: `huracan resume` starts it", order)
        else:
            self._runs.put(order)

    def _report(self, pipeline: str, sentence: str) -> None:
        self._context.emit("schedule.failed", Severity.ERROR, f"{pipeline} {sentence}")

    # ---------------------------------------------------------------------------------------------- what people want

    def start(self, order: Order) -> str | None:
        """Take an order and say behind which run it waits. Raises UsageError where it runs or waits already."""
        if order in self._runs:
            raise UsageError(f"{order} runs already, or waits to")
        at_work = self._runs.at_work
        rested, at = self._rests.lift(order.name), self.times.get(order.name)
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
        now, at = self._context.clock.now(), self.times.get(name)
        return run_date != (now.date() if at is None else latest_due(now, at))
