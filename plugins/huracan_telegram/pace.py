"""The pace that Telegram allows, kept by all processes that write with this bot: one file, one lock, no daemon.

How long each chat, and the bot as a whole, has to rest stands in ``state/telegram/pace.json``. It is written in place
and not flushed: what a power cut takes from it is seconds.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from huracan.clock import Clock, SystemClock
from huracan.errors import DeliveryError

__all__ = ["Pace"]

EVERYBODY = "all"
"""The name under which the rest of the bot as a whole stands."""
LONGEST_NAP = 30.0
"""Seconds that are slept here; who has to rest for longer hears so, and comes again."""
PATIENCE = 2.0
"""Seconds to wait for the lock, which others hold for less than a thousandth of that."""


class Pace:
    """Lets whoever writes wait for the turn of a chat and of the bot."""

    def __init__(self, folder: Path, log: logging.LoggerAdapter[logging.Logger], clock: Clock | None = None) -> None:
        self._file, self._log, self._clock = folder / "pace.json", log, clock or SystemClock()
        self._threads = threading.Lock()
        # What holds where the file cannot be had: a full disk stops no message.
        self._noted: tuple[float, Mapping[str, float]] = 0.0, {}

    def wait(self, chat: int, gap: float, gap_of_all: float) -> None:
        """Sleep until it is this chat's turn, ``gap`` seconds after the one before, and then the bot's.

        Raises DeliveryError where the chat has to rest for long: Telegram said so, to this process or another.
        """
        # One after the other: the turn of a chat may be far, and nobody else may be kept waiting for it.
        for name, seconds in ((str(chat), gap), (EVERYBODY, gap_of_all)):
            rest = self._take_turn(name, seconds)
            if rest > LONGEST_NAP:
                raise DeliveryError(f"Telegram wants this chat left alone for {rest:.0f} s", retry_after=rest)
            time.sleep(rest)

    def rest(self, chat: int, seconds: float) -> None:
        """Note that Telegram wants a chat left alone for a while."""
        with self._opened() as left:
            left[str(chat)] = max(left.get(str(chat), 0.0), seconds)

    def _take_turn(self, name: str, gap: float) -> float:
        """Return how long it is to the next turn, which is taken unless that is too long."""
        with self._opened() as left:
            rest = left.get(name, 0.0)
            if rest <= LONGEST_NAP:
                left[name] = rest + gap
        return rest

    @contextmanager
    def _opened(self) -> Iterator[dict[str, float]]:
        """Yield for how many seconds who has to rest, to be changed, while nobody else can."""
        with self._threads, self._locked() as handle:
            noted_at, noted = self._noted if handle is None else _read(handle, self._noted)
            now = self._clock.now().timestamp()
            # Seconds that are left, not instants: a clock that is set back makes nobody wait for longer than was meant.
            passed = max(0.0, now - noted_at)
            left = {name: rest - passed for name, rest in noted.items() if rest > passed}
            yield left
            self._noted = now, left
            if handle is not None:
                _write(handle, now, left)

    @contextmanager
    def _locked(self) -> Iterator[int | None]:
        """Yield the open file, locked; None where it cannot be had."""
        handle: int | None = None
        try:
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                handle = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                _lock(handle)
            except OSError as error:
                self._log.debug("telegram: the pace is kept by this process alone: %s", error)
                if handle is not None:
                    os.close(handle)
                handle = None
            yield handle
        finally:
            if handle is not None:
                os.close(handle)


def _lock(handle: int) -> None:
    """Lock it. Raises OSError where another process holds it and does not go on."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError:
            if time.monotonic() >= end:
                raise
            time.sleep(0.002)


def _read(handle: int, otherwise: tuple[float, Mapping[str, float]]) -> tuple[float, Mapping[str, float]]:
    try:
        kept = json.loads(os.pread(handle, 1 << 20, 0))
        return float(kept["at"]), {str(name): float(rest) for name, rest in kept["left"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return otherwise  # new, or half of it was written


def _write(handle: int, now: float, left: Mapping[str, float]) -> None:
    content = json.dumps({"schema": 1, "at": now, "left": left}).encode()
    with suppress(OSError):  # the disk is full
        os.ftruncate(handle, os.pwrite(handle, content, 0))
