"""Rows around reported trades: which are asked for, their sums, days of an account, and what strategies wanted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

__all__ = ["DailyPerformance", "ReportedFilter", "Signal", "TradeSum"]


@dataclass(frozen=True, slots=True)
class ReportedFilter:
    """Which reported trades are meant; everything that is None is not asked for. Spans hold their first instant and
    not their last."""

    source: str | None = None
    symbol: str | None = None
    strategy: str | None = None
    opened_since: datetime | None = None
    opened_before: datetime | None = None
    closed_since: datetime | None = None
    closed_before: datetime | None = None
    won: bool | None = None


@dataclass(frozen=True, slots=True)
class TradeSum:
    """Reported trades that share a ``key`` (a symbol, a day, a strategy ...): counts, and sums in quote currency.

    ``volume`` is what was put in: quantity times price of the entry.
    """

    key: str
    trades: int
    won: int
    net_pnl: float
    fees: float
    volume: float

    @property
    def hit_rate(self) -> float:
        return self.won / self.trades


@dataclass(frozen=True, slots=True)
class DailyPerformance:
    """What one source (live, paper, simulated) reported to have closed on a UTC day (table ``daily_performance``).

    Sums are in quote currency, ``volume`` is quantity times price of the entry, ``equity`` that of the account after
    the day's last trade. ``max_drawdown`` is the deepest fall of the equity within the day, a fraction of the highest
    it had on that day, its beginning included.
    """

    day: date
    source: str
    trades: int
    won: int
    net_pnl: float
    fees: float
    volume: float
    equity: float
    max_drawdown: float


@dataclass(frozen=True, slots=True)
class Signal:
    """What a strategy wanted at an instant (table ``signals``): the close of the bar that decided.

    ``action`` is buy, sell or none; ``strategy`` who decided (a model's id or any name), ``source`` what wrote it down
    (``nightly``: the night's own models). ``score`` is compared with ``threshold``, None where the strategy has none or
    never trades; ``price`` is the close, quote currency a unit. A signal is no order: nothing is traded because of it.
    """

    id: str
    time: datetime
    symbol: str
    strategy: str
    source: str
    action: str
    score: float | None = None
    threshold: float | None = None
    price: float | None = None
    run_id: str | None = None
