"""Told of every block before it is sent: keeps a bandwidth cap, and gives a sign of life while bytes move."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["Pace"]

LONGEST_NAP = 5.0


class Pace:
    """Callable as :data:`huracan.remote.base.Sent`. Threads may share it; ``sent`` counts bytes."""

    def __init__(self, kilobytes_per_second: float, tell: Callable[[str], None]) -> None:
        self._rate = kilobytes_per_second * 1000
        self._tell = tell
        self._lock = threading.Lock()
        self._free_at = time.monotonic()
        self.sent = 0

    def __call__(self, count: int) -> None:
        with self._lock:
            self.sent += count
            start = max(self._free_at, time.monotonic())
            self._free_at = start + (count / self._rate if self._rate else 0.0)
            total = self.sent
        # Waited for are the bytes before these: a single block is never split.
        while (left := start - time.monotonic()) > 0:
            time.sleep(min(left, LONGEST_NAP))
            self._tell(f"sync sent {total / 1e6:.1f} MB")
        self._tell(f"sync sent {total / 1e6:.1f} MB")
