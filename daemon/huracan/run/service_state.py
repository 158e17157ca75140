"""What each service last said of itself: ``state/services/NAME.json``, the same under systemd and under the daemon."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from huracan.clock import format_instant, parse_instant
from huracan.context import Context, Progress
from huracan.errors import HuracanError
from huracan.masking import mask
from huracan.paths import read_json, write_json
from huracan.run.failing import is_well_after, note_well, service_key

__all__ = ["WRITE_EVERY", "ServiceState", "read_service", "telling"]

WRITE_EVERY = 10.0
"""Seconds between two writings; a service may take a step many times a second."""


@dataclass(frozen=True, slots=True)
class ServiceState:
    """A sign of life. ``stall_limit`` are the seconds of silence that the service allowed itself at ``time``;
    ``stopped`` says that it ended by itself or on request, ``failed`` that an error ended it, and ``status`` how."""

    pid: int
    started_at: datetime
    time: datetime
    status: str
    stall_limit: float
    stopped: bool = False
    failed: bool = False


def read_service(state: Path, name: str) -> ServiceState | None:
    """Return what a service last said; None where it never did, or where the file is none of ours."""
    value = read_json(_file(state, name)) or {}
    try:
        return ServiceState(
            int(value["pid"]),
            parse_instant(value["started_at"]),
            parse_instant(value["time"]),
            str(value["status"]),
            float(value["stall_limit"]),
            bool(value["stopped"]),
            bool(value.get("failed")),
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


@contextmanager
def telling(context: Context, name: str, stall_limit: float, progress: Progress) -> Iterator[Progress]:
    """Keep the file of service ``name`` up to date inside the block; the progress to work with is what is yielded."""
    teller = _Teller(context, name, stall_limit, progress)
    teller.write("started")
    status, failed = "ended by itself", False
    try:
        yield teller
    except Exception as error:
        status, failed = f"{type(error).__name__}: {error}", True
        raise
    except BaseException:
        status = "was stopped"
        raise
    finally:
        teller.write(status, stopped=True, failed=failed)


class _Teller:
    """Passes progress on, and writes it down every now and then. A file that cannot be written fails no service."""

    def __init__(self, context: Context, name: str, stall_limit: float, progress: Progress) -> None:
        self._context, self._progress, self._name = context, progress, name
        self._file = _file(context.paths.state, name)
        self._declared = self._limit = stall_limit
        self._started_at = context.clock.now()
        self._status, self._written, self._troubled = "", 0.0, False
        self._is_well, self._well_at = False, time.monotonic() + is_well_after(stall_limit)

    def step(self, text: str, *, done: int | None = None, total: int | None = None, item: str | None = None) -> None:
        """Pass on a step that ended."""
        self._progress.step(text, done=done, total=total, item=item)
        self._status = text
        if time.monotonic() - self._written >= WRITE_EVERY:
            self.write(text)
            self._note_if_well()

    def extend(self, seconds: float) -> None:
        """Pass on the wish for a later time limit."""
        self._progress.extend(seconds)

    def stall_limit(self, seconds: float | None) -> None:
        """Pass on the longest silence, and write it down at once: silence follows."""
        self._progress.stall_limit(seconds)
        self._limit = self._declared if seconds is None else seconds
        self.write(self._status)

    def write(self, status: str, *, stopped: bool = False, failed: bool = False) -> None:
        """Write the file now."""
        said = ServiceState(
            os.getpid(), self._started_at, self._context.clock.now(), mask(status), self._limit, stopped, failed
        )
        times = {"started_at": format_instant(said.started_at), "time": format_instant(said.time)}
        try:
            write_json(self._file, {"schema": 1, **asdict(said), **times})
            self._troubled = False
        except (OSError, HuracanError) as error:
            if not self._troubled:
                self._context.log.warning(
                    "%s cannot be written, so health cannot see this service: %s", self._file, error
                )
            self._troubled = True
        self._written = time.monotonic()

    def _note_if_well(self) -> None:
        if not self._is_well and time.monotonic() >= self._well_at:
            self._is_well = True
            note_well(self._context.paths.state, service_key(self._name))


def _file(state: Path, name: str) -> Path:
    return state / "services" / f"{quote(name, safe='')}.json"
