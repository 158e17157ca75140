"""Waiting for what other processes and threads do."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["wait_until"]


def wait_until(happened: Callable[[], object], seconds: float = 60.0) -> float:
    """Ask again and again until it is so, and return the seconds that it took; fail after ``seconds``."""
    begun = time.monotonic()
    while not happened():
        assert time.monotonic() < begun + seconds, f"waited for {seconds:.0f} s, and it did not happen"
        time.sleep(0.02)
    return time.monotonic() - begun
