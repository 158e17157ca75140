"""Follows a job's child: passes on what it says, and knows better than its row where it could not write it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from huracan.errors import ExitCode
from huracan.run.display import Display
from huracan.run.heartbeat import Notification
from huracan.run.plan import INTERRUPTED_CODE
from huracan.store import JobRow, RunState
from huracan.supervise.base import Exit, ExitReason

__all__ = ["JobWatcher", "correction"]


def correction(row: JobRow, ended: Exit, last_words: str) -> tuple[RunState, int, str] | None:
    """Return state, exit code and error where the supervisor knows better than the row that the child left."""
    if row.state is RunState.INTERRUPTED and ended.code == INTERRUPTED_CODE:
        return None  # a unit that a person stopped: they want it to rest
    if row.state in (RunState.RUNNING, RunState.INTERRUPTED):
        if ended.reason is ExitReason.STOPPED:
            return RunState.INTERRUPTED, int(ExitCode.TRY_AGAIN), "was stopped; it goes on at the next start"
        error = ended.sentence
        if row.state is RunState.INTERRUPTED and ended.reason is ExitReason.EXITED:
            error = "was stopped by somebody else than its run"
        elif ended.reason is ExitReason.EXITED:
            error += f" before its work was done{': ' + last_words if last_words else ''}"
        ended_itself = ended.reason in (ExitReason.EXITED, ExitReason.SIGNALLED) and ended.code != ExitCode.DONE
        code = ended.code if ended_itself else int(ExitCode.BUG)
        return RunState.FAILED, code, error
    return None


class JobWatcher:
    """Passes on that a job's child was started, and what it says."""

    def __init__(self, job: str, display: Display, alive: Callable[[str], None], begun: Callable[[], None]) -> None:
        self._job, self._display, self._alive, self._status = job, display, alive, job
        self._begun: Callable[[], None] | None = begun
        self.last_words = ""

    def begun(self) -> None:
        tell, self._begun = self._begun, None
        if tell is not None:
            tell()

    def line(self, text: str) -> None:
        if not text.startswith("{"):
            self.last_words = text.removeprefix("huracan: ")[:300]
        self._display.line(text)

    def notified(self, notification: Notification) -> None:
        self._status = notification.status or self._status
        if notification.progress is not None:
            self._display.progressed(replace(notification.progress, job=self._job))

    def tick(self) -> None:
        self._alive(self._status)
