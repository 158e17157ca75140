"""Tells of the kill switch and the breakers: a row of history and an event for each change, once, whoever sees it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from huracan.store import BreakerEvent
from huracan.trading import Breaker, KillSwitch, Mode, Note, instant, read_kill, read_published
from huracan.types import Severity

if TYPE_CHECKING:
    from huracan.context import Context

__all__ = ["KILL", "is_told", "tell_changes"]

KILL = "kill"
"""The name of the kill switch among the breakers of the history."""


@dataclass(frozen=True, slots=True)
class _Change:
    row: BreakerEvent
    severity: Severity
    title: str


def tell_changes(context: Context, *, patience: float = 30.0) -> int:
    """Compare the switches with the newest rows of history, tell each difference, and return how many there were.

    Where another process has been telling for ``patience`` seconds nothing is told. An event goes out before its row
    is stored: a kill in between tells it twice, never not at all. Raises StoreError.
    """
    state = context.paths.state
    state.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(state / "trading-told.lock", timeout=patience):
            changes = list(_changes(context))
            for change in changes:
                row = change.row
                kind = _kind(row)
                context.emit(
                    kind, change.severity, change.title, breaker=row.breaker, mode=row.mode, value=row.value,
                    limit=row.limit, since=instant(row.time), by=row.by,
                )  # fmt: skip
                context.store.breakers.add(row)
    except Timeout:
        return 0
    return len(changes)


def is_told(context: Context) -> bool:
    """Say whether the history knows all that the switches say. Raises StoreError."""
    return next(_changes(context), None) is None


def _kind(row: BreakerEvent) -> str:
    if row.breaker == KILL:
        return "kill.on" if row.tripped else "kill.off"
    return "breaker.tripped" if row.tripped else "breaker.released"


def _changes(context: Context) -> Iterator[_Change]:
    yield from _of_kill(context, read_kill(context.paths.state))
    standing = context.store.breakers.standing()
    published = read_published(context.paths.state)
    for breaker in published.breakers if published else ():
        if breaker.tripped != (breaker.name in standing):
            yield _of_breaker(context, breaker)


def _of_kill(context: Context, switch: KillSwitch) -> Iterator[_Change]:
    """Yield what happened to the kill switch since its newest row: a kill that was lifted within a second, too."""
    last = context.store.breakers.latest(KILL)
    was_on = last is not None and last.tripped
    for note in _untold(switch.history, last):
        if note.action in ("kill", "resume") and (note.action == "kill") != was_on:
            was_on = not was_on
            yield _thrown(note) if was_on else _lifted(note)
    if switch.on != was_on:  # a file that was damaged, or written by hand
        now = context.clock.now()
        note = Note(switch.since or now, "kill" if switch.on else "resume", switch.by, switch.reason)
        yield _thrown(note) if switch.on else _lifted(note)


def _untold(history: Sequence[Note], last: BreakerEvent | None) -> Sequence[Note]:
    """Return the notes behind the one that the row was made of; clocks may have been set back, so order counts."""
    for number in reversed(range(len(history))):
        note = history[number]
        if last is None:
            if note.action == "kill":
                return history[number:]  # what was before that is no news
        elif (note.time, note.by, note.action) == (last.time, last.by, "kill" if last.tripped else "resume"):
            return history[number + 1 :]
    return [note for note in history if last is not None and note.time > last.time]


def _thrown(note: Note) -> _Change:
    row = BreakerEvent(note.time, KILL, True, Mode.STOPPED.value, None, None, note.reason, note.by)
    return _Change(row, Severity.ERROR, f"trading is stopped by the kill switch: {note.reason}")


def _lifted(note: Note) -> _Change:
    row = BreakerEvent(note.time, KILL, False, Mode.NORMAL.value, None, None, note.reason, note.by)
    title = f"the kill switch was lifted by {note.by or 'nobody known'}: {note.reason or 'no reason'}"
    return _Change(row, Severity.INFO, title)


def _of_breaker(context: Context, breaker: Breaker) -> _Change:
    row = BreakerEvent(
        (breaker.since if breaker.tripped else None) or context.clock.now(), breaker.name, breaker.tripped,
        (breaker.mode if breaker.tripped else Mode.NORMAL).value, breaker.value, breaker.limit, breaker.sentence,
    )  # fmt: skip
    if not breaker.tripped:
        return _Change(row, Severity.INFO, f"the breaker {breaker.name} is released: {breaker.sentence}")
    severity = Severity.ERROR if breaker.mode is Mode.STOPPED else Severity.WARNING
    return _Change(row, severity, f"the breaker {breaker.name} tripped, trading is {breaker.mode}: {breaker.sentence}")
