"""The daemon: starts pipelines when they are due and keeps services alive, all of them in processes of their own.

It decides and watches; it never works, so it stays small and answers. Pipelines run one after the other, since a
workspace holds one run at a time. Where it supervises processes, they stop with it; units of systemd go on, and the
next daemon follows them. Either way the ledger knows where to go on.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from huracan.agenda import Agenda
from huracan.clock import format_instant
from huracan.errors import ExitCode, HuracanError
from huracan.rests import Rests
from huracan.run.failing import DAEMON, is_well_after, note_well
from huracan.run.heartbeat import Notifier
from huracan.runs import Runs
from huracan.starting import RunByUnits, Starter
from huracan.supervise.base import StopSwitch
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
_LOOK_AGAIN = 10.0
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
        self._reload_asked = False
        rests = Rests(context.paths.state)
        self._runs = Runs(starter, lambda: self._context, stop, partial(self.sign, "runs"), rests)
        self.agenda = Agenda(lambda: self._context, self._runs, rests)

    def run(self) -> int:
        """Work until ``stop`` is asked and return 0; processes end with it, units stay."""
        self._services.begin(self._context, self.sign, self.forget)
        self.agenda.begin()
        self.sign("schedule")
        self._tell_of_old_units()
        self._starter.prepare(self._context)
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
        while not self._stop.wait(_BEAT):
            now = time.monotonic()
            if self._reload_asked:
                self._reload_asked = False
                self._reload()
            self.agenda.tend()
            if now >= look_again:
                look_again = now + _LOOK_AGAIN
                if self.agenda.look_again():
                    self.sign("schedule")
                if well_at <= now:
                    note_well(self._context.paths.state, DAEMON)
                    well_at = math.inf
            if silent := self._silent():
                self._notifier.status(f"hangs: {', '.join(silent)}")
            else:
                self._notifier.alive(self._status())

    def _silent(self) -> list[str]:
        now = time.monotonic()
        return [name for name, sign in list(self._signs.items()) if now - sign > _LATEST_SIGN]

    def _end(self) -> None:
        self.agenda.end()
        self._runs.end(_LEAVE)
        self._services.end(_LEAVE)
        self._context.log.info("daemon stopped; interrupted runs go on at the next start")

    def _status(self) -> str:
        if (at_work := self._runs.at_work) is not None:
            return at_work.text
        if (pause := self.agenda.paused()) is not None:
            return pause.sentence
        coming = self.agenda.coming()
        if coming is None:
            return "nothing is scheduled"
        left = max(timedelta(), coming[1] - self._context.clock.now())
        hours, minutes = divmod(round(left.total_seconds() / 60), 60)
        return f"next: {coming[0]} at {coming[1]:%H:%M}Z, in {hours} h {minutes:02d} min"

    def _describe(self) -> str:
        by = "units of systemd" if isinstance(self._starter, RunByUnits) else "processes"
        times = self.agenda.times
        scheduled = f"{len(times)} pipelines on schedule" if times else "no pipeline on schedule"
        return f"{scheduled}, {self._services.describe()}, jobs as {by}; {self._status()}"

    def _reload(self) -> None:
        """Take new settings, or keep the old ones where the new are wrong or need a new process."""
        try:
            context = self._load()
            plan = self.agenda.plan(context)
        except HuracanError as error:
            title = f"settings are not reloaded, the old ones stay: {str(error).partition(chr(10))[0]}"
            self._context.emit("settings.refused", Severity.ERROR, title)
            return
        self.agenda.end()
        self._context = context
        self.agenda.go_by(plan)
        self.sign("schedule")
        self._services.restart(context)
        self._tell_of_old_units()
        self._starter.prepare(context)
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
        at_work = self._runs.at_work
        running = None if at_work is None else {"what": str(at_work.order), "since": format_instant(at_work.since)}
        return {
            "workspace": str(self._context.paths.workspace),
            "status": self._status(),
            "running": running,
            "hangs": self._silent(),
            "services": self._services.describe(),
            **self.agenda.as_json(),
        }

    def check_settings(self) -> None:
        """Raise what is wrong with the settings as they are written now."""
        self._load()
