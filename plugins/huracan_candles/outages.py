"""Tells the exchange's own silences from holes in our copy, and remembers them beside the cache.

A gap that is new is asked for once more; what is still missing then is the exchange's. Where most pairs that traded
lack the same bars, the exchange was out of order: ``outages.json`` remembers when, so that nobody asks again in nights
to come. Within a night every pair asks for itself: what the others found by then would depend on who was faster.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from huracan.market.candles import Candles
from huracan.market.checks import Gap
from huracan.market.timeframes import timeframe_ms
from huracan.paths import write_json
from huracan_candles.cache import Spans, add_span, missing

__all__ = ["Silences", "find_outages"]

FEWEST_PAIRS = 3
MOST_PAIRS_SILENT = 0.8


class Silences:
    """Spans of one exchange and timeframe that nobody needs to ask for again, as of the nights before this one."""

    def __init__(self, exchange: str, timeframe: str, outages: Spans = ()) -> None:
        self._words = {"exchange": exchange, "timeframe": timeframe}
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
        """Say whether the exchange is known to have been out of order for all of a gap."""
        return not missing(self.outages, gap.since, gap.until)

    def remember(self, path: Path, found: Spans) -> None:
        """Add outages to those of earlier nights, and write them where that changes anything."""
        together = self.outages
        for since, until in found:
            together = add_span(together, since, until)
        if together != self.outages:
            outages = [{"from": since, "to": until} for since, until in together]
            write_json(path, {"schema": 1, **self._words, "outages": outages})
        self.outages = together


def find_outages(histories: Sequence[tuple[Candles, Spans]], timeframe: str) -> Spans:
    """Return the spans that most pairs lack which had candles before and after: the exchange's outages.

    Each history comes with the spans that the exchange has answered for: what was never asked for is a hole of ours.
    """
    length = timeframe_ms(timeframe)
    known = [(candles.timestamp, asked) for candles, asked in histories if len(candles) > 1]
    if len(known) < FEWEST_PAIRS:
        return ()
    lacking = np.concatenate([_missing(times, asked, length) for times, asked in known])
    absent, counts = np.unique(lacking, return_counts=True)
    alive = sum(_inside(absent, asked) & (times[0] < absent) & (absent < times[-1]) for times, asked in known)
    spans: Spans = ()
    for at in absent[(alive >= FEWEST_PAIRS) & (counts >= MOST_PAIRS_SILENT * alive)].tolist():
        spans = add_span(spans, at, at + length)
    return spans


def _missing(times: np.ndarray, asked: Spans, length: int) -> np.ndarray:
    grid = np.arange(int(times[0]), int(times[-1]), length, dtype=np.int64)
    lacking = np.setdiff1d(grid, times, assume_unique=True)
    found: np.ndarray = lacking[_inside(lacking, asked)]
    return found


def _inside(times: np.ndarray, spans: Spans) -> np.ndarray:
    """Say of each time whether a span holds it."""
    if not spans:
        return np.zeros(len(times), dtype=bool)
    starts, stops = np.array(spans, dtype=np.int64).T
    place = np.searchsorted(starts, times, side="right") - 1
    inside: np.ndarray = (place >= 0) & (times < stops[np.maximum(place, 0)])
    return inside
