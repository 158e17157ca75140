"""Supervises units of systemd over D-Bus: starts, follows and stops them. Nothing else speaks D-Bus.

Interface: org.freedesktop.systemd1(5). Every call opens a connection of its own: a bus that was restarted costs one
call, not the daemon, and threads share nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from jeepney import DBusAddress, MatchRule, Message, Properties, message_bus, new_method_call
from jeepney.io.blocking import DBusConnection, Proxy, open_dbus_connection
from jeepney.wrappers import DBusErrorResponse, unwrap_msg

from huracan.errors import TryAgainError
from huracan.run.heartbeat import Notification
from huracan.supervise.base import Child, Exit, ExitReason, StopSwitch, Watcher

__all__ = ["SystemdSupervisor", "UnitState", "Units"]

_BUS_NAME = "org.freedesktop.systemd1"
_MANAGER = DBusAddress("/org/freedesktop/systemd1", _BUS_NAME, "org.freedesktop.systemd1.Manager")
_PROPERTIES = "org.freedesktop.DBus.Properties"
_UNIT = "org.freedesktop.systemd1.Unit"
_SERVICE = "org.freedesktop.systemd1.Service"
_ANSWER = 30.0
"""Seconds for systemd to answer a call; a reload of all units may take some."""
_TICK = 1.0
_LOOK_EVERY = 5
"""Ticks without a signal after which the state is read."""
_CHANGES = 1000
"""Signals kept until they are read."""
_ENDS = frozenset({"ActiveState", "SubState", "Result", "Job"})
"""Properties whose change may mean the end."""
_BUS_AWAY = 60.0
"""Seconds for which a lost bus is asked for again before a unit that is followed is given up."""
_SIGNALLED = 2, 3
"""Codes of ExecMainCode (waitid(2)): CLD_KILLED, CLD_DUMPED."""
_ENDED = frozenset({"inactive", "failed"})
_REFUSED = frozenset({"start-limit-hit", "resources", "protocol", "exec-condition"})


@dataclass(frozen=True, slots=True)
class UnitState:
    """What systemd says about a unit. ``result`` is its word for how the last start ended (``success``, ``watchdog``);
    ``code`` the exit status, or 128 + signal number."""

    active: str
    result: str
    code: int
    status: str = ""
    invocation: str = ""
    queued: bool = False
    """Whether a start or stop of it waits to be done."""

    @property
    def ended(self) -> bool:
        return self.active in _ENDED


class Units:
    """A connection to systemd. Raises TryAgainError where it does not answer, or refuses."""

    def __init__(self, connection: DBusConnection) -> None:
        self._connection = connection
        self._paths: dict[str, str] = {}

    @classmethod
    @contextmanager
    def connected(cls) -> Iterator[Units]:
        try:
            connection = open_dbus_connection(bus="SYSTEM")
        except (OSError, KeyError, ValueError, TimeoutError) as error:
            raise TryAgainError(f"systemd cannot be reached by D-Bus: {error}") from None
        with connection:
            yield cls(connection)

    def start(self, unit: str) -> None:
        """Queue a start; one that is up stays as it is."""
        self._call("StartUnit", "ss", unit, "replace")

    def stop(self, unit: str) -> None:
        self._call("StopUnit", "ss", unit, "replace")

    def restart(self, unit: str) -> None:
        """Queue a restart, or a start of one that failed; one that somebody stopped stays as it is.

        Whoever asks has a reason: it counts for no loop of starts.
        """
        has_failed = self.state(unit).active == "failed"
        self._call("ResetFailedUnit", "s", unit)
        self._call("StartUnit" if has_failed else "TryRestartUnit", "ss", unit, "replace")

    def kill(self, unit: str, number: int) -> None:
        self._call("KillUnit", "ssi", unit, "all", number)

    def keep(self, unit: str) -> None:
        """Keep the unit's last state in memory for as long as this connection lives."""
        self._call("RefUnit", "s", unit)

    def state(self, unit: str) -> UnitState:
        """Return what is known of the unit, loading it where it is not."""
        path = self._path(unit)
        of_unit, of_service = self._properties(path, _UNIT), self._properties(path, _SERVICE)
        code = int(of_service["ExecMainStatus"])
        return UnitState(
            active=str(of_unit["ActiveState"]),
            result=str(of_service["Result"]),
            code=128 + code if of_service["ExecMainCode"] in _SIGNALLED else code,
            status=str(of_service["StatusText"]),
            invocation=bytes(of_unit["InvocationID"]).hex(),
            queued=of_unit["Job"][0] != 0,
        )

    def glance(self, unit: str) -> tuple[bool, str]:
        """Return whether it has ended, and the invocation that did; a twentieth of the work of :meth:`state`."""
        path = self._path(unit)
        if self._property(path, "ActiveState") not in _ENDED:
            return False, ""
        invocation = bytes(self._property(path, "InvocationID")).hex()
        # Somebody else may have started it between the two.
        return self._property(path, "ActiveState") in _ENDED, invocation

    def follow(self, unit: str) -> Callable[[float], Mapping[str, Any]]:
        """Return a function that waits until something about the unit changed, or its seconds are over.

        It returns what changed, by the names of properties; nothing where the time was over.
        """
        path = self._path(unit)
        rule = MatchRule(type="signal", interface=_PROPERTIES, member="PropertiesChanged", path=path)
        with _as_errors():
            Proxy(message_bus, self._connection, timeout=_ANSWER).AddMatch(rule)
        self._call("Subscribe")
        # Registered for as long as the connection lives.
        changes = self._connection.filter(rule, bufsize=_CHANGES).queue

        def wait(seconds: float) -> Mapping[str, Any]:
            try:
                message = self._connection.recv_until_filtered(changes, timeout=seconds)
            except TimeoutError:
                return {}
            except (OSError, EOFError) as error:
                raise TryAgainError(f"the connection to D-Bus was lost: {error}") from None
            return {name: value for name, (_, value) in message.body[1].items()}

        return wait

    def _path(self, unit: str) -> str:
        """Return the unit's object, loading it where it is not; it stays so while it is kept."""
        if unit not in self._paths:
            self._paths[unit] = str(self._call("LoadUnit", "s", unit)[0])
        return self._paths[unit]

    def _properties(self, path: str, interface: str) -> Mapping[str, Any]:
        reply = self._ask(Properties(DBusAddress(path, _BUS_NAME, interface)).get_all())
        return {name: value for name, (_, value) in reply[0].items()}

    def _property(self, path: str, name: str) -> Any:
        return self._ask(Properties(DBusAddress(path, _BUS_NAME, _UNIT)).get(name))[0][1]

    def _call(self, method: str, signature: str = "", *values: Any) -> tuple[Any, ...]:
        return self._ask(new_method_call(_MANAGER, method, signature or None, values))

    def _ask(self, message: Message) -> tuple[Any, ...]:
        with _as_errors():
            body: tuple[Any, ...] = unwrap_msg(self._connection.send_and_get_reply(message, timeout=_ANSWER))
        return body


class SystemdSupervisor:
    """Runs units: :attr:`huracan.supervise.base.Child.unit` names the one; limits are those that the unit declares.

    A unit that is up already is followed, not started again: it was left by a daemon that was killed.
    """

    def run(self, child: Child, watcher: Watcher, stop: StopSwitch) -> Exit:
        """Start ``child.unit`` and follow it to its end.

        Raises TryAgainError where systemd stays away, or refuses, for a minute.
        """
        if not child.unit:
            raise ValueError("a child without a unit cannot be run by systemd")
        return _Following(child.unit, watcher, stop).until_end()


class _Following:
    """One unit from its start to its end, over as many connections as it takes."""

    def __init__(self, unit: str, watcher: Watcher, stop: StopSwitch) -> None:
        self._unit, self._watcher, self._stop = unit, watcher, stop
        self._started = time.monotonic()
        self._before: str | None = None
        self._adopted = False
        self._asked_to_stop = self._looks = 0
        self._told = ""
        self._lost_at: float | None = None

    def until_end(self) -> Exit:
        while True:
            try:
                with Units.connected() as units:
                    return self._watch(units)
            except TryAgainError:
                now = time.monotonic()
                self._lost_at = self._lost_at or now
                if now - self._lost_at > _BUS_AWAY:
                    raise
                self._watcher.tick()
                time.sleep(_TICK)

    def _watch(self, units: Units) -> Exit:
        wait = units.follow(self._unit)
        units.keep(self._unit)
        state = self._begin(units)
        self._lost_at = None
        next_tick = time.monotonic() + _TICK
        while not self._has_ended(state):
            self._obey(units)
            changes = wait(max(0.05, next_tick - time.monotonic()))
            self._tell(changes.get("StatusText"))
            if time.monotonic() >= next_tick:
                next_tick = time.monotonic() + _TICK
                self._watcher.tick()
                self._looks += 1
            # A signal says that it may have ended; now and then look for oneself, as one may have been missed.
            if _ENDS & changes.keys() or (not changes and self._looks % _LOOK_EVERY == 0):
                state = units.state(self._unit)
                self._tell(state.status)
        return self._conclude(state)

    def _begin(self, units: Units) -> UnitState:
        if self._before is None:
            # All that systemd knows takes it longer to say than the start may take.
            ended, invocation = units.glance(self._unit)
            self._adopted = not ended
            self._before = invocation if ended else ""
            if ended:
                units.start(self._unit)
            self._watcher.begun()
        state = units.state(self._unit)
        self._tell(state.status)
        return state

    def _has_ended(self, state: UnitState) -> bool:
        """Say whether the start that was asked for is over; right after it, systemd may still show the one before."""
        return state.ended and (state.invocation != self._before or not state.queued)

    def _obey(self, units: Units) -> None:
        """Pass a wish to stop on: first in a polite way, then at once."""
        if self._stop.asked and self._asked_to_stop == 0:
            self._asked_to_stop = 1
            units.stop(self._unit)
        if self._stop.urgent and self._asked_to_stop == 1:
            self._asked_to_stop = 2
            units.kill(self._unit, 9)

    def _tell(self, status: str | None) -> None:
        if status and status != self._told:
            self._told = status
            self._watcher.notified(Notification(status=status))

    def _conclude(self, state: UnitState) -> Exit:
        seconds = time.monotonic() - self._started
        if state.invocation == self._before:
            return Exit(ExitReason.REFUSED, 1, seconds, detail="its start was cancelled")
        refused = state.result if state.result in _REFUSED else ""
        reason = ExitReason.REFUSED if refused else _reason(state, self._asked_to_stop > 0)
        return Exit(reason, state.code, seconds, adopted=self._adopted, detail=refused)


def _reason(state: UnitState, stopped: bool) -> ExitReason:
    match state.result:
        case "watchdog":
            return ExitReason.STALLED
        case "timeout":
            return ExitReason.TIMED_OUT
        case "signal" | "core-dump" | "oom-kill" if not stopped:
            return ExitReason.SIGNALLED
    return ExitReason.STOPPED if stopped and state.code != 0 else ExitReason.EXITED


@contextmanager
def _as_errors() -> Iterator[None]:
    try:
        yield
    except DBusErrorResponse as error:
        text = str(error.data[0]) if error.data else error.name
        raise TryAgainError(f"systemd refuses: {text}") from None
    except (OSError, TimeoutError, EOFError) as error:
        raise TryAgainError(f"systemd does not answer: {type(error).__name__}: {error}") from None
