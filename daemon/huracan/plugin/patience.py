"""Ends what takes too long in this very process, where Python can be interrupted."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

__all__ = ["TooSlowError", "at_most"]


class TooSlowError(BaseException):
    """It took too long. No Exception: ``except Exception`` in the code that hangs must not swallow it."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise TooSlowError inside the block after so many seconds.

    Only the main thread can be interrupted, by SIGALRM, and only where it runs Python or waits; elsewhere, and where
    somebody uses that signal already, there is no limit and a supervisor has to notice the silence.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGALRM) != signal.SIG_DFL:
        yield
        return
    # Again and again: one who catches it and goes on is interrupted again.
    signal.signal(signal.SIGALRM, lambda number, frame: _give_up(number, frame, seconds))
    try:
        with suppress(OSError):  # a library that moves the clock refuses timers: then there is no limit either
            signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
        try:
            yield
        finally:
            with suppress(OSError):
                signal.setitimer(signal.ITIMER_REAL, 0.0)
    finally:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


def _give_up(number: int, frame: FrameType | None, seconds: float) -> None:
    del number, frame
    raise TooSlowError(f"no end within {seconds:g} s")
