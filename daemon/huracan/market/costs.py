"""What a trade costs, in basis points of its value, and where each number comes from."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["FUNDING_BPS_PER_DAY", "IMPACT_COEFFICIENT", "Costs", "estimate_costs"]

IMPACT_COEFFICIENT = 1.0
"""Y of the square-root law: order one in every market it was measured in (Toth et al. 2011, section II)."""

FUNDING_BPS_PER_DAY = 3.0
"""What holding a perpetual costs as long as nobody measured it: 1 bp each 8 hours, the interest part of the funding
rate of the large exchanges (Binance, "Introduction to Binance Futures Funding Rates"), to which it returns."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs per side unless named otherwise, all in basis points; ``order_quote`` is the order's size they hold for."""

    fee_bps: float
    half_spread_bps: float
    slippage_bps: float
    funding_bps_per_day: float
    fee_source: str
    spread_source: str
    slippage_source: str
    order_quote: float

    @property
    def side_bps(self) -> float:
        """Return what one side costs: fee, half the spread, slippage."""
        return self.fee_bps + self.half_spread_bps + self.slippage_bps

    @property
    def round_trip_bps(self) -> float:
        """Return what entering and leaving costs, without funding."""
        return 2 * self.side_bps

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "side_bps": self.side_bps, "round_trip_bps": self.round_trip_bps}


def estimate_costs(
    *,
    taker_fee_bps: float,
    fee_source: str,
    spread_bps: float,
    spread_source: str,
    quote_volume_24h: float,
    daily_volatility: float,
    order_quote: float,
    perpetual: bool = False,
) -> Costs:
    """Return the costs of a market order of ``order_quote``; a ``perpetual`` also pays funding while it is held.

    Slippage follows the square-root law, ``Y * volatility * sqrt(order / daily volume)`` (Almgren, Thum, Hauptmann and
    Li 2005, "Direct estimation of equity market impact"; Toth et al. 2011, "Anomalous price impact and the critical
    nature of liquidity in financial markets"), with the daily volatility as a fraction. Without any volume it is that
    of an order as large as a day's volume.
    """
    share = min(1.0, order_quote / quote_volume_24h) if quote_volume_24h > 0 else 1.0
    return Costs(
        fee_bps=taker_fee_bps,
        half_spread_bps=spread_bps / 2,
        slippage_bps=IMPACT_COEFFICIENT * daily_volatility * 1e4 * math.sqrt(share),
        funding_bps_per_day=FUNDING_BPS_PER_DAY if perpetual else 0.0,
        fee_source=fee_source,
        spread_source=spread_source,
        slippage_source="estimate",
        order_quote=order_quote,
    )
