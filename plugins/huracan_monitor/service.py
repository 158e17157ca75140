"""The service ``monitor``: asks every health check when it is due, keeps what they say, and tells of changes."""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

from huracan.context import Context
from huracan.errors import StoreError
from huracan.health import AskedCheck, Finding
from huracan.store import HealthResult
from huracan.types import CheckState, Severity
from huracan_monitor.document import HealthDocument
from huracan_monitor.settings import MonitorSettings
from huracan_monitor.standing import Change, Standing, look

__all__ = ["Monitor", "run"]

LONGEST_SLEEP = 5.0
"""Seconds between two signs of life; the service is stopped by StopRequested while it sleeps."""

SAVE_AGAIN = 30.0
"""Seconds until a database that did not take the results is tried again."""

LEAST_INTERVAL = 1.0
"""Seconds; a plugin that asks for less would keep the machine busy."""

PRUNE_EVERY = 86400.0
MOST_UNSAVED = 10_000
"""Results that are kept in memory while the database is away: more than a day of a dozen checks."""

_SEVERITIES = {CheckState.OK: Severity.INFO, CheckState.WARNING: Severity.WARNING, CheckState.FAILED: Severity.ERROR}


def run(context: Context) -> None:
    """Look after the checks until stopped."""
    monitor = Monitor(context)
    while True:
        monitor.turn()
        monitor.wait()


class Monitor:
    """Asks checks in threads of their own: one that is slow or hangs keeps no other from being asked.

    This loop alone gives signs of life, and never waits for a check: that it comes round proves that it works.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._settings = context.settings.section(MonitorSettings)
        self._checks = context.plugins.checks()
        self._document = HealthDocument(context, list(self._checks))
        self._asked: dict[str, AskedCheck] = {}
        self._hanging: set[str] = set()
        self._due = {name: self._first_due(name) for name in self._checks}
        self._prune_due = time.monotonic()
        self._unsaved: deque[HealthResult] = deque(maxlen=MOST_UNSAVED)
        self._save_from, self._store_is_away = time.monotonic(), False
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        for name in sorted(self._settings.intervals.keys() - self._checks.keys()):
            context.log.warning(
                "monitor.intervals: there is no check %r; known are: %s", name, ", ".join(self._checks) or "none"
            )

    def turn(self) -> None:
        """Take the answers that are there, ask what is due, and give a sign of life; waits for no check."""
        findings = [*self._answers(), *self._overdue()]
        self._ask_what_is_due()
        if findings:
            self._unsaved.extend(_as_result(asked_at, finding) for asked_at, finding in findings)
            for asked_at, finding in findings:
                self._judge(asked_at, finding)
            # After the events: one may be told twice where this process is killed in between, none is lost.
            self._document.write()
        self._save()
        self._prune()
        self._context.progress.step(self._in_words())

    def wait(self) -> None:
        """Sleep until something is to be done, but never long."""
        now = time.monotonic()
        times = [*self._due.values(), now + LONGEST_SLEEP]
        limit = self._settings.time_limit_seconds
        times += [now + limit - one.seconds for name, one in self._asked.items() if name not in self._hanging]
        try:
            self._bell.get(timeout=max(0.01, min(times) - now))
        except queue.Empty:
            return

    # ------------------------------------------------------------------------------------------------ asking

    def _interval(self, name: str) -> float:
        settings = self._settings
        return (
            settings.intervals.get(name)
            or settings.interval_seconds
            or max(LEAST_INTERVAL, self._checks[name].interval)
        )

    def _first_due(self, name: str) -> float:
        """A service that is started again and again must not ask an exchange each time: who was well can wait."""
        last = self._document.last_good_look(name)
        age = (self._context.clock.now() - last).total_seconds() if last else -1.0
        interval = self._interval(name)
        return time.monotonic() + (interval - age if 0 <= age < interval else 0.0)

    def _ask_what_is_due(self) -> None:
        now = time.monotonic()
        for name, check in self._checks.items():
            if now < self._due[name]:
                continue
            self._due[name] = now + self._interval(name)
            if name not in self._asked:
                owner = self._checks.owners[name]
                self._asked[name] = AskedCheck(self._context, check, owner, partial(self._bell.put, None))

    def _answers(self) -> Iterator[tuple[datetime, Finding]]:
        for name, asked in list(self._asked.items()):
            finding = asked.answer()
            if finding is None:
                continue
            del self._asked[name]
            if name in self._hanging:
                # Its failure is recorded; what it says now is an answer to a question of long ago.
                self._hanging.discard(name)
                self._due[name] = time.monotonic()
                self._context.log.info("check %s answered after all, after %.0f s", name, asked.seconds)
            else:
                yield asked.asked_at, finding

    def _overdue(self) -> Iterator[tuple[datetime, Finding]]:
        """Say of each check that hangs that it has failed: when its limit is over, and each time it would be due."""
        limit, now = self._settings.time_limit_seconds, time.monotonic()
        for name, asked in self._asked.items():
            if name not in self._hanging and asked.seconds >= limit:
                self._hanging.add(name)
                yield asked.asked_at, asked.overdue(limit)
            elif name in self._hanging and now >= self._due[name]:
                self._due[name] = now + self._interval(name)
                yield self._context.clock.now(), asked.overdue(limit)

    # ----------------------------------------------------------------------------------------------- telling

    def _judge(self, asked_at: datetime, finding: Finding) -> None:
        before = self._document.standing(finding.name) or Standing(CheckState.OK, asked_at)
        standing, change = look(before, finding.result.state, asked_at, self._settings.confirm)
        self._document.note(asked_at, finding, standing)
        if change is not None:
            self._tell(finding, change)

    def _tell(self, finding: Finding, change: Change) -> None:
        name, result = finding.name, finding.result
        title = f"health: {name} is {change.after} ({result.detail})"
        if change.after is CheckState.OK:
            title = f"health: {name} is ok again, it was not for {_span(change.bad_seconds)} ({result.detail})"
        self._context.emit(
            "health", _SEVERITIES[change.after], title, check=name, before=change.before.value,
            state=change.after.value, bad_seconds=round(change.bad_seconds), hint=result.hint,
        )  # fmt: skip

    def _in_words(self) -> str:
        bad = self._document.bad()
        words = f"bad: {', '.join(bad)}" if bad else f"ok ({len(self._checks)} checks)"
        if self._hanging:
            words += f"; hangs: {', '.join(sorted(self._hanging))}"
        if self._due:
            name = min(self._due, key=self._due.__getitem__)
            words += f"; next {name} in {max(0.0, self._due[name] - time.monotonic()):.0f} s"
        return words

    # ----------------------------------------------------------------------------------------------- keeping

    def _save(self) -> None:
        """Store what was found; while the database is away it is kept here."""
        if not self._unsaved or time.monotonic() < self._save_from:
            return
        try:
            self._context.store.health.add(list(self._unsaved))
        except StoreError as error:
            if not self._store_is_away:
                self._context.log.warning("results of health checks wait in memory for the database: %s", error)
            self._store_is_away, self._save_from = True, time.monotonic() + SAVE_AGAIN
        else:
            if self._store_is_away:
                self._context.log.info("%d results that waited for the database are stored", len(self._unsaved))
            self._store_is_away = False
            self._unsaved.clear()

    def _prune(self) -> None:
        if time.monotonic() < self._prune_due:
            return
        self._prune_due = time.monotonic() + PRUNE_EVERY
        keep = timedelta(days=self._settings.keep_days)
        try:
            gone = self._context.store.health.prune(self._context.clock.now() - keep)
        except StoreError as error:
            self._context.log.warning("old results of health checks stay until tomorrow: %s", error)
        else:
            if gone:
                self._context.log.info("%d results of health checks older than %d days deleted", gone, keep.days)


def _as_result(asked_at: datetime, finding: Finding) -> HealthResult:
    result = finding.result
    return HealthResult(asked_at, finding.name, finding.plugin, result.state, finding.seconds, result.detail)


def _span(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"
