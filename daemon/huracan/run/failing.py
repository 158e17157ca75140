"""Who keeps failing although it is started again and again, and that the owner was told: ``state/failing/NAME.json``.

The note is made by whoever tells, and taken back by who runs well again for a while: in between nothing is told twice,
whichever of several starts, supervisors and boots comes by.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from huracan.clock import format_instant, parse_instant
from huracan.errors import HuracanError
from huracan.paths import read_json, write_json

if TYPE_CHECKING:
    from huracan.context import Context

__all__ = [
    "DAEMON",
    "LOOP_STARTS",
    "RETRY_SECONDS",
    "failing_since",
    "is_well_after",
    "loop_seconds",
    "note_well",
    "service_key",
    "tell_once",
]

DAEMON = "daemon"
"""Name of the daemon here; a service's is that of :func:`service_key`."""

LOOP_STARTS = 8
"""Starts within :func:`loop_seconds` that are taken for a loop, in place of a few accidents."""

RETRY_SECONDS = 300.0
"""Pause after which systemd starts again what it gave up."""

_LOOP_PACE = 450.0
"""Seconds for one turn of a loop: also one whose process hangs at its start (180 s) or stalls (300 s) is found."""
_WELL = 900.0
_FORGOTTEN = timedelta(days=1)
"""A note that nobody renewed for so long is of a service that was taken away, or of a machine that was off."""


def service_key(name: str) -> str:
    """Return the name of a service here."""
    return f"service {name}"


def loop_seconds(stall_limit: float, restart_delay: float) -> float:
    """Return the seconds within which ``LOOP_STARTS`` starts are a loop, whose every turn may be one long silence."""
    return LOOP_STARTS * max(_LOOP_PACE, stall_limit + restart_delay + 60.0)


def is_well_after(stall_limit: float) -> float:
    """Return the seconds at work after which it is well again: longer than any turn of its loop."""
    return max(_WELL, 2.0 * stall_limit)


def failing_since(state: Path, name: str, now: datetime) -> datetime | None:
    """Return since when it keeps failing as the owner knows, None where it does not."""
    value = read_json(_file(state, name)) or {}
    try:
        since, newest = parse_instant(value["since"]), parse_instant(value["newest"])
    except (KeyError, TypeError, ValueError):
        return None
    return None if abs(now - newest) > _FORGOTTEN else since


def tell_once(context: Context, name: str, tell: Callable[[], None]) -> bool:
    """Call ``tell`` unless the owner knows already that it keeps failing; return whether it was called.

    It is called before that is noted: a kill in between tells it twice, never not at all.
    """
    state, now = context.paths.state, context.clock.now()
    since = failing_since(state, name, now)
    if since is None:
        tell()
    note = {"schema": 1, "since": format_instant(since or now), "newest": format_instant(now)}
    try:
        write_json(_file(state, name), note)
    except (OSError, HuracanError) as error:
        context.log.warning("that the owner was told of the %s cannot be noted: %s", name, error)
    return since is None


def note_well(state: Path, name: str) -> None:
    """Take back that it keeps failing. A note that cannot be removed is worth no failure."""
    try:
        _file(state, name).unlink(missing_ok=True)
    except OSError:
        return


def _file(state: Path, name: str) -> Path:
    return state / "failing" / f"{quote(name, safe='')}.json"
