"""Takes turns: of the processes of a workspace one at a time does what would be harmful twice, and the others wait."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from huracan.errors import LockedError, TryAgainError

if TYPE_CHECKING:
    from huracan.context import Context

__all__ = ["its_turn"]

_STEP = 5.0
"""Seconds between two steps of who waits."""


@contextmanager
def its_turn(context: Context, name: str, does: str, patience: float) -> Iterator[None]:
    """Hold ``state/NAME.lock`` inside the block; ``does`` is what its holder does, to say what is waited for.

    Raises LockedError after ``patience`` seconds, TryAgainError where the folder for state cannot be written.
    """
    lock = FileLock(context.paths.state / f"{name}.lock")
    end = time.monotonic() + patience
    while True:
        try:
            context.paths.state.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=_STEP)
            break
        except Timeout:  # an OSError too: it comes first
            if time.monotonic() > end:
                raise LockedError(f"{name}: another process {does} for {patience / 60:.0f} min already") from None
            context.progress.step(f"{name} waits for another process that {does}")
        except OSError as error:
            raise TryAgainError(f"{name}: {context.paths.state} cannot be written: {error.strerror}") from None
    try:
        yield
    finally:
        lock.release()
