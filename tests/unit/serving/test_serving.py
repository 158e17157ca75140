"""What is told of services that end, by the daemon that keeps them and by systemd's."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from huracan import hookimpl
from huracan.context import Context
from huracan.run.failing import LOOP_STARTS, failing_since, note_well, service_key
from huracan.serving import ServeByProcesses
from huracan.supervise.base import Child, Exit, ExitReason, StopSwitch, Watcher
from huracan.supervise.systemd import Units, UnitState
from huracan.testing import stand_in
from huracan.types import Service
from waiting import wait_until


class Endings:
    """A supervisor of children that end at once, so often; the next one stays until it is stopped."""

    def __init__(self, times: int) -> None:
        self.left, self.is_up = times, False

    def run(self, child: Child, watcher: Watcher, stop: StopSwitch) -> Exit:
        del child, watcher
        if self.left > 0:
            self.left -= 1
            return Exit(ExitReason.EXITED, 1, 0.1)
        self.is_up = True
        stop.wait(60)
        return Exit(ExitReason.STOPPED, 0, 60.0)


def serve(context: Context, times: int) -> None:
    """Keep the service up, through so many ends."""
    supervisor = Endings(times)
    services = ServeByProcesses(supervisor, lambda *_: ["true"], {})
    services.begin(context, lambda _: None, lambda _: None)
    try:
        wait_until(lambda: supervisor.is_up)
    finally:
        services.end(10.0)


@pytest.fixture
def context(make_context: Callable[..., Context]) -> Context:
    toy = Service("toy", "toy:serve", "", restart_delay=0.001, restart_delay_max=0.01)
    declare = hookimpl(lambda: [toy])
    return make_context(plugins=(), extra=[stand_in("toy", huracan_services=declare)])


def told(context: Context) -> list[tuple[str, str]]:
    return [(event.kind, event.title) for event in reversed(context.store.events.recent())]


def test_a_service_that_ends_again_and_again_is_told_of_at_its_first_end_and_once_as_failing(context: Context) -> None:
    serve(context, 3 * LOOP_STARTS)
    (first, title), (second, failing) = told(context)
    assert first == "service.ended"
    assert title.startswith("service toy ended with code 1; it is started again in")
    assert second == "service.failed"
    assert failing.startswith("service toy keeps failing: it ended with code 1")
    note_well(context.paths.state, service_key("toy"))
    serve(context, LOOP_STARTS)
    assert [kind for kind, _ in told(context)] == ["service.ended", "service.failed"] * 2


def test_a_few_accidents_are_no_loop(context: Context) -> None:
    serve(context, LOOP_STARTS - 1)
    assert [kind for kind, _ in told(context)] == ["service.ended"]
    assert failing_since(context.paths.state, service_key("toy"), context.clock.now()) is None


# ------------------------------------------------------------------------------------------------------------- units


class Systemd(Units):
    """Keeps the calls; the unit is in the state that is given."""

    def __init__(self, active: str) -> None:
        self.active, self.calls = active, list[str]()

    def state(self, unit: str) -> UnitState:
        return UnitState(self.active, "success", 0)

    def _call(self, method: str, signature: str = "", *values: object) -> tuple[object, ...]:
        self.calls.append(method)
        return ()


@pytest.mark.parametrize(
    ("active", "verb"),
    [("active", "TryRestartUnit"), ("inactive", "TryRestartUnit"), ("failed", "StartUnit")],
)
def test_new_settings_bring_back_a_service_that_failed_and_count_for_no_loop(active: str, verb: str) -> None:
    systemd = Systemd(active)
    systemd.restart("huracan-service@toy.service")
    assert systemd.calls == ["ResetFailedUnit", verb]
