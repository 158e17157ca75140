"""Brings what a perpetual paid in funding up to date, so that training can charge it at its own instants."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from huracan.context import Context
from huracan.errors import DataError
from huracan.market.funding import Funding, read_funding, write_funding
from huracan.types import FundingSource

__all__ = ["sync_funding"]

EVER = 2**62


def sync_funding(
    context: Context, exchange: FundingSource, symbol: str, since: int, until: int, source: str
) -> Funding | None:
    """Fetch the rates due at ``since <= instant <= until`` (ms), keep them, and return them; None where none is known.

    The span is fetched whole in every night, a few hundred rates; what was kept outside it stays for nights that are
    run again. Raises DataError where the exchange's rates cannot be used.
    """
    fetched = exchange.funding(symbol, since, until + 1)
    known = None if fetched is None else fetched.between(since, until + 1)
    if known is None or not len(known):
        return None
    if not (np.diff(known.timestamp) > 0).all() or not (np.abs(known.rate) < 1).all():
        raise DataError(symbol, "the exchange sent funding out of order, or rates that are no fractions")
    path = context.paths.funding_file(symbol)
    kept = _kept(context, path, source)
    parts = (kept.between(-EVER, since), known, kept.between(until + 1, EVER))
    joined = Funding(
        np.concatenate([part.timestamp for part in parts]), np.concatenate([part.rate for part in parts])
    )  # fmt: skip
    write_funding(path, joined, source)
    return known


def _kept(context: Context, path: Path, source: str) -> Funding:
    if not path.exists():
        return Funding.none()
    try:
        return read_funding(path, source)
    except DataError as error:
        context.log.warning("%s %s; fetched again", path.name, error.what)
        return Funding.none()
