"""What supervisors share: the child to start, how it ended, how to ask for its end, and when to start it again."""

from __future__ import annotations

import os
import random
import selectors
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from huracan.run.heartbeat import Notification

__all__ = ["Backoff", "Child", "Exit", "ExitReason", "Limits", "StopSwitch", "Supervisor", "Watcher"]


class ExitReason(StrEnum):
    EXITED = "exited"
    SIGNALLED = "signal"
    STALLED = "stalled"
    TIMED_OUT = "timed-out"
    TOO_LARGE = "too-large"
    STOPPED = "stopped"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Exit:
    """How a child ended. ``code`` is its exit status, or 128 + signal number; ``seconds`` is how long it ran."""

    reason: ExitReason
    code: int
    seconds: float
    adopted: bool = False
    """Whether it ran already when it was to be started: left by a supervisor that was killed."""
    detail: str = ""

    @property
    def sentence(self) -> str:
        """Say it to a person."""
        match self.reason:
            case ExitReason.STALLED:
                return "made no progress for longer than its stall limit and was killed"
            case ExitReason.TIMED_OUT:
                return f"was stopped at its time limit after {self.seconds:.0f} s"
            case ExitReason.TOO_LARGE:
                return f"took {self.detail} of memory, more than its limit (memory_mib), and was killed"
            case ExitReason.STOPPED:
                return "was stopped"
            case ExitReason.REFUSED:
                return f"was not run: {self.detail}"
            case ExitReason.SIGNALLED:
                return f"was killed by {_signal_name(self.code - 128)}"
            case ExitReason.EXITED:
                return f"ended with code {self.code}"


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: ``stall`` without a heartbeat once ready (before that ``start``, where it is longer), ``time`` in all,
    ``grace`` between the polite signal and SIGKILL. ``memory`` is that of all its processes, MiB. None: no limit."""

    stall: float | None = None
    time: float | None = None
    start: float = 60.0
    grace: float = 5.0
    memory: float | None = None


@dataclass(frozen=True, slots=True)
class Child:
    """A process to start: its command line, its whole environment, and its limits; or the unit that holds all that."""

    command: Sequence[str]
    environment: Mapping[str, str]
    limits: Limits = field(default_factory=Limits)
    unit: str = ""


class Watcher(Protocol):
    """Is told what a supervised child does."""

    def line(self, text: str) -> None:
        """Take one line of the child's output (stdout and stderr together)."""
        ...

    def begun(self) -> None:
        """Be called once, when the child was started, or found at work."""
        ...

    def notified(self, notification: Notification) -> None:
        """Take one datagram of the child."""
        ...

    def tick(self) -> None:
        """Be called about once a second while the child runs: the supervisor's own loop moves."""
        ...


class Supervisor(Protocol):
    """Whoever starts processes and ends them when they hang: the process supervisor here, or systemd."""

    def run(self, child: Child, watcher: Watcher, stop: StopSwitch) -> Exit:
        """Start ``child``, watch it to its end and say how it ended; ``stop`` ends it early."""
        ...


class StopSwitch:
    """A request to stop that wakes whoever waits; safe to use from signal handlers and other threads.

    Asked twice, it means: at once.
    """

    def __init__(self) -> None:
        self._event = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._asked = 0
        self._closed = False
        # A signal may come while this thread is inside: the same one may enter again.
        self._guard = threading.RLock()

    def ask(self) -> None:
        self._asked += 1
        with self._guard:
            if not self._closed:  # its number may be another file's by now
                os.eventfd_write(self._event, 1)

    @property
    def asked(self) -> bool:
        return self._asked > 0

    @property
    def urgent(self) -> bool:
        return self._asked > 1

    def fileno(self) -> int:
        return self._event

    def wait(self, seconds: float) -> bool:
        """Sleep; return True at once when a stop is or was asked for."""
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self, selectors.EVENT_READ)
            while not self.asked and (left := deadline - time.monotonic()) > 0:
                selector.select(left)
        return self.asked

    def on_signals(self, *, hang_up: bool = True) -> None:
        """Let SIGTERM, SIGINT and (unless nohup has it ignored) SIGHUP ask. Only the main thread may call this."""
        hung_up = hang_up and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
        for number in (signal.SIGTERM, signal.SIGINT, *([signal.SIGHUP] if hung_up else [])):
            signal.signal(number, lambda *_: self.ask())

    def close(self) -> None:
        with self._guard:
            if not self._closed:
                self._closed = True
                os.close(self._event)


class Backoff:
    """Growing pauses between restarts: ``first``, doubled each time up to ``longest``, each with +-25 % of jitter.

    What ran for at least ``well`` seconds is taken to have worked: the pauses start over.
    """

    def __init__(
        self, first: float, longest: float, *, well: float = 60.0, chance: random.Random | None = None
    ) -> None:
        self._first, self._longest, self._well = first, longest, well
        self._chance = chance or random.Random()
        self._failures = 0

    def after(self, seconds_it_ran: float) -> float:
        """Return the seconds to pause now that it ended after ``seconds_it_ran``."""
        if seconds_it_ran >= self._well:
            self._failures = 0
        pause = min(self._longest, self._first * 2.0 ** min(self._failures, 60))
        self._failures += 1
        return min(self._longest, pause * self._chance.uniform(0.75, 1.25))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
