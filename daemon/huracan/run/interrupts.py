"""SIGTERM and SIGINT as an exception, for as long as work may be left where it stands."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType

from huracan.errors import StopRequested

__all__ = ["Interruptible"]


class Interruptible:
    """Within this block the first SIGTERM or SIGINT raises StopRequested; later ones, and after it all, do nothing.

    So the row that says how the work ended is written in peace. Whoever loses patience has SIGKILL.
    """

    def __init__(self) -> None:
        self._armed = False

    def __enter__(self) -> Interruptible:
        self._armed = True
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._armed = False

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self._armed:
            self._armed = False
            raise StopRequested
