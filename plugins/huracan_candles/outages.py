"""Tells the exchange's own silences from holes in our copy, and remembers them beside the cache.

A gap that is new is asked for once more; what is still missing then is the exchange's. Where most pairs that traded
lack the same bars, the exchange was out of order: ``outages.json`` remembers when, so that no other pair asks again.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from huracan.market.candles import Candles, timeframe_ms
from huracan.market.checks import Gap
from huracan.paths import write_json
from huracan_candles.cache import Spans, add_span

__all__ = ["Silences", "find_outages"]

FEWEST_PAIRS = 3
MOST_PAIRS_SILENT = 0.8


class Silences:
    """Spans of one exchange and timeframe that nobody needs to ask for again. Threads may share it."""

    def __init__(self, exchange: str, timeframe: str, outages: Spans = ()) -> None:
        self._words = {"exchange": exchange, "timeframe": timeframe}
        self._lock = threading.Lock()
        self._confirmed = outages
        self.outages = outages

    @classmethod
    def read(cls, path: Path, exchange: str, timeframe: str) -> Silences:
        """Return what was remembered for this exchange and timeframe; a file that cannot be read remembers nothing."""
        try:
            value: Any = json.loads(path.read_text("utf-8"))
            fits = (value["exchange"], value["timeframe"]) == (exchange, timeframe)
            spans: Spans = ()
            for entry in value["outages"] if fits else ():
                spans = add_span(spans, int(entry["from"]), int(entry["to"]))
        except (OSError, ValueError, KeyError, TypeError):
            spans = ()
        return cls(exchange, timeframe, spans)

    def covers(self, gap: Gap) -> bool:
        """Say whether the exchange was found silent for all of a gap before."""
        with self._lock:
            return any(since <= gap.since and gap.until <= until for since, until in self._confirmed)

    def confirm(self, gap: Gap) -> None:
        """Remember, for the rest of this run, that the exchange has nothing there."""
        with self._lock:
            self._confirmed = add_span(self._confirmed, gap.since, gap.until)

    def remember(self, path: Path, found: Spans) -> None:
        """Add outages to those of earlier nights, and write them where that changes anything."""
        together = self.outages
        for since, until in found:
            together = add_span(together, since, until)
        if together != self.outages:
            outages = [{"from": since, "to": until} for since, until in together]
            write_json(path, {"schema": 1, **self._words, "outages": outages})
        self.outages = together


def find_outages(histories: Iterable[Candles], timeframe: str) -> Spans:
    """Return the spans that most pairs lack which had candles before and after: the exchange's outages."""
    length = timeframe_ms(timeframe)
    known = [candles.timestamp for candles in histories if len(candles) > 1]
    if len(known) < FEWEST_PAIRS:
        return ()
    missing, counts = np.unique(np.concatenate([_missing(times, length) for times in known]), return_counts=True)
    spans: Spans = ()
    for at, count in zip(missing.tolist(), counts.tolist(), strict=True):
        alive = _alive(known, at)
        if alive >= FEWEST_PAIRS and count >= MOST_PAIRS_SILENT * alive:
            spans = add_span(spans, at, at + length)
    return spans


def _missing(times: np.ndarray, length: int) -> np.ndarray:
    grid = np.arange(int(times[0]), int(times[-1]), length, dtype=np.int64)
    return np.setdiff1d(grid, times, assume_unique=True)


def _alive(known: Sequence[np.ndarray], at: int) -> int:
    return sum(bool(times[0] < at < times[-1]) for times in known)
