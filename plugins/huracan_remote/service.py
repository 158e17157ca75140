"""The service ``sync``: copies files as they appear, looks at each kind at its interval, and goes on after an outage.

What is left to do is never kept in memory alone: it is what differs from the rows of ``store.copies``. A service that
was killed, or offline for hours, looks at everything when it comes back.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from huracan.context import Context
from huracan.errors import HuracanError, LockedError, StopRequested, TryAgainError
from huracan.remote.base import RemoteStore
from huracan.remote.opening import open_remote
from huracan.types import Severity
from huracan_remote.engine import Sweep, sweep, sweep_paths
from huracan_remote.layout import Kind, is_appended, is_hidden, kind_of
from huracan_remote.pace import Pace
from huracan_remote.report import REPORT, Report
from huracan_remote.settings import SyncSettings

__all__ = ["run"]

WAKE_MS = 1000
LONG_STEP = 900.0
LEAST_BETWEEN = 10.0
"""Seconds between two copies of a file that changes all the time."""
LONGEST_UNREST = 60.0
"""Seconds after which a file is copied that is written more often than `settle_seconds`."""
FIRST_PAUSE, LONGEST_PAUSE = 15.0, 600.0


def run(context: Context) -> None:
    """Keep the remote store up to date until stopped."""
    if context.settings.sections.get("remote") is None:
        _rest(context)
    with ExitStack() as stack:
        service = _Sync(context, stack)
        for paths in _changes(context):
            service.round(paths)


def _rest(context: Context) -> None:
    """Stay idle: a service that ended would be started again and again."""
    while True:
        context.progress.step("no remote store is set")
        time.sleep(30.0)


def _changes(context: Context) -> Iterator[set[str]]:
    """Yield, about every second, which copied files changed since; nothing but a clock where nobody tells."""
    from watchfiles import watch

    workspace = context.paths.workspace.resolve()
    if context.settings.section(SyncSettings).watch:
        try:
            # Filtered here and not by the library, which says nothing while all that changes is of no interest: the
            # store is written in the same folder all the time.
            for changes in watch(
                workspace, watch_filter=None, debounce=WAKE_MS, rust_timeout=WAKE_MS, yield_on_timeout=True,
                raise_interrupt=True,
            ):  # fmt: skip
                yield {path for _, changed in changes if (path := _copied(workspace, changed)) is not None}
        except KeyboardInterrupt:
            # What the library makes of any signal that arrives while it waits, SIGTERM too.
            raise StopRequested from None
        except OSError as error:
            context.log.warning("sync: the system does not tell of changes (%s); files are looked for", error)
    while True:
        time.sleep(WAKE_MS / 1000)
        yield set()


def _copied(workspace: Path, path: str) -> str | None:
    relative = path.removeprefix(f"{workspace}/")
    return None if is_hidden(relative) or kind_of(f"{relative}/") is None else relative


class RefusedError(HuracanError):
    """The remote store answers, and takes nothing."""


class _Sync:
    """What the loop knows from round to round; none of it is needed after a restart."""

    def __init__(self, context: Context, stack: ExitStack) -> None:
        self._context, self._stack = context, stack
        self._settings = context.settings.section(SyncSettings)
        self._remote: RemoteStore | None = None
        self._report = Report(context.paths.state / REPORT)
        self._hot: dict[str, float] = {}
        self._copied_at: dict[str, float] = {}
        self._due: dict[Kind | None, float] = dict.fromkeys([*Kind, None], 0.0)
        self._again: dict[Kind | None, float] = {}
        self._busy: dict[Kind | None, int] = {}
        self._failures, self._pause_until = 0, 0.0
        self._away_since: float | None = None
        self._told = False

    def round(self, changed: set[str]) -> None:
        """Do what is due now."""
        now = time.monotonic()
        folders = {path for path in changed if (self._context.paths.workspace / path).is_dir()}
        for path in changed - folders:
            if not is_appended(path):
                self._hot.setdefault(path, now)
        for folder in folders:
            # What is written into a folder in its first moments may be missed: it is looked at soon, and once more.
            kind = kind_of(f"{folder}/")
            self._due[kind] = min(self._due[kind], now + self._settings.settle_seconds + 0.5)
            self._again[kind] = now + self._settings.settle_seconds + 5.0
        self._context.progress.step(self._report.in_words())
        if now < self._pause_until:
            return
        for kind in [kind for kind, at in self._again.items() if at <= now]:
            self._due[kind] = min(self._due[kind], self._again.pop(kind))
        due = [kind for kind, at in self._due.items() if at <= now]
        hot = [path for path in self._hot if now - self._copied_at.get(path, -LEAST_BETWEEN) >= LEAST_BETWEEN]
        if not due and not hot:
            return
        try:
            self._copy(due, hot, now)
        except (TryAgainError, LockedError) as error:
            self._away(str(error), refused=False)
        except HuracanError as error:
            self._away(str(error), refused=True)
        else:
            self._back()

    def _copy(self, due: list[Kind | None], hot: list[str], now: float) -> None:
        remote = self._open()
        pace = Pace(self._settings.kilobytes_per_second, self._report.progress(self._context.progress.step))
        settle = self._settings.settle_seconds
        done = Sweep()
        with self._context.long_step(LONG_STEP):
            self._copy_hot(remote, hot, pace, now, done)
            kinds = [kind for kind in due if kind is not None]
            if kinds:
                self._note(sweep(self._context, remote, kinds, pace, settle=settle), pace, done)
            if None in due and Kind.CANDLES not in due:
                new = sweep(self._context, remote, [Kind.CANDLES], pace, settle=settle, only_new=True)
                self._note(new, pace, done)
        busy = {kind_of(path) for path in done.unsettled}
        for kind in due:
            # Where somebody was still writing it is looked again soon, and less often the longer that goes on.
            self._busy[kind] = self._busy.get(kind, 0) + 1 if kind in busy else 0
            soon = (settle + 0.5) * 2.0 ** min(self._busy[kind], 20)
            usual = self._minutes(kind) * 60.0
            self._due[kind] = time.monotonic() + (min(soon, usual) if kind in busy else usual)
        self._copied_at = {path: at for path, at in self._copied_at.items() if now - at < LEAST_BETWEEN}
        if done.problems and not done.compared:
            raise RefusedError(f"nothing is taken: {done.problems[0]}")

    def _copy_hot(self, remote: RemoteStore, hot: list[str], pace: Pace, now: float, total: Sweep) -> None:
        """Copy files that were said to have changed; one that never gets quiet is copied as it is after a while."""
        restless = [path for path in hot if now - self._hot[path] >= LONGEST_UNREST]
        quiet = [path for path in hot if path not in restless]
        for paths, settle in ((quiet, self._settings.settle_seconds), (restless, 0.0)):
            if not paths:
                continue
            done = sweep_paths(self._context, remote, paths, pace, settle=settle)
            self._note(done, pace, total)
            for path in paths:
                # One that is still written to is tried again as soon as it may be quiet, any other not for a while.
                unsettled = path in done.unsettled
                self._copied_at[path] = now - (LEAST_BETWEEN - settle - 0.5 if unsettled else 0.0)
                if not unsettled:
                    del self._hot[path]

    def _note(self, done: Sweep, pace: Pace, total: Sweep) -> None:
        """Tell of what was done, and add it to what this round did."""
        for problem in done.problems:
            self._context.log.warning("sync: %s", problem)
        self._report.done(done, pace.sent)
        total.problems += done.problems
        total.compared |= done.compared
        total.unsettled |= done.unsettled

    def _minutes(self, kind: Kind | None) -> float:
        return {
            Kind.LEARNING: self._settings.learning_minutes,
            Kind.REPORTS: self._settings.reports_minutes,
            Kind.MODELS: self._settings.models_minutes,
            Kind.CANDLES: self._settings.candles_all_minutes,
            None: self._settings.candles_new_minutes,
        }[kind]

    # ------------------------------------------------------------------------------------------------- coming and going

    def _open(self) -> RemoteStore:
        if self._remote is None:
            remote = self._stack.enter_context(open_remote(self._context))
            assert remote is not None  # _rest is where none is set
            self._remote = remote
            self._report.remote = remote.identity
        return self._remote

    def _close(self) -> None:
        self._stack.close()
        self._remote = None

    def _away(self, reason: str, *, refused: bool) -> None:
        """Wait longer each time; tell the owner once, at once where waiting does not help."""
        self._close()
        self._failures += 1
        now = time.monotonic()
        self._away_since = now if self._away_since is None else self._away_since
        self._pause_until = now + min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (self._failures - 1))
        # What was missed meanwhile is found by looking at everything.
        self._due = dict.fromkeys(self._due, 0.0)
        self._hot.clear()
        self._report.away(reason, refused=refused)
        self._context.log.warning("sync: %s; next try in %.0f s", reason, self._pause_until - now)
        if not self._told and (refused or now - self._away_since >= self._settings.alert_minutes * 60.0):
            self._told = True
            severity = Severity.ERROR if refused else Severity.WARNING
            self._context.emit("sync.away", severity, f"copies are not safe: {reason}", refused=refused)

    def _back(self) -> None:
        if self._told:
            self._context.emit("sync.back", Severity.INFO, "the remote store is back, and copies are up to date")
        self._failures, self._away_since, self._told = 0, None, False
        self._report.fine()
