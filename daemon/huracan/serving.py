"""How a daemon's services are kept up: as its own child processes, or by systemd, who is told of new settings."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol

from huracan.errors import HuracanError
from huracan.run.failing import LOOP_STARTS, loop_seconds, service_key, tell_once
from huracan.supervise.base import Backoff, Child, Exit, Limits, StopSwitch, Supervisor
from huracan.supervise.process import keep_running
from huracan.supervise.threads import RelayingWatcher, guarded_thread
from huracan.types import Severity

if TYPE_CHECKING:
    from huracan.context import Context
    from huracan.types import Service

__all__ = ["ServeByProcesses", "ServeByUnits", "Services"]

Sign = Callable[[str], None]


class Services(Protocol):
    """Keeps the declared services alive."""

    def begin(self, context: Context, sign: Sign, forget: Sign) -> None:
        """Start them; ``sign`` is told the name of each thread that comes round, ``forget`` of each that ended."""
        ...

    def restart(self, context: Context) -> None:
        """Let them take the settings of a new context."""
        ...

    def end(self, seconds: float) -> None: ...

    def describe(self) -> str: ...


class ServeByProcesses:
    """One thread and one child process for each service."""

    def __init__(
        self, supervisor: Supervisor, command: Callable[..., Sequence[str]], environment: Mapping[str, str]
    ) -> None:
        self._supervisor, self._command, self._environment = supervisor, command, environment
        self._running: list[tuple[threading.Thread, StopSwitch]] = []
        self._sign: Sign = lambda _: None
        self._forget: Sign = lambda _: None

    def begin(self, context: Context, sign: Sign, forget: Sign) -> None:
        self._sign, self._forget = sign, forget
        for service in context.plugins.services().values():
            stop = StopSwitch()
            work = partial(self._keep, context, service, stop)
            thread = guarded_thread(f"service {service.name}", work, stop, context.log)
            self._running.append((thread, stop))
            sign(thread.name)
            thread.start()

    def restart(self, context: Context) -> None:
        self.end(25.0)
        self.begin(context, self._sign, self._forget)

    def end(self, seconds: float) -> None:
        for _, stop in self._running:
            stop.ask()
        deadline = time.monotonic() + seconds
        for thread, _ in self._running:
            thread.join(max(0.0, deadline - time.monotonic()))
            self._forget(thread.name)
        self._running.clear()

    def describe(self) -> str:
        return f"{len(self._running)} services"

    def _keep(self, context: Context, service: Service, stop: StopSwitch) -> None:
        """Keep one service running until ``stop``."""
        name, ends = f"service {service.name}", _Ends(context, service)

        def child() -> Child:
            words = self._command("service", service.name, "--log-format", "json")
            limits = Limits(stall=service.stall_limit, memory=service.resources.memory_mib)
            return Child(words, self._environment, limits)

        backoff = Backoff(service.restart_delay, service.restart_delay_max, chance=random.Random())
        keep_running(self._supervisor, child, RelayingWatcher(partial(self._sign, name)), stop, backoff, ends.ended)


class _Ends:
    """Tells of the first end, and once more where the service ends again and again; the others are only logged."""

    def __init__(self, context: Context, service: Service) -> None:
        self._context, self._key = context, service_key(service.name)
        self._within = loop_seconds(service.stall_limit, service.restart_delay_max)
        self._recent: deque[float] = deque(maxlen=LOOP_STARTS)

    def ended(self, exit_: Exit, pause: float) -> None:
        now = time.monotonic()
        is_first = not self._recent or now - self._recent[-1] > self._within
        self._recent.append(now)
        title = f"{self._key} {exit_.sentence}; it is started again in {pause:.1f} s"
        if is_first:
            self._context.emit("service.ended", Severity.WARNING, title)
        else:
            self._context.log.warning("%s", title)
        if len(self._recent) == LOOP_STARTS and now - self._recent[0] <= self._within:
            tell_once(self._context, self._key, partial(self._tell, exit_))

    def _tell(self, exit_: Exit) -> None:
        title = f"{self._key} keeps failing: it {exit_.sentence}, as {LOOP_STARTS - 1} times before"
        self._context.emit("service.failed", Severity.ERROR, f"{title}; it is started again all the same")


class ServeByUnits:
    """systemd keeps the units of services up by itself; this restarts them where settings changed."""

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ()

    def begin(self, context: Context, sign: Sign, forget: Sign) -> None:
        del sign, forget
        self._names = tuple(context.plugins.services())

    def restart(self, context: Context) -> None:
        from huracan.supervise.systemd import Units
        from huracan.units.names import service_unit

        self._names = tuple(context.plugins.services())
        try:
            with Units.connected() as units:
                for name in self._names:
                    units.restart(service_unit(name))
        except HuracanError as error:
            title = f"services still work with the old settings: {error}"
            context.emit("service.not-restarted", Severity.WARNING, title)

    def end(self, seconds: float) -> None:
        """Do nothing: they are not this daemon's."""

    def describe(self) -> str:
        return f"{len(self._names)} services as units of systemd"
