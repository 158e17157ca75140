"""Reads the funding of one perpetual as of an instant, or refuses the file in one line.

Parquet or CSV as for candles: the instants under a name of a time (timestamp, time, date, funding_time ...), the rates
under rate, funding_rate or fundingRate, as fractions of the position. Binance's own stamps lie some milliseconds after
the full hour at which funding is due, so instants are cut to the second.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from huracan.errors import DataError
from huracan.market.funding import Funding
from huracan_exchanges.bars import say_time
from huracan_exchanges.columns import TIME_NAMES, to_milliseconds, to_numbers, unit_names
from huracan_exchanges.table import read_table, shown

__all__ = ["read_funding_file"]

RATE_NAMES = ("rate", "funding_rate", "fundingrate")
INSTANT_NAMES = (*TIME_NAMES, "funding_time", "fundingtime")


def read_funding_file(path: Path, now: int) -> Funding:
    """Return what fell due up to ``now`` (ms). Raises DataError naming the file.

    The answer, also an error, does not depend on rows of later instants, apart from their times.
    """
    try:
        table = read_table(path, _choose)
        times, kinds = to_milliseconds(table["timestamp"])
        if (kinds == 0).any():
            row = int(np.argmin(kinds != 0))
            raise ValueError(f"row {row + 1}: {shown(table, row)} cannot be read as a time without guessing")
        rows = np.flatnonzero(times <= now)
        if np.unique(kinds[rows]).size > 1:
            raise ValueError(f"mixes times in {unit_names(kinds[rows])}")
        rates = to_numbers(table["rate"])
        bad = rows[~(np.abs(rates[rows]) < 1)]
        if bad.size:
            row = int(bad[0])
            raise ValueError(f"row {row + 1}: rate {shown(table, row, 'rate')} is no fraction between -1 and 1")
        return _in_order(times[rows] // 1000 * 1000, rates[rows])
    except (ValueError, TypeError) as error:
        raise DataError(path.name, " ".join(str(error).split())) from None


def _choose(names: Sequence[str]) -> dict[str, str]:
    plain = {name.strip().casefold().replace(" ", "_"): name for name in names}
    chosen = {}
    for column, accepted in (("timestamp", INSTANT_NAMES), ("rate", RATE_NAMES)):
        known = [plain[name] for name in accepted if name in plain]
        if not known:
            raise ValueError(f"has no column {column}; funding is told in columns timestamp and rate")
        chosen[column] = known[0]
    return chosen


def _in_order(times: np.ndarray, rates: np.ndarray) -> Funding:
    """Sort, and drop identical duplicates. Raises ValueError where one instant has two rates."""
    order = np.argsort(times, kind="stable")
    times, rates = times[order], rates[order]
    again = np.diff(times, prepend=times[:1] - 1) == 0
    differs = again & (np.diff(rates, prepend=rates[:1]) != 0)
    if differs.any():
        raise ValueError(f"holds two rates of one instant, the first at {say_time(int(times[differs.argmax()]))}")
    return Funding(times[~again], rates[~again])
