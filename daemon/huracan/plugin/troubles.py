"""What went wrong with plugins, as the owner was told: ``state/plugins/troubles.json``.

A process knows what it saw itself: a hook that only the job ``train`` asks is broken there alone. What each found out
is gathered here, so that it is told once, whichever process comes by, and `huracan plugins` shows all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from filelock import FileLock

from huracan.clock import format_instant, parse_instant
from huracan.errors import HuracanError
from huracan.paths import read_json, write_json

__all__ = ["STANDING", "Trouble", "read_troubles", "take_back", "tell_once"]

STANDING = "status"
"""What a trouble is about that is the plugin's own status; `huracan plugins` finds that by itself."""

_TOLD_AGAIN = timedelta(days=7)
"""Age of a note that nobody renewed: the trouble was away, and is told when it comes back."""
_RENEWED = timedelta(days=1)
_PATIENCE = 5.0
"""Seconds to wait for another process that tells: a channel of its own may hang."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """``about`` is what of the plugin it concerns: its status, ``job NAME``, ``features NAME``."""

    plugin: str
    version: str
    about: str
    reason: str
    since: str = ""
    newest: str = ""


def read_troubles(state: Path) -> list[Trouble]:
    """Return what is noted; a damaged file holds nothing."""
    noted = (read_json(_file(state)) or {}).get("troubles")
    names = Trouble.__dataclass_fields__.keys()
    return [
        Trouble(**{name: str(each.get(name, "")) for name in names})
        for each in (noted if isinstance(noted, list) else [])
        if isinstance(each, dict)
    ]


def tell_once(state: Path, trouble: Trouble, now: datetime, tell: Callable[[], None]) -> bool:
    """Call ``tell`` unless the owner knows of this very trouble already; return whether it was called.

    It is called before that is noted: a kill in between tells it twice, never not at all. Where nothing can be noted
    it is told each time.
    """
    with _alone(state):
        noted = read_troubles(state)
        known = next((each for each in noted if _is_same(each, trouble)), None)
        age = None if known is None else _age(known, now)
        if known is not None and age is not None and age < _RENEWED:
            return False
        is_new = age is None or age > _TOLD_AGAIN
        if is_new:
            tell()
        since = format_instant(now) if is_new or known is None else known.since
        renewed = replace(trouble, since=since, newest=format_instant(now))
        # What another version did, and an older reason for the same, is past.
        kept = [e for e in noted if e.plugin != trouble.plugin or (e.version, e.about) == (trouble.version, e.about)]
        kept = [each for each in kept if (each.plugin, each.about) != (trouble.plugin, trouble.about)]
        _write(state, [*kept, renewed])
        return is_new


def take_back(state: Path, plugin: str, about: str) -> None:
    """Forget a trouble that is over."""
    if any((each.plugin, each.about) == (plugin, about) for each in read_troubles(state)):
        with _alone(state):
            _write(state, [each for each in read_troubles(state) if (each.plugin, each.about) != (plugin, about)])


def _is_same(one: Trouble, other: Trouble) -> bool:
    return (one.plugin, one.version, one.about, one.reason) == (
        other.plugin, other.version, other.about, other.reason,
    )  # fmt: skip


def _age(trouble: Trouble, now: datetime) -> timedelta | None:
    try:
        return abs(now - parse_instant(trouble.newest))
    except ValueError:
        return None


def _write(state: Path, troubles: list[Trouble]) -> None:
    try:
        ordered = sorted(map(asdict, troubles), key=lambda each: (each["plugin"], each["about"]))
        write_json(_file(state), {"schema": 1, "troubles": ordered})
    except (OSError, HuracanError):
        return


@contextmanager
def _alone(state: Path) -> Iterator[None]:
    """Keep other processes from telling the same at the same time, as far as that can be had."""
    lock = FileLock(state / "plugins" / "troubles.lock")
    with suppress(OSError):  # Timeout is one
        _file(state).parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=_PATIENCE)
    try:
        yield
    finally:
        lock.release()


def _file(state: Path) -> Path:
    return state / "plugins" / "troubles.json"
