"""What a person stopped rests, also over a restart of the daemon, until they start it again or its next time comes.

``state/rests.json`` holds, by the name of a pipeline or job, the run date that was stopped and when.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from huracan.clock import parse_instant
from huracan.paths import read_json, write_json

__all__ = ["REST_FILE", "Rest", "Rests"]

REST_FILE = "rests.json"


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

    def all(self) -> dict[str, Rest]:
        """Return them by name; a file that cannot be understood lets nothing rest."""
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
            self._write({**self.all(), name: Rest(run_date, now)})

    def lift(self, name: str) -> date | None:
        """Let it rest no longer and return the run date that did, None where there was none. Raises as ``add``."""
        with self._guard:
            known = self.all()
            lifted = known.pop(name, None)
            if lifted is not None:
                self._write(known)
        return None if lifted is None else lifted.run_date

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
