"""Asks the health checks that plugins bring: each guarded, timed, and in a thread of its own that may hang."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass

from huracan.context import Context
from huracan.masking import mask
from huracan.types import Check, CheckResult, CheckState

__all__ = ["TIME_LIMIT", "AskedCheck", "Finding", "run_checks"]

TIME_LIMIT = 60.0
"""Seconds that a check may take where nobody says otherwise."""

_LONGEST_TEXT = 1000


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check said, without secrets, which plugin it belongs to and how long it took."""

    name: str
    plugin: str
    result: CheckResult
    seconds: float


class AskedCheck:
    """One check that was asked and works on its answer, in a daemon thread: one that hangs keeps nobody from leaving.

    ``told`` is called from that thread once the answer is there.
    """

    def __init__(self, context: Context, check: Check, plugin: str, told: Callable[[], None] = lambda: None) -> None:
        self.check, self.plugin = check, plugin
        self.asked_at, self._started = context.clock.now(), time.perf_counter()
        self._answer: Finding | None = None
        self._answered = threading.Event()

        def work() -> None:
            try:
                result = _guarded(check, plugin, context)
                self._answer = Finding(check.name, plugin, result, self.seconds)
            finally:
                self._answered.set()
                told()

        # The log's fields travel in context variables, which a new thread does not have.
        threading.Thread(target=copy_context().run, args=(work,), name=f"check {check.name}", daemon=True).start()

    @property
    def seconds(self) -> float:
        """Return how long ago it was asked."""
        return time.perf_counter() - self._started

    def answer(self, wait: float = 0.0) -> Finding | None:
        """Return the answer, None where there is none within ``wait`` seconds."""
        self._answered.wait(wait)
        return self._answer

    def overdue(self, limit: float) -> Finding:
        """Return what is said of a check that has not answered within ``limit`` seconds."""
        hint = (
            f"what it asks is slow or away, or the check of plugin {self.plugin} hangs; "
            "the setting monitor.time_limit_seconds says how long it may take"
        )
        result = CheckResult(CheckState.FAILED, f"no answer within its limit of {limit:g} s", hint)
        return Finding(self.check.name, self.plugin, result, limit)


def run_checks(context: Context, limit: float = TIME_LIMIT) -> list[Finding]:
    """Run all checks in the order of their plugins; one that raises, or takes longer than ``limit``, has failed."""
    checks = context.plugins.checks()
    findings = []
    for name, check in checks.items():
        asked = AskedCheck(context, check, checks.owners[name])
        findings.append(asked.answer(limit) or asked.overdue(limit))
    return findings


def _guarded(check: Check, plugin: str, context: Context) -> CheckResult:
    hint = f"this is a bug of plugin {plugin}: report it to its author, or switch it off (plugins.disable)"
    try:
        result: object = check.run(context)
    except BaseException as error:
        # Not Exception: there is nobody above this thread, and a check that calls sys.exit has failed too.
        context.log.warning("check %s raised", check.name, exc_info=True)
        return CheckResult(CheckState.FAILED, _bounded(f"raised {type(error).__name__}: {error}"), hint)
    if not isinstance(result, CheckResult):
        return CheckResult(CheckState.FAILED, f"returned {type(result).__name__}, not CheckResult", hint)
    return CheckResult(CheckState(result.state), _bounded(str(result.detail)), _bounded(str(result.hint)))


def _bounded(text: str) -> str:
    shown = mask(text)
    return shown if len(shown) <= _LONGEST_TEXT else shown[: _LONGEST_TEXT - 1] + "…"
