"""Brings what a perpetual paid in funding up to date, so that training can charge it at its own instants."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from huracan.context import Context
from huracan.errors import DataError
from huracan.market.funding import Funding, read_funding, write_funding
from huracan.types import FundingSource

__all__ = ["kept_funding", "sync_funding"]


def sync_funding(
    context: Context, exchange: FundingSource, symbol: str, since: int, until: int, source: str
) -> Funding | None:
    """Fetch the rates due at ``since <= instant <= until`` (ms), keep them, and return them; None where none is known.

    The span is fetched whole in every night, a few hundred rates. What was kept stays, also where an exchange tells of
    its latest rates alone; where both know an instant, the exchange is right. Raises DataError where the exchange's
    rates cannot be used.
    """
    fetched = exchange.funding(symbol, since, until + 1)
    known = None if fetched is None else fetched.between(since, until + 1)
    if known is None or not len(known):
        return kept_funding(context, symbol, since, until, source) if fetched is not None else None
    if not (np.diff(known.timestamp) > 0).all() or not (np.abs(known.rate) < 1).all():
        raise DataError(symbol, "the exchange sent funding out of order, or rates that are no fractions")
    path = context.paths.funding_file(symbol)
    kept = _kept(context, path, source)
    older = ~np.isin(kept.timestamp, known.timestamp)
    times = np.concatenate([kept.timestamp[older], known.timestamp])
    rates = np.concatenate([kept.rate[older], known.rate])
    order = np.argsort(times)
    joined = Funding(times[order], rates[order])
    write_funding(path, joined, source)
    return joined.between(since, until + 1)


def kept_funding(context: Context, symbol: str, since: int, until: int, source: str) -> Funding | None:
    """Return what earlier nights kept of the span, None where that is nothing."""
    kept = _kept(context, context.paths.funding_file(symbol), source).between(since, until + 1)
    return kept if len(kept) else None


def _kept(context: Context, path: Path, source: str) -> Funding:
    if not path.exists():
        return Funding.none()
    try:
        return read_funding(path, source)
    except DataError as error:
        context.log.warning("%s %s; fetched again", path.name, error.what)
        return Funding.none()
