"""What dealing costs at every row: fees by side, half the spread, slippage of that hour, funding when it was due."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from huracan.market.candles import Candles
from huracan.market.costs import slippage_series
from huracan.market.funding import Funding, due_by_bar, parse_funding
from huracan.market.timeframes import timeframe_ms
from huracan_training.errors import CoinSkippedError
from huracan_training.outcomes import Prices

__all__ = ["prices_of"]


def prices_of(candles: Candles, timeframe: str, costs: Mapping[str, Any], funding: bytes | None) -> Prices:
    """Return prices and costs of every row, from the content of ``costs.json`` and of a file of funding rates.

    An order that is filled in a bar pays the slippage that was known when the bar before it closed. A position pays
    the funding that fell due while it was held: at an instant after its entry, up to its exit. Where the exchange's
    rates are not known, it pays the flat estimate of ``costs.json`` for every hour.
    Raises CoinSkippedError where nothing is left of the stake.
    """
    known = slippage_series(candles, timeframe, costs["order_quote"])
    slippage = np.concatenate([known[:1], known[:-1]])
    enter = _side(costs, "entry", slippage)
    leave = _side(costs, "exit", slippage)
    if float(np.median(enter + leave)) >= 1.0:
        raise CoinSkippedError(
            f"a round trip of {costs['order_quote']:g} costs the whole stake: the order is too large"
        )
    edges = np.append(candles.timestamp, candles.timestamp[-1:] + timeframe_ms(timeframe))
    rates = Funding.none() if funding is None else parse_funding(funding, "funding")
    due = due_by_bar(rates, edges, max(0.0, costs["funding_bps_per_day"]))
    return Prices.of(candles, np.minimum(enter, 0.999), np.minimum(leave, 0.999), 1.0 - due)


def _side(costs: Mapping[str, Any], side: str, slippage: np.ndarray) -> np.ndarray:
    """A maker waits in the book: it pays its fee alone."""
    fee: float = costs[f"{side}_fee_bps"]
    if costs[f"{side}_side"] == "maker":
        return np.full(len(slippage), fee / 1e4)
    taken: np.ndarray = (fee + costs["half_spread_bps"] + slippage) / 1e4
    return taken
