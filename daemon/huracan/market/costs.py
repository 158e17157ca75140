"""What a trade costs, in basis points of its value, and where each number comes from."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from huracan.market.candles import Candles
from huracan.market.timeframes import timeframe_ms

__all__ = ["FUNDING_BPS_PER_DAY", "IMPACT_COEFFICIENT", "Costs", "estimate_costs", "slippage_series"]

IMPACT_COEFFICIENT = 1.0
"""Y of the square-root law: order one in every market it was measured in (Toth et al. 2011, section II)."""

FUNDING_BPS_PER_DAY = 3.0
"""What holding a perpetual costs as long as nobody measured it: 1 bp each 8 hours, the interest part of the funding
rate of the large exchanges (Binance, "Introduction to Binance Futures Funding Rates"), to which it returns."""


Side = Literal["taker", "maker"]


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs in basis points, per side unless named otherwise; ``order_quote`` is the order's size they hold for.

    ``entry_side`` and ``exit_side`` say who takes and who waits: a taker pays the taker's fee, half the spread and
    slippage; a maker's order waits in the book and pays the maker's fee alone (that it may not be filled is not in
    here). ``fee_bps`` and ``side_bps`` are the means of both sides. Each ``..._source`` is ``exchange``, ``estimate``
    (from candles) or ``default``; that of funding ``exchange``, ``estimate`` or, on spot markets, ``none``.
    """

    entry_side: Side
    exit_side: Side
    entry_fee_bps: float
    exit_fee_bps: float
    half_spread_bps: float
    slippage_bps: float
    funding_bps_per_day: float
    fee_source: str
    spread_source: str
    slippage_source: str
    funding_source: str
    order_quote: float

    @property
    def entry_bps(self) -> float:
        """Return what entering costs: the fee, and for a taker half the spread and slippage."""
        return self.entry_fee_bps + self._crossing(self.entry_side)

    @property
    def exit_bps(self) -> float:
        """Return what leaving costs."""
        return self.exit_fee_bps + self._crossing(self.exit_side)

    @property
    def side_bps(self) -> float:
        """Return the mean of what both sides cost."""
        return self.round_trip_bps / 2

    @property
    def round_trip_bps(self) -> float:
        """Return what entering and leaving costs, without funding."""
        return self.entry_bps + self.exit_bps

    def _crossing(self, side: Side) -> float:
        return self.half_spread_bps + self.slippage_bps if side == "taker" else 0.0

    def to_json(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "fee_bps": (self.entry_fee_bps + self.exit_fee_bps) / 2,
            "entry_bps": self.entry_bps,
            "exit_bps": self.exit_bps,
            "side_bps": self.side_bps,
            "round_trip_bps": self.round_trip_bps,
        }


def estimate_costs(
    *,
    taker_fee_bps: float,
    maker_fee_bps: float,
    fee_source: str,
    spread_bps: float,
    spread_source: str,
    quote_volume_24h: float,
    daily_volatility: float,
    order_quote: float,
    perpetual: bool = False,
    funding_known: bool = False,
    entry: Side = "taker",
    exit: Side = "taker",
) -> Costs:
    """Return the costs of an order of ``order_quote``; a ``perpetual`` also pays funding while it is held.

    Where the exchange's rates are known (``funding_known``), they count at their own instants, and the flat
    ``funding_bps_per_day`` only where one is missing.

    Slippage follows the square-root law, ``Y * volatility * sqrt(order / daily volume)`` (Almgren, Thum, Hauptmann and
    Li 2005, "Direct estimation of equity market impact"; Toth et al. 2011, "Anomalous price impact and the critical
    nature of liquidity in financial markets"), with the daily volatility as a fraction. Without any volume it is that
    of an order as large as a day's volume.
    """
    share = min(1.0, order_quote / quote_volume_24h) if quote_volume_24h > 0 else 1.0
    fees = {"taker": taker_fee_bps, "maker": maker_fee_bps}
    return Costs(
        entry_side=entry,
        exit_side=exit,
        entry_fee_bps=fees[entry],
        exit_fee_bps=fees[exit],
        half_spread_bps=spread_bps / 2,
        slippage_bps=IMPACT_COEFFICIENT * daily_volatility * 1e4 * math.sqrt(share),
        funding_bps_per_day=FUNDING_BPS_PER_DAY if perpetual else 0.0,
        fee_source=fee_source,
        spread_source=spread_source,
        slippage_source="estimate",
        funding_source=("exchange" if funding_known else "estimate") if perpetual else "none",
        order_quote=order_quote,
    )


def slippage_series(candles: Candles, timeframe: str, order_quote: float) -> np.ndarray:
    """Return what one side slips at each row's close in basis points, shape (rows,): the law of `estimate_costs`.

    Volume is the quote volume of the last 24 h of bars, volatility that of the returns of the last 7 days of bars,
    scaled to a day, both up to the row; at the beginning, of the rows there are. The first row, at which no return is
    known yet, slips nothing. Takes O(rows log(bars of 7 days)).
    """
    day = max(1, 86_400_000 // timeframe_ms(timeframe))
    rows = np.arange(len(candles))
    turnover = _trailing_sum(candles.close * candles.volume, day) / np.minimum(rows + 1, day)
    squares = np.concatenate([np.zeros(min(len(candles), 1)), np.diff(np.log(candles.close)) ** 2])
    variance = _trailing_sum(squares, 7 * day) / np.clip(rows, 1, 7 * day)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.minimum(1.0, np.where(turnover > 0, order_quote / (turnover * day), 1.0))
    slippage: np.ndarray = IMPACT_COEFFICIENT * np.sqrt(variance * day) * 1e4 * np.sqrt(share)
    return slippage


def _trailing_sum(values: np.ndarray, rows: int) -> np.ndarray:
    """Return the sum of the last ``rows`` values, of those there are.

    Sums of 1, 2, 4 ... neighbours are joined: unlike a difference of running totals, what a row gets does not depend on
    the rounding of values long ago, and unlike a sum of each window, a week of minutes is as cheap as one of hours.
    """
    count = len(values)
    result, joined, done = np.zeros(count), values.astype(np.float64), 0
    for bit in range(rows.bit_length()):
        width = 1 << bit
        if rows & width:
            result[done:] += joined[: max(count - done, 0)]
            done += width
        longer = joined.copy()
        longer[width:] += joined[: max(count - width, 0)]
        joined = longer
    return result
