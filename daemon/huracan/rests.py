"""What a person stopped rests, also over a restart of the daemon, until they start it again or its next time comes.

``state/rests.json`` holds, by the name of a pipeline or job, the run date that was stopped and when.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from huracan.clock import parse_instant
from huracan.paths import read_json, write_json

__all__ = ["REST_FILE", "Rest", "Rests"]

REST_FILE = "rests.json"
SETTLES = 60.0
"""Seconds after which what rests for now rests for good: a machine that stops has ended the daemon by then."""


@dataclass(frozen=True, slots=True)
class Rest:
    """A run date that a person stopped, and when."""

    run_date: date
    since: datetime


class Rests:
    """The rests of one workspace. Asked by the daemon's threads, written by it alone."""

    def __init__(self, state: Path) -> None:
        self._file = state / REST_FILE
        self._guard = threading.Lock()
        self._for_now: dict[str, tuple[Rest, float]] = {}
        """What rests in the memory of this process alone, each until when."""

    def all(self) -> dict[str, Rest]:
        """Return them by name; a file that cannot be understood lets nothing rest."""
        return {**self._kept(), **{name: rest for name, (rest, _) in list(self._for_now.items())}}

    def _kept(self) -> dict[str, Rest]:
        found = {name: _rest(value) for name, value in (read_json(self._file) or {}).items()}
        return {name: rest for name, rest in found.items() if rest is not None}

    def holds(self, name: str, run_date: date, due: datetime) -> bool:
        """Say whether the run that was due at this instant has been stopped since."""
        rest = self.all().get(name)
        # Both, for a clock that was wrong may have written an instant that is far ahead.
        return rest is not None and rest.run_date == run_date and rest.since >= due

    def add(self, name: str, run_date: date, now: datetime) -> None:
        """Let it rest. Raises TryAgainError where the disk is full."""
        with self._guard:
            self._keep(name, Rest(run_date, now))

    def add_for_now(self, name: str, run_date: date, now: datetime) -> None:
        """Let it rest for as long as this process is up; :meth:`settle` makes it last."""
        with self._guard:
            self._for_now[name] = Rest(run_date, now), time.monotonic() + SETTLES

    def settle(self) -> None:
        """Keep what has rested for now for a while. Raises as ``add``; it is tried again a while later then."""
        with self._guard:
            for name, (rest, until) in list(self._for_now.items()):
                if until <= time.monotonic():
                    self._for_now[name] = rest, time.monotonic() + SETTLES
                    self._keep(name, rest)

    def lift(self, name: str) -> date | None:
        """Let it rest no longer and return the run date that did, None where there was none. Raises as ``add``."""
        with self._guard:
            lifted = self.all().get(name)
            known = self._kept()
            if known.pop(name, None) is not None:
                self._write(known)
            self._for_now.pop(name, None)
        return None if lifted is None else lifted.run_date

    def _keep(self, name: str, rest: Rest) -> None:
        self._write({**self._kept(), name: rest})
        self._for_now.pop(name, None)

    def _write(self, rests: Mapping[str, Rest]) -> None:
        value = {
            name: {"run_date": rest.run_date.isoformat(), "since": rest.since.isoformat()}
            for name, rest in rests.items()
        }
        write_json(self._file, value)


def _rest(value: Any) -> Rest | None:
    try:
        return Rest(date.fromisoformat(value["run_date"]), parse_instant(value["since"]))
    except (KeyError, TypeError, ValueError):
        return None
