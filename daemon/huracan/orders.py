"""What a running daemon can be told by its control socket."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from huracan.audit_spool import lay_down_action
from huracan.errors import UsageError
from huracan.run.graph import jobs_to_run
from huracan.starting import Order
from huracan.trading import kill, pause_schedule, resume_schedule

if TYPE_CHECKING:
    from huracan.daemon import Daemon

__all__ = ["Orders"]

Answer = Mapping[str, Any]


class Orders:
    """Answers requests, each a JSON object whose ``do`` names what is to be done."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._known: dict[str, Callable[[Answer], Answer]] = {
            "status": self._status, "start": self._start, "stop": self._stop, "pause": self._pause,
            "resume": self._resume, "kill": self._kill, "reload": self._reload,
        }  # fmt: skip

    def handle(self, request: Answer) -> Answer:
        """Do what is asked, and note who did, unless they have ``noted`` it themselves or will.

        Raises UsageError for what cannot be done, or is meant for another workspace's daemon.
        """
        what = request.get("do")
        known = self._known.get(what) if isinstance(what, str) else None
        if known is None:
            raise UsageError(f"the daemon cannot {what!r}; it can {', '.join(map(str, self._known))}")
        meant, ours = request.get("workspace"), self._daemon.context.paths.workspace.resolve()
        if meant is not None and str(meant) != str(ours):
            raise UsageError(f"this daemon works in {ours}, not in {meant}")
        answer = known(request)
        if what != "status" and not request.get("noted"):
            self._write_down(request)
        return answer

    def _write_down(self, request: Answer) -> None:
        """Keep it for the audit table as a file: who asks waits for no database."""
        context = self._daemon.context
        left_out = ("do", "by", "workspace")
        told = {key: value for key, value in request.items() if key not in left_out and value not in (None, False)}
        laid_down = lay_down_action(
            context.paths.state, context.clock.now(), _said(request)[1], "control socket", str(request["do"]), told
        )
        if not laid_down:
            context.log.error("%s by %s is in no audit: its file cannot be written", request["do"], _said(request)[1])

    def _status(self, request: Answer) -> Answer:
        del request
        return self._daemon.standing()

    def _start(self, request: Answer) -> Answer:
        name, context = str(request.get("name", "")), self._daemon.context
        jobs_to_run(name, context.plugins, context.settings)  # raises where there is none
        return {"started": name, "after": self._daemon.agenda.start(Order(name, force=bool(request.get("force"))))}

    def _stop(self, request: Answer) -> Answer:
        name = request.get("name")
        stopped, taken_back = self._daemon.agenda.stop_run(None if name is None else str(name))
        return {"stopped": stopped, "taken_back": taken_back}

    def _pause(self, request: Answer) -> Answer:
        context = self._daemon.context
        return pause_schedule(context.paths.state, *_said(request), context.clock.now()).as_json()

    def _resume(self, request: Answer) -> Answer:
        context = self._daemon.context
        was_paused = resume_schedule(context.paths.state)
        if was_paused:
            context.log.info("the schedule is resumed by %s", _said(request)[1])
        return {"paused": False, "was_paused": was_paused}

    def _kill(self, request: Answer) -> Answer:
        context = self._daemon.context
        return kill(context.paths.state, *_said(request), context.clock.now()).as_json()

    def _reload(self, request: Answer) -> Answer:
        del request
        self._daemon.check_settings()  # what is wrong is told to who asks; the main thread then takes it over
        self._daemon.ask_reload()
        return {"reloading": True}


def _said(request: Answer) -> tuple[str, str]:
    """Return the reason that a request gives, and who is to be named for it."""
    return str(request.get("reason") or "no reason given"), str(request.get("by") or "control socket")
