"""``state/trading.json``: whether, and how large, the trading process may trade; and the switches that people throw.

Three files in the workspace's folder ``state``, each written whole or not at all:

- ``trading.json`` is what the trading process reads: the kill switch laid over what the breakers said last.
- ``kill.json`` is the kill switch itself. Only ``huracan kill`` and ``huracan resume`` write it: whoever writes
  ``trading.json`` reads it before and after, so no writer of the one can lose the other.
- ``schedule.json`` says whether the schedule is paused.

What cannot be read counts as thrown: a damaged ``kill.json`` is a kill switch that is on, a ``trading.json`` that is
missing, damaged or past ``valid_until`` means stopped. Importing this module loads no library: ``huracan kill`` has a
tenth of a second.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from huracan.errors import LockedError, TryAgainError
from huracan.paths import write_json
from huracan.trading_files import (
    KILL_FILE,
    LOCK_FILE,
    SCHEDULE_FILE,
    TRADING_FILE,
    NotWrittenError,
    in_one_line,
    locked,
    make_folder,
    one_line,
    sync,
)
from huracan.trading_values import (
    Breaker,
    KillSwitch,
    Mode,
    Note,
    Reason,
    SchedulePause,
    TradingState,
    compose,
    instant,
)

__all__ = [
    "CLOCKS_APART",
    "KILL_FILE",
    "SCHEDULE_FILE",
    "TRADING_FILE",
    "Breaker",
    "KillSwitch",
    "Mode",
    "NotWrittenError",
    "Note",
    "Reason",
    "SchedulePause",
    "TradingState",
    "acknowledge",
    "compose",
    "instant",
    "kill",
    "lift",
    "pause_schedule",
    "publish",
    "read_kill",
    "read_published",
    "read_trading",
    "resume_schedule",
    "schedule_pause",
]

_NEXT_FILE = ".kill.json.next"
_KILL_PATIENCE = 0.03
"""Seconds that a kill waits for another writer before it writes all the same."""
_CONFIRM_PATIENCE = 2.0
_PATIENCE = 10.0
CLOCKS_APART = timedelta(seconds=60)
"""How far ahead of this clock what was written may be, and still be believed."""
_LONGEST_HISTORY = 100
_GONE = f"state/{KILL_FILE} is gone, and it was on, which counts as on"


# ------------------------------------------------------------------------------------------------------------ reading


def read_kill(state: Path) -> KillSwitch:
    """Return the kill switch. On is one whose file cannot be understood, or is gone while trading.json says on."""
    try:
        text = (state / KILL_FILE).read_text("utf-8")
    except FileNotFoundError:
        last = read_published(state)
        if last is None or not last.kill.on:
            return KillSwitch()
        return KillSwitch(on=True, reason=_GONE, by="huracan", since=last.kill.since)
    except (OSError, UnicodeDecodeError) as error:
        return _broken_kill(type(error).__name__)
    try:
        return KillSwitch.from_json(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return _broken_kill(type(error).__name__)


def _broken_kill(what: str) -> KillSwitch:
    return KillSwitch(on=True, reason=f"state/{KILL_FILE} cannot be read ({what}), which counts as on", by="huracan")


def read_published(state: Path) -> TradingState | None:
    """Return what ``trading.json`` says, however old; None where it is missing or damaged."""
    try:
        return TradingState.from_json(json.loads((state / TRADING_FILE).read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def read_trading(state: Path, now: datetime) -> TradingState:
    """Return what holds now, as the trading process has to read it: missing, damaged or too old means stopped."""
    found = read_published(state)
    if found is None:
        reason = Reason("state", "unreadable", f"state/{TRADING_FILE} is missing or damaged", now)
    elif found.mode is not Mode.STOPPED and found.time > now + CLOCKS_APART:
        reason = Reason("state", "from-the-future", f"it was written at {found.time:%F %T}Z, which is to come", now)
    elif found.mode is not Mode.STOPPED and found.valid_until <= now:
        reason = Reason("state", "expired", f"what the breakers said held until {found.valid_until:%F %T}Z", now)
    else:
        return found
    return TradingState(
        now, now, Mode.STOPPED, 0.0, False, True, (reason,), read_kill(state), found.breakers if found else ()
    )


def schedule_pause(state: Path) -> SchedulePause | None:
    """Return who paused the schedule and why, None where it runs. A damaged file is a pause: nothing starts unasked."""
    try:
        return SchedulePause.from_json(json.loads((state / SCHEDULE_FILE).read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return SchedulePause(f"state/{SCHEDULE_FILE} cannot be read ({type(error).__name__})", "huracan", None)


# ------------------------------------------------------------------------------------------------------------ writing


def publish(state: Path, breakers: Sequence[Breaker], now: datetime, valid_until: datetime) -> TradingState:
    """Write what the breakers say, under the kill switch as it stands, and return it.

    Raises LockedError where another writer does not end, TryAgainError where the disk is full.
    """
    with locked(state, _PATIENCE) as held:
        if not held:
            raise LockedError(f"{state / LOCK_FILE}: another process has been writing {TRADING_FILE} for too long")
        return _write_trading(state, breakers, now, valid_until)


def _write_trading(state: Path, breakers: Sequence[Breaker], now: datetime, valid_until: datetime) -> TradingState:
    while True:
        switch = read_kill(state)
        document = compose(switch, breakers, now, valid_until)
        write_json(state / TRADING_FILE, document.as_json())
        # A kill waits for nobody: one that came while this was written is found here, and written again.
        if read_kill(state) == switch:
            return document


def _write_again(state: Path, now: datetime) -> TradingState:
    """Write the kill switch as it stands over what the breakers said last; their validity is not prolonged."""
    last = read_published(state)
    # ``now`` may be as old as the wait for the lock. What is further ahead comes from a clock that was set back since:
    # how long it was meant to hold nobody can say.
    if last is None or last.time > now + timedelta(seconds=_PATIENCE):
        return _write_trading(state, last.breakers if last else (), now, now)
    return _write_trading(state, last.breakers, now, last.valid_until)


def kill(state: Path, reason: str, by: str, now: datetime) -> TradingState:
    """Throw the kill switch. It is on disk, file and folder, and no other writer can undo it, when this returns.

    One that was on stays as it was, the reason is added to its history. Where another writer holds the lock it is
    written all the same, and looked at again once that writer is done; one that does not end is a TryAgainError.
    Raises NotWrittenError where nothing can be written; an empty ``kill.json`` is left if that can be done: it is on.
    """
    make_folder(state)
    try:
        with locked(state, _KILL_PATIENCE) as held:
            document = _throw(state, reason, by, now)
        if held:
            return document
        with locked(state, _CONFIRM_PATIENCE) as held:
            found = read_published(state)
            if not read_kill(state).on or found is None or not found.kill.on:
                document = _throw(state, reason, by, now)
    except (OSError, TryAgainError) as error:
        raise NotWrittenError(_without_space(state, error)) from None
    if not held:
        raise TryAgainError(
            f"{state}: the kill switch is on, but a process that holds {LOCK_FILE} does not end and could undo that "
            f"when it goes on: end it (`fuser {state / LOCK_FILE}` names it), then kill again"
        )
    return document


def _throw(state: Path, reason: str, by: str, now: datetime) -> TradingState:
    before = read_kill(state)
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)  # as the file keeps it
    note = Note(now, "kill", by, one_line(reason))
    started = before if before.on and before.since else before._replace(reason=note.reason, by=by, since=now)
    after = started._replace(on=True, history=(*before.history, note)[-_LONGEST_HISTORY:])
    write_json(state / KILL_FILE, after.as_json())
    return _write_again(state, now)


def _without_space(state: Path, error: Exception) -> str:
    """Do what needs no room: an empty kill.json counts as on, whoever writes trading.json next."""
    emptied = False
    with suppress(OSError):
        handle = os.open(state / KILL_FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.fsync(handle)
        os.close(handle)
        emptied = True
    with suppress(OSError):
        (state / TRADING_FILE).unlink(missing_ok=True)
    why = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
    told = "NOTHING was done: stop the trading process by hand"
    if emptied:
        told = (
            f"trading is stopped all the same, {KILL_FILE} was emptied, which counts as on; mend that, then kill again"
        )
    return f"{state}: the kill switch cannot be written ({why}): {told}"


def lift(state: Path, reason: str, by: str, now: datetime) -> TradingState:
    """Lift the kill switch and acknowledge what the breakers count up to now, and return what holds then.

    Raises LockedError where another writer does not end, or a kill came meanwhile, TryAgainError where the disk is
    full, NotWrittenError where this user may not write.
    """
    return _change_kill(state, Note(now, "resume", by, one_line(reason)), on=False)


def acknowledge(state: Path, reason: str, by: str, now: datetime) -> TradingState:
    """Let breakers that wait for a person count anew from now; the kill switch stays as it is. Raises as ``lift``."""
    return _change_kill(state, Note(now, "acknowledge", by, one_line(reason)), on=None)


def _change_kill(state: Path, note: Note, *, on: bool | None) -> TradingState:
    make_folder(state)
    with in_one_line(state), locked(state, _PATIENCE) as held:
        if not held:
            raise LockedError(f"{state / LOCK_FILE}: another process has been writing for too long; try again")
        seen = _identity(state / KILL_FILE)
        before = read_kill(state)
        after = before._replace(acknowledged=note.time, history=(*before.history, note)[-_LONGEST_HISTORY:])
        if on is False:
            after = after._replace(on=False, reason="", by="", since=None)
        # All that takes time comes first: a kill waits for nobody, and must not be written over.
        write_json(state / _NEXT_FILE, after.as_json())
        if _identity(state / KILL_FILE) != seen:
            raise LockedError(
                f"{state / KILL_FILE}: somebody killed meanwhile, so nothing was changed: `huracan trading`"
            )
        (state / _NEXT_FILE).replace(state / KILL_FILE)
        sync(state)
        document = _write_again(state, note.time)
    if on is False and document.kill.on:
        raise LockedError(
            f"{state / KILL_FILE}: somebody killed meanwhile, so trading stays stopped: `huracan trading`"
        )
    return document


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what changes whenever a file is written anew."""
    try:
        about = path.stat()
    except FileNotFoundError:
        return None
    return about.st_ino, about.st_mtime_ns


def pause_schedule(state: Path, reason: str, by: str, now: datetime) -> SchedulePause:
    """Pause the schedule; a pause that is on stays as it was.

    Raises TryAgainError where the disk is full, NotWrittenError where this user may not write.
    """
    make_folder(state)
    before = schedule_pause(state)
    if before is not None and before.since is not None:
        return before
    pause = SchedulePause(one_line(reason), by, now.replace(microsecond=now.microsecond // 1000 * 1000))
    with in_one_line(state):
        write_json(state / SCHEDULE_FILE, pause.as_json())
    return pause


def resume_schedule(state: Path) -> bool:
    """Let the schedule run again, and say whether it was paused. Raises NotWrittenError where this user may not."""
    with in_one_line(state):
        try:
            (state / SCHEDULE_FILE).unlink()
        except FileNotFoundError:
            return False
        sync(state)
    return True
