"""One candle file of the cache: read it if it can be trusted, know what was asked already, merge and write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from huracan.errors import DataError
from huracan.market.candles import Candles
from huracan.market.checks import check_candles
from huracan.market.files import digest_file, read_candles, write_candles
from huracan.market.timeframes import timeframe_ms
from huracan.paths import Paths, write_bytes

__all__ = ["Cached", "Spans", "add_span", "is_hole", "load", "merge", "missing", "reread", "save", "set_aside"]

Spans = tuple[tuple[int, int], ...]
"""Half-open intervals of open times in ms, sorted, without overlap."""


@dataclass(frozen=True, slots=True, eq=False)
class Cached:
    """The candles at hand and the spans that the exchange has answered for, holes of its own included."""

    candles: Candles
    asked: Spans


def load(path: Path, timeframe: str, exchange: str) -> Cached:
    """Return the cache, empty where there is none. Raises DataError where it must not be used."""
    if not path.exists():
        return Cached(Candles.empty(), ())
    candles, words = read_candles(path)
    for key, wanted in (("huracan.timeframe", timeframe), ("huracan.exchange", exchange)):
        if words.get(key) != wanted:
            raise DataError(
                str(path), f"holds candles of {key.removeprefix('huracan.')} {words.get(key)!r}, now it is {wanted!r}"
            )
    report = check_candles(candles, timeframe)
    if not report.ok:
        raise DataError(str(path), report.problems[0])
    return Cached(candles, _spans(path, words))


def reread(path: Path, timeframe: str, exchange: str, otherwise: Cached) -> Cached:
    """Return what was written page by page before an interruption; ``otherwise`` where nothing was."""
    return load(path, timeframe, exchange) if path.exists() else otherwise


def _spans(path: Path, words: Mapping[str, str]) -> Spans:
    try:
        return tuple((int(since), int(until)) for since, until in json.loads(words["huracan.asked"]))
    except (KeyError, ValueError, TypeError):
        raise DataError(str(path), "does not say which spans it covers") from None


def save(path: Path, cached: Cached, timeframe: str, exchange: str) -> None:
    """Write the cache atomically."""
    words = {
        "huracan.timeframe": timeframe,
        "huracan.exchange": exchange,
        "huracan.asked": json.dumps([list(span) for span in cached.asked]),
    }
    write_candles(path, cached.candles, words)


def set_aside(paths: Paths, path: Path, reason: str, stamp: str) -> Path:
    """Move a file that must not be used into the quarantine, with a note that says why; return where it is."""
    target = paths.quarantine / f"{path.stem}.{stamp}{path.suffix}"
    number = 1
    while target.exists():
        number += 1
        target = paths.quarantine / f"{path.stem}.{stamp}-{number}{path.suffix}"
    write_bytes(target.with_name(f"{target.name}.reason.txt"), f"{reason}\n".encode())
    path.replace(target)
    digest_file(path).unlink(missing_ok=True)
    return target


def missing(asked: Spans, since: int, until: int) -> Spans:
    """Return the parts of ``since <= time < until`` that were not asked for yet, oldest first."""
    parts = []
    for start, stop in asked:
        if start > since:
            parts.append((since, min(start, until)))
        since = max(since, stop)
        if since >= until:
            break
    if since < until:
        parts.append((since, until))
    return tuple((start, stop) for start, stop in parts if start < stop)


def add_span(asked: Spans, since: int, until: int) -> Spans:
    """Return ``asked`` with one more span, joined with its neighbours."""
    if since >= until:
        return asked
    joined: list[tuple[int, int]] = []
    for start, stop in sorted((*asked, (since, until))):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], stop))
        else:
            joined.append((start, stop))
    return tuple(joined)


def is_hole(cached: Cached, until: int) -> bool:
    """Say whether silence up to ``until`` is a hole that stays: later candles are known, so nothing is only late."""
    return len(cached.candles) > 0 and until <= int(cached.candles.timestamp[-1])


def merge(cached: Cached, page: Candles, since: int, until: int, timeframe: str) -> tuple[Cached, int]:
    """Add a page of candles that answers for ``since <= time < until``; return the cache and how many rows it changed.

    Where both know a time, the page is right: exchanges correct their candles. What lies after the page's last candle
    does not count as answered, since it may only be late.
    """
    both = Candles.concatenate([cached.candles, page])
    order = np.argsort(both.timestamp, kind="stable")
    times = both.timestamp[order]
    last_of_its_time = np.append(times[1:] != times[:-1], True) if len(times) else np.zeros(0, dtype=bool)
    merged = both.take(order[last_of_its_time])
    answered = min(until, int(page.timestamp.max()) + timeframe_ms(timeframe)) if len(page) else since
    changed = _changed(cached.candles, page)
    return replace(cached, candles=merged, asked=add_span(cached.asked, since, answered)), changed


def _changed(before: Candles, page: Candles) -> int:
    _, old, new = np.intersect1d(before.timestamp, page.timestamp, return_indices=True)
    columns = ("open", "high", "low", "close", "volume")
    if not len(old):
        return 0
    different = [getattr(before, name)[old] != getattr(page, name)[new] for name in columns]
    return int(np.logical_or.reduce(different).sum())
