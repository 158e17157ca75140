"""What the daemon decides to start, in this process: its clock and its ledger are made to say what they may."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from huracan import daemon as daemon_module
from huracan import hookimpl
from huracan.context import Context
from huracan.daemon import Daemon
from huracan.due import due_at
from huracan.errors import TryAgainError, UsageError
from huracan.rests import REST_FILE, Rests
from huracan.run.lock import run_lock
from huracan.run.plan import INTERRUPTED_CODE
from huracan.schedule import Schedule
from huracan.starting import Order, RunByUnits
from huracan.store import RunState
from huracan.supervise.base import Exit, ExitReason, StopSwitch
from huracan.testing import stand_in
from huracan.types import Job, Severity
from waiting import wait_until

DAY = date(2026, 3, 5)
AT_TWO = {"day": "02:00"}


@dataclass
class Clock:
    instant: datetime

    def now(self) -> datetime:
        return self.instant


@dataclass
class Starter:
    """Runs nothing, but takes its time for it until ``go`` is set, and writes into the ledger how it went."""

    orders: list[Order] = field(default_factory=list)
    go: threading.Event = field(default_factory=threading.Event)

    def prepare(self, context: Context) -> None: ...

    def run(self, context: Context, order: Order, watcher: Any, stop: StopSwitch) -> Exit:
        self.orders.append(order)
        instant = order.due or context.clock.now()
        row = context.store.ledger.begin_run(order.name, instant.date(), instant, context.clock.now())
        while not self.go.is_set() and not stop.wait(0.01):
            watcher.tick()
        state = RunState.INTERRUPTED if stop.asked else RunState.DONE
        context.store.ledger.end_run(row.run_id, state, "", context.clock.now())
        return Exit(ExitReason.STOPPED if stop.asked else ExitReason.EXITED, 130 if stop.asked else 0, 0.1)


class StoppedByHand(RunByUnits):
    """Leads runs whose job is stopped by systemctl each time."""

    def prepare(self, context: Context) -> None: ...

    def run(self, context: Context, order: Order, watcher: Any, stop: StopSwitch) -> Exit:
        instant = order.due or context.clock.now()
        row = context.store.ledger.begin_run(order.name, instant.date(), instant, context.clock.now())
        context.store.ledger.end_run(row.run_id, RunState.INTERRUPTED, "", context.clock.now())
        return Exit(ExitReason.EXITED, INTERRUPTED_CODE, 0.1)


@dataclass
class Services:
    def begin(self, *_: Any) -> None: ...

    def restart(self, *_: Any) -> None: ...

    def end(self, seconds: float) -> None: ...

    def describe(self) -> str:
        return "0 services"


@dataclass
class Telling:
    """Keeps what systemd would hear."""

    heard: list[str] = field(default_factory=list)

    def ready(self, status: str = "") -> None:
        self.heard.append("ready")

    def alive(self, status: str = "") -> None:
        self.heard.append("alive")

    def status(self, text: str) -> None:
        self.heard.append(text)

    def stopping(self) -> None:
        self.heard.append("stopping")


@dataclass
class Place:
    """One workspace with its clock, and the daemons that look after it one after the other."""

    context: Context
    clock: Clock
    starter: Starter = field(default_factory=Starter)
    telling: Telling = field(default_factory=Telling)
    stop: StopSwitch = field(default_factory=StopSwitch)

    def daemon(self) -> Daemon:
        """Make a daemon that runs what it is told, but whose main thread is this test."""
        services: Any = Services()
        notifier: Any = self.telling
        made = Daemon(self.context, self.starter, services, lambda: self.context, self.stop, notifier)
        made._runs.begin()
        return made

    def end(self, daemon: Daemon) -> None:
        """Let it end as one that is killed does: what it led is interrupted."""
        self.stop.ask()
        daemon.agenda.end()
        daemon._runs.end(30)
        self.stop = StopSwitch()

    def names(self) -> list[str]:
        return [str(order) for order in self.starter.orders]

    def kinds(self) -> list[str]:
        return [event.kind for event in self.context.store.events.recent()]

    def begun(self, *orders: str) -> None:
        """Wait until exactly these were started."""
        wait_until(lambda: len(self.starter.orders) >= len(orders), 20)
        assert self.names() == list(orders)


Make = Callable[..., Place]


@pytest.fixture
def place(make_context: Callable[..., Context], monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Make a workspace at noon of DAY, with pipelines `day` and `other`, each of one job."""
    monkeypatch.setattr("huracan.runs._NAP", 0.02)
    jobs = [Job("work", "toy:work", "", pipeline="day"), Job("tidy", "toy:tidy", "", pipeline="other")]
    toy = stand_in("toy", huracan_jobs=hookimpl(lambda: jobs))
    made: list[Place] = []

    def make(hour: int = 12, **schedule: Any) -> Place:
        clock = Clock(datetime(DAY.year, DAY.month, DAY.day, hour, tzinfo=UTC))
        settings = {"schedule": {"pipelines": AT_TWO, **schedule}}
        context = replace(make_context(settings, plugins=(), extra=[toy]), clock=clock)
        made.append(Place(context, clock))
        return made[-1]

    yield make
    for each in made:
        each.stop.ask()
        each.starter.go.set()
        wait_until(lambda: not any(thread.name == "runs" for thread in threading.enumerate()), 20)


def done(place: Place, *dates: date) -> None:
    """Let the ledger know these dates as finished."""
    for each in dates:
        row = place.context.store.ledger.begin_run("day", each, due_at(each, time(2)), place.clock.instant)
        place.context.store.ledger.end_run(row.run_id, RunState.DONE, "", place.clock.instant)


@contextmanager
def led(place: Place) -> Iterator[None]:
    """Hold the workspace, as `huracan run` does."""
    with run_lock(place.context.paths.state, "huracan run by hand", place.clock.instant):
        yield


# ------------------------------------------------------------------------------------------------------------ overlap


def test_what_is_due_while_another_run_is_at_work_is_told_and_starts_after_it(place: Make) -> None:
    here = place(hour=2)
    daemon = here.daemon()
    daemon.agenda.start(Order("other"))
    here.begun("other")
    daemon.agenda._is_due("day", DAY)
    [event] = [event for event in here.context.store.events.recent() if event.kind == "schedule.overlap"]
    assert event.severity is Severity.WARNING
    assert event.title == "day 2026-03-05 is due while other still runs; it starts after that"
    assert daemon.standing()["waiting"] == ["day 2026-03-05"]
    here.starter.go.set()
    here.begun("other", "day 2026-03-05")


def test_what_is_due_again_while_it_runs_is_no_overlap(place: Make) -> None:
    here = place(hour=2)
    daemon = here.daemon()
    daemon.agenda._is_due("day", DAY)
    here.begun("day 2026-03-05")
    daemon.agenda._is_due("day", DAY)
    assert "schedule.overlap" not in here.kinds()
    assert daemon.standing()["waiting"] == []


# ---------------------------------------------------------------------------------------------------- late, set clocks


@pytest.mark.parametrize("hour", [15, 23])
def test_a_machine_that_wakes_up_hours_late_makes_up_for_the_night(place: Make, hour: int) -> None:
    here = place(hour)
    daemon = here.daemon()
    daemon.agenda._is_due("day", DAY)
    daemon.agenda._try_to_catch_up()
    here.begun("day 2026-03-05")
    assert "schedule.failed" not in here.kinds()


def test_a_night_that_is_missed_while_the_one_before_it_still_runs_is_not_forgotten(place: Make) -> None:
    here = place(hour=2)
    daemon = here.daemon()
    daemon.agenda._is_due("day", DAY)
    here.begun("day 2026-03-05")
    here.clock.instant += timedelta(days=1, hours=8)  # the machine sleeps in the midst of it
    daemon.agenda._is_due("day", date(2026, 3, 6))
    daemon.agenda._try_to_catch_up()
    daemon.agenda._try_to_catch_up()
    assert daemon.standing()["behind"]
    here.starter.go.set()
    wait_until(lambda: daemon.standing()["running"] is None, 20)
    daemon.agenda._try_to_catch_up()
    here.begun("day 2026-03-05", "day 2026-03-06")
    assert not daemon.standing()["behind"]


def test_without_catch_up_a_late_start_is_told_and_left_to_its_next_time(place: Make) -> None:
    here = place(hour=15, catch_up=False)
    daemon = here.daemon()
    daemon.agenda._is_due("day", DAY)
    daemon.agenda._try_to_catch_up()
    assert here.starter.orders == []
    [event] = [event for event in here.context.store.events.recent() if event.kind == "schedule.failed"]
    assert event.title == "day of 2026-03-05 was missed, and schedule.catch_up is off"


def test_without_catch_up_a_start_within_the_hour_is_on_time(place: Make) -> None:
    here = place(hour=2, catch_up=False)
    here.clock.instant += timedelta(minutes=40)
    here.daemon().agenda._is_due("day", DAY)
    here.begun("day 2026-03-05")


def plan(daemon: Daemon, instant: datetime) -> Daemon:
    """Let its schedule, whose thread is not there, wait for this instant."""
    daemon.agenda._plan.schedule._scheduler.modify_job("day", next_run_time=instant)
    daemon.agenda._plan.schedule._scheduler.wakeup = lambda: None
    return daemon


def test_a_date_that_came_and_went_with_a_wrong_clock_is_made_up_for_when_it_is_right(place: Make) -> None:
    here = place()
    done(here, DAY - timedelta(days=1), date(2036, 3, 4))  # the night before, and one that never was
    daemon = plan(here.daemon(), datetime(2036, 3, 5, 2, tzinfo=UTC))
    daemon.agenda.look_again()
    daemon.agenda._try_to_catch_up()
    here.begun("day 2026-03-05")
    assert daemon.agenda._plan.schedule._scheduler.get_job("day").next_run_time == datetime(2026, 3, 6, 2, tzinfo=UTC)


def test_a_clock_that_goes_back_before_all_that_is_known_starts_nothing(place: Make) -> None:
    here = place()
    done(here, date(2036, 3, 4))
    daemon = plan(here.daemon(), datetime(2036, 3, 5, 2, tzinfo=UTC))
    daemon.agenda.look_again()
    daemon.agenda._try_to_catch_up()
    assert not daemon.agenda._is_behind.is_set()
    assert here.starter.orders == []


# ----------------------------------------------------------------------------------------------------------- heartbeat


def test_systemd_hears_nothing_any_more_once_the_scheduler_is_dead(
    place: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in (("_BEAT", 0.02), ("_LOOK_AGAIN", 0.05), ("_LATEST_SIGN", 1.0)):
        monkeypatch.setattr(daemon_module, name, seconds)
    here = place(catch_up=False)
    here.clock.instant = datetime.now(UTC)
    daemon = here.daemon()
    monkeypatch.setattr(daemon._runs, "begin", lambda: None)
    main = threading.Thread(target=daemon.run)
    main.start()
    try:
        wait_until(lambda: here.telling.heard.count("alive") > 60, 20)  # for longer than a sign may be away
        assert set(here.telling.heard) == {"ready", "alive"}
        scheduler = daemon.agenda._plan.schedule._scheduler

        def die() -> None:
            raise RuntimeError("a bug")

        monkeypatch.setattr(threading, "excepthook", lambda _: None)
        monkeypatch.setattr(scheduler, "_process_jobs", die)
        wait_until(lambda: here.telling.heard[-1] == "hangs: schedule", 20)
        assert daemon.standing()["hangs"] == ["schedule"]
        count = here.telling.heard.count("alive")
        wait_until(lambda: here.telling.heard.count("hangs: schedule") > 10, 20)
        assert here.telling.heard.count("alive") == count
    finally:
        here.stop.ask()
        main.join(30)


# -------------------------------------------------------------------------------------------------------------- stopped


def stopped_at_three(here: Place) -> Daemon:
    """Have the night of DAY stopped at 03:00 by a person."""
    here.clock.instant = datetime(2026, 3, 5, 2, tzinfo=UTC)
    daemon = here.daemon()
    daemon.agenda._is_due("day", DAY)
    here.begun("day 2026-03-05")
    here.clock.instant += timedelta(hours=1)
    assert daemon.agenda.stop_run("day") == ("day 2026-03-05", [])
    wait_until(lambda: daemon.standing()["running"] is None, 20)
    return daemon


def test_what_was_stopped_rests_whatever_the_daemon_goes_through(place: Make) -> None:
    here = place()
    daemon = stopped_at_three(here)
    assert daemon.standing()["resting"] == {"day": "2026-03-05"}
    daemon.agenda._is_behind.set()  # as a reload or `resume schedule` does
    daemon.agenda._try_to_catch_up()
    here.end(daemon)
    after = here.daemon()
    assert after.agenda._go_on()
    assert after.agenda._catch_up(AT_TWO) == set()
    after.agenda._is_due("day", DAY)  # the clock was set back and came to that time again
    assert here.names() == ["day 2026-03-05"]


def test_a_run_whose_end_a_kill_kept_from_the_ledger_rests_as_well(place: Make) -> None:
    here = place()
    daemon = stopped_at_three(here)
    here.context.store.ledger.begin_run("day", DAY, here.clock.instant, here.clock.instant)  # running, says the ledger
    daemon.agenda._is_behind.set()
    daemon.agenda._try_to_catch_up()
    assert here.names() == ["day 2026-03-05"]


def test_start_goes_on_with_what_was_stopped_also_after_midnight(place: Make) -> None:
    here = place()
    daemon = stopped_at_three(here)
    here.clock.instant = datetime(2026, 3, 6, 1, tzinfo=UTC)
    daemon.agenda.start(Order("day"))
    here.begun("day 2026-03-05", "day 2026-03-05")
    assert daemon.standing()["resting"] == {}
    assert Rests(here.context.paths.state).all() == {}


def test_what_was_stopped_starts_at_its_next_time(place: Make) -> None:
    here = place()
    daemon = stopped_at_three(here)
    here.clock.instant = datetime(2026, 3, 6, 2, tzinfo=UTC)
    daemon.agenda._is_due("day", date(2026, 3, 6))
    here.begun("day 2026-03-05", "day 2026-03-06")
    assert daemon.standing()["resting"] == {}


def test_one_that_a_person_started_early_and_stopped_starts_at_its_time_of_that_day(place: Make) -> None:
    here = place(hour=1)
    daemon = here.daemon()
    daemon.agenda.start(Order("day"))
    here.begun("day")
    daemon.agenda.stop_run(None)
    wait_until(lambda: daemon.standing()["running"] is None, 20)
    here.clock.instant += timedelta(hours=1)
    daemon.agenda._is_due("day", DAY)
    here.begun("day", "day 2026-03-05")


def test_stop_takes_back_an_order_that_waits(place: Make) -> None:
    here = place(hour=2)
    daemon = here.daemon()
    daemon.agenda.start(Order("other"))
    here.begun("other")
    daemon.agenda._is_due("day", DAY)
    daemon.agenda.start(Order("day", force=True))
    with pytest.raises(UsageError, match="work neither runs nor waits"):
        daemon.agenda.stop_run("work")
    assert daemon.agenda.stop_run("day") == (None, ["day", "day 2026-03-05"])
    daemon.agenda._is_behind.set()
    daemon.agenda._try_to_catch_up()
    assert daemon.standing()["waiting"] == []
    daemon.agenda.start(Order("tidy"))
    here.starter.go.set()
    here.begun("other", "tidy")
    wait_until(lambda: daemon.standing()["running"] is None, 20)
    with pytest.raises(UsageError, match="nothing runs"):
        daemon.agenda.stop_run(None)


def test_an_order_that_was_taken_back_can_be_given_again(place: Make) -> None:
    here = place()
    daemon = here.daemon()
    daemon.agenda.start(Order("other"))
    here.begun("other")
    for _ in range(3):
        daemon.agenda.start(Order("day"))
        daemon.agenda.stop_run("day")
    daemon.agenda.start(Order("day"))
    here.starter.go.set()
    here.begun("other", "day")
    wait_until(lambda: daemon.standing()["running"] is None, 20)
    assert here.names() == ["other", "day"]


def stopped_by_systemctl(here: Place) -> Daemon:
    """Have the job of DAY's night stopped by hand, as a unit."""
    here.starter = StoppedByHand(Any)  # type: ignore[assignment, arg-type]
    here.clock.instant = datetime(2026, 3, 5, 2, tzinfo=UTC)
    daemon = here.daemon()
    daemon.agenda._is_due("day", DAY)
    wait_until(lambda: here.kinds().count("run.stopped") == 1 and daemon.standing()["running"] is None, 20)
    return daemon


def test_a_run_whose_unit_a_person_stopped_rests_while_the_daemon_is_up(place: Make) -> None:
    here = place()
    daemon = stopped_by_systemctl(here)
    assert daemon.standing()["resting"] == {"day": "2026-03-05"}
    daemon.agenda._is_behind.set()  # as a reload or `resume schedule` does
    daemon.agenda.tend()
    assert daemon.standing()["waiting"] == []
    # Had the machine been stopped, this daemon would be gone by now, and the next one goes on.
    here.end(daemon)
    here.starter = Starter()
    here.daemon().agenda._catch_up(AT_TWO)
    here.begun("day 2026-03-05")


def test_it_rests_for_good_once_the_daemon_has_outlived_it_for_a_while(
    place: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huracan.rests.SETTLES", 0.0)
    here = place()
    daemon = stopped_by_systemctl(here)
    daemon.agenda.tend()
    here.end(daemon)
    here.starter = Starter()
    after = here.daemon()
    after.agenda._catch_up(AT_TWO)
    assert after.standing()["waiting"] == []
    after.agenda.start(Order("day"))
    here.begun("day")
    assert after.standing()["resting"] == {}


def test_what_cannot_be_kept_rests_for_now_and_is_kept_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huracan.rests.SETTLES", 0.0)
    due, rests = datetime(2026, 3, 5, 2, tzinfo=UTC), Rests(tmp_path)
    rests.add_for_now("day", DAY, due)

    def full(*_: Any) -> None:
        raise TryAgainError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("huracan.rests.write_json", full)
        with pytest.raises(TryAgainError):
            rests.settle()
    assert rests.holds("day", DAY, due)
    assert Rests(tmp_path).all() == {}
    rests.settle()
    assert Rests(tmp_path).holds("day", DAY, due)
    rests.add_for_now("other", DAY, due)
    assert (rests.lift("other"), rests.lift("day"), rests.lift("day")) == (DAY, DAY, None)
    assert Rests(tmp_path).all() == rests.all() == {}


@pytest.mark.parametrize("text", ["", "[]", '{"day": 3}', '{"day": {"run_date": "soon", "since": "now"}}'])
def test_a_damaged_note_of_what_rests_lets_nothing_rest(tmp_path: Path, text: str) -> None:
    (tmp_path / REST_FILE).write_text(text)
    rests = Rests(tmp_path)
    assert rests.all() == {}
    assert rests.lift("day") is None
    rests.add("day", DAY, datetime(2036, 1, 1, tzinfo=UTC))
    assert rests.holds("day", DAY, datetime(2026, 3, 5, 2, tzinfo=UTC))
    assert not rests.holds("day", date(2026, 3, 6), datetime(2026, 3, 6, 2, tzinfo=UTC))  # a clock was wrong


# --------------------------------------------------------------------------------------------------------------- led


def test_a_run_that_nobody_leads_is_gone_on_with_once_whoever_leads_another_has_ended(place: Make) -> None:
    here = place()
    done(here, DAY)
    here.context.store.ledger.begin_run("tidy", DAY, here.clock.instant, here.clock.instant)  # and then a power cut
    daemon = here.daemon()
    daemon.agenda._is_behind.set()
    with led(here):
        daemon.agenda._try_to_catch_up()
        daemon.agenda._try_to_catch_up()
        assert daemon.standing()["behind"]
        assert here.starter.orders == []
    daemon.agenda._try_to_catch_up()
    here.begun(f"tidy {DAY}")
    assert not daemon.standing()["behind"]


# -------------------------------------------------------------------------------------------------------------- telling


def test_the_daemon_says_when_everything_is_due_and_what_it_is_behind_with(place: Make) -> None:
    here = place(pipelines={"day": "02:00", "other": "13:30"})
    daemon = here.daemon()
    standing = daemon.standing()
    assert standing["schedule"] == {"day": "2026-03-06T02:00:00Z", "other": "2026-03-05T13:30:00Z"}
    assert (standing["behind"], standing["resting"], standing["hangs"]) == (False, {}, [])
    daemon.agenda._is_behind.set()
    assert daemon.standing()["behind"]
    assert isinstance(daemon.agenda._plan.schedule, Schedule)
