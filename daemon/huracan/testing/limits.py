"""Calls what may hang, or change how this process is ended."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Answer", "TooSlowError", "signals_kept", "within"]

T = TypeVar("T")


class TooSlowError(Exception):
    """It did not answer in time."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What was returned, and after how many seconds."""

    value: T
    seconds: float


def within(limit: float, function: Callable[[], T]) -> Answer[T]:
    """Call ``function`` in a thread of its own and wait ``limit`` seconds for its answer.

    Raises what it raises, SystemExit and the like as RuntimeError, and TooSlowError; one that hangs is left behind.
    """
    kept: list[Answer[T]] = []
    raised: list[BaseException] = []

    def work() -> None:
        began = time.perf_counter()
        try:
            kept.append(Answer(function(), time.perf_counter() - began))
        except BaseException as error:  # noqa: BLE001 - it is raised again by whoever waits
            raised.append(error)

    thread = threading.Thread(target=copy_context().run, args=(work,), name="kit", daemon=True)
    thread.start()
    thread.join(limit)
    if raised:
        error = raised[0]
        if isinstance(error, Exception):
            raise error
        raise RuntimeError(f"it raised {type(error).__name__}({error})") from error
    if not kept:
        raise TooSlowError(f"no answer within {limit:g} s")
    return kept[0]


@contextmanager
def signals_kept() -> Iterator[None]:
    """Give back, at the end of the block, what listened to SIGTERM and Ctrl-C before. In the main thread alone."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is not handler:
                signal.signal(number, handler)
