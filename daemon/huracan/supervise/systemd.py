"""Supervises units of systemd over D-Bus: starts, follows and stops them. Nothing else speaks D-Bus.

Interface: org.freedesktop.systemd1(5). Every call opens a connection of its own: a bus that was restarted costs one
call, not the daemon, and threads share nothing.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from jeepney import DBusAddress, HeaderFields, MatchRule, Message, Properties, message_bus, new_method_call
from jeepney.io.blocking import DBusConnection, open_dbus_connection
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
_BUS_AWAY = 60.0
"""Seconds for which a lost bus is asked for again before a unit that is followed is given up."""
_SIGNALLED = 2, 3
"""Codes of ExecMainCode (waitid(2)): CLD_KILLED, CLD_DUMPED."""
_STRANGE = re.compile(r"[^A-Za-z0-9]|^[0-9]")
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


@dataclass(frozen=True, slots=True)
class Attention:
    """A unit as it stood when somebody began to attend to it."""

    has_ended: bool
    invocation: str
    """The one that has ended; empty where the unit is up."""
    wait: Callable[[float], Mapping[str, Any]]
    """Waits until something about the unit changed, or its seconds are over; returns what changed, by properties."""


class Units:
    """A connection to systemd. Raises TryAgainError where it does not answer, or refuses."""

    def __init__(self, connection: DBusConnection) -> None:
        self._connection = connection

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

    def state(self, unit: str) -> UnitState:
        """Return what is known of the unit, loading it where it is not."""
        path = _path(unit)
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

    def attend(self, unit: str) -> Attention:
        """Keep the unit's last state in memory and hear of its changes, for as long as this connection lives.

        All of it is asked at once: a job is to start on time, and each answer of systemd takes its time.
        """
        path = _path(unit)
        rule = MatchRule(type="signal", interface=_PROPERTIES, member="PropertiesChanged", path=path)
        # Registered for as long as the connection lives.
        changes = self._connection.filter(rule, bufsize=_CHANGES).queue
        properties = Properties(DBusAddress(path, _BUS_NAME, _UNIT))
        *_, before, invocation, active = self._ask_all(
            message_bus.AddMatch(rule),
            new_method_call(_MANAGER, "Subscribe"),
            new_method_call(_MANAGER, "RefUnit", "s", (unit,)),
            properties.get("ActiveState"),
            properties.get("InvocationID"),
            properties.get("ActiveState"),  # somebody else may have started it between the two
        )
        has_ended = {before[0][1], active[0][1]} <= _ENDED
        return Attention(has_ended, bytes(invocation[0][1]).hex() if has_ended else "", partial(self._hear, changes))

    def keep_loaded(self, units: Iterable[str]) -> None:
        """Keep units in systemd's memory for as long as this connection lives: a start need not read their files."""
        self._ask_all(*(new_method_call(_MANAGER, "RefUnit", "s", (unit,)) for unit in units))

    def _hear(self, changes: deque[Message], seconds: float) -> Mapping[str, Any]:
        try:
            message = self._connection.recv_until_filtered(changes, timeout=seconds)
        except TimeoutError:
            return {}
        except (OSError, EOFError) as error:
            raise TryAgainError(f"the connection to D-Bus was lost: {error}") from None
        return {name: value for name, (_, value) in message.body[1].items()}

    def _properties(self, path: str, interface: str) -> Mapping[str, Any]:
        reply = self._ask(Properties(DBusAddress(path, _BUS_NAME, interface)).get_all())
        return {name: value for name, (_, value) in reply[0].items()}

    def _call(self, method: str, signature: str = "", *values: Any) -> tuple[Any, ...]:
        return self._ask(new_method_call(_MANAGER, method, signature or None, values))

    def _ask(self, message: Message) -> tuple[Any, ...]:
        with _as_errors():
            body: tuple[Any, ...] = unwrap_msg(self._connection.send_and_get_reply(message, timeout=_ANSWER))
        return body

    def _ask_all(self, *messages: Message) -> list[tuple[Any, ...]]:
        """Send all of them, then wait for what is answered to each."""
        connection, end = self._connection, time.monotonic() + _ANSWER
        replies: deque[Message] = deque()
        with (
            _as_errors(),
            connection.filter(MatchRule(type="method_return"), queue=replies),
            connection.filter(MatchRule(type="error"), queue=replies),
        ):
            serials = [next(connection.outgoing_serial) for _ in messages]
            for message, serial in zip(messages, serials, strict=True):
                connection.send(message, serial=serial)
            answers: dict[int, Message] = {}
            while not answers.keys() >= set(serials):
                connection.recv_messages(timeout=max(0.0, end - time.monotonic()))
                answers |= {reply.header.fields[HeaderFields.reply_serial]: reply for reply in replies}
            return [unwrap_msg(answers[serial]) for serial in serials]


class SystemdSupervisor:
    """Runs units: :attr:`huracan.supervise.base.Child.unit` names the one; limits are those that the unit declares.

    A unit that is up already is followed, not started again: it was left by a daemon that was killed.
    """

    def __init__(self) -> None:
        self._keeping = ExitStack()

    def keep_loaded(self, units: Iterable[str]) -> None:
        """Have systemd keep these units in memory, in place of those of an earlier call, until this process ends.

        Raises TryAgainError where it does not answer; then a start takes a moment longer, no more.
        """
        self._keeping.close()
        self._keeping.enter_context(Units.connected()).keep_loaded(units)

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
        attention = units.attend(self._unit)
        state = self._begin(units, attention)
        self._lost_at = None
        next_tick = time.monotonic() + _TICK
        while state is None or not self._has_ended(state):
            self._obey(units)
            changes = attention.wait(max(0.05, next_tick - time.monotonic()))
            self._tell(changes.get("StatusText"))
            if time.monotonic() >= next_tick:
                next_tick = time.monotonic() + _TICK
                self._watcher.tick()
                self._looks += 1
            # Now and then look for oneself, as a signal may have been missed.
            if _may_have_ended(changes) or (not changes and self._looks % _LOOK_EVERY == 0):
                state = units.state(self._unit)
                self._tell(state.status)
        return self._conclude(state)

    def _begin(self, units: Units, attention: Attention) -> UnitState | None:
        """Ask for the start, unless that was done; return the state, None where the start was asked for just now.

        Then nothing is asked: systemd answers whoever asks before it starts what it was told to.
        """
        if self._before is None:
            self._adopted = not attention.has_ended
            self._before = attention.invocation
            if attention.has_ended:
                units.start(self._unit)
            self._watcher.begun()
            if not self._adopted:
                return None
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


def _may_have_ended(changes: Mapping[str, Any]) -> bool:
    """Say whether a signal tells of a unit that is down and has nothing to do."""
    return changes.get("ActiveState") in _ENDED and changes.get("Job", (0,))[0] == 0


def _path(unit: str) -> str:
    """Return the unit's object as sd_bus_path_encode(3) makes it; systemd loads the unit where it is not."""
    return f"{_MANAGER.object_path}/unit/{_STRANGE.sub(_escaped, unit)}"


def _escaped(found: re.Match[str]) -> str:
    return "".join(f"_{byte:02x}" for byte in found[0].encode())


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
