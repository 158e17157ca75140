"""The simulated trades of a model as a report needs them: by day, by score, by market."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

import numpy as np

from huracan.store import LibraryModel, SimulatedTrade, Store, TradeFilter
from huracan_reports.charts import Bin

__all__ = ["Group", "Results", "Tested", "drawdowns", "equity", "score_bins", "tested_trades", "wilson"]

LEAST_IN_BIN = 20
"""Trades below which a share of wins says nothing that is worth a dot."""
MOST_BINS = 8
NORMAL_95 = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""


@dataclass(frozen=True, slots=True)
class Group:
    """Trades that have something in common; means in basis points of what was put in."""

    name: str
    trades: int
    hit_rate: float
    gross_bps: float
    cost_bps: float
    net_bps: float


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """What each trade earned before and after costs, and how far prices went against and for it; basis points."""

    gross_bps: np.ndarray
    net_bps: np.ndarray
    mae_bps: np.ndarray
    mfe_bps: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Tested:
    """The trades of a model on rows it had not seen.

    ``growth`` and ``earned`` have one value for each of ``days``, the UTC days on which the model was tested; a trade
    counts on the day on which it ended. ``growth`` is the day's compounded result, ``earned`` the plain sum, both as
    fractions of the model's equity.
    """

    days: Sequence[date]
    growth: np.ndarray
    earned: np.ndarray
    results: Results
    bins: Sequence[Bin]
    markets: Sequence[Group]
    volatilities: Sequence[Group]
    exits: Sequence[Group]
    all: Group | None


def tested_trades(store: Store, model: LibraryModel) -> Tested | None:
    """Read the trades of a model and sum them up; None where it made some and the library has them no more.

    As a flat line such a model would make the others of a portfolio look calm.
    """
    trades = list(store.library.trades.iterate(TradeFilter(model_id=model.model_id)))
    if model.trades and not trades:
        return None
    first, last = model.tested_from.date(), model.tested_until.date()
    first = min([first, *(each.exited_at.date() for each in trades)])
    last = max([last, *(each.exited_at.date() for each in trades)])
    days = [first + timedelta(days=i) for i in range((last - first).days + 1)]
    growth, earned = np.ones(len(days)), np.zeros(len(days))
    for each in trades:
        at = (each.exited_at.date() - first).days
        growth[at] *= 1.0 + each.stake * each.net_bps / 1e4
        earned[at] += each.stake * each.net_bps / 1e4
    groups = {
        name: _groups(trades, key)
        for name, key in (
            ("markets", lambda each: each.market_regime),
            ("volatilities", lambda each: each.volatility_regime),
            ("exits", lambda each: each.exit_reason),
        )
    }
    bins = score_bins([each.score for each in trades], [each.won for each in trades])
    return Tested(
        days, growth - 1.0, earned, _results(trades), bins, **groups, all=_group("all", trades) if trades else None
    )


def equity(returns: np.ndarray) -> list[float]:
    """Return the compounded gain after each day as a fraction: 0 is where it began."""
    return (np.cumprod(1.0 + returns) - 1.0).tolist() if len(returns) else []


def drawdowns(returns: np.ndarray) -> list[float]:
    """Return for each day how far below its highest value until then the wealth is, from 0 to -1."""
    if not len(returns):
        return []
    wealth = np.cumprod(1.0 + returns)
    below: list[float] = (wealth / np.maximum.accumulate(np.maximum(wealth, 1.0)) - 1.0).tolist()
    return below


def score_bins(scores: Sequence[float], won: Sequence[bool]) -> list[Bin]:
    """Return trades grouped by score, equally many in each; none where there are too few to say anything."""
    count = min(MOST_BINS, len(scores) // LEAST_IN_BIN)
    if count < 1:
        return []
    order = np.argsort(np.asarray(scores), kind="stable")
    made = []
    for start, stop in pairwise(np.linspace(0, len(order), count + 1).round().astype(int).tolist()):
        part = order[start:stop]
        wins = int(np.asarray(won)[part].sum())
        made.append(
            Bin(float(np.asarray(scores)[part].mean()), wins / len(part), *wilson(wins, len(part)), count=len(part))
        )
    return made


def wilson(wins: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share.

    The score interval (Wilson 1927, "Probable Inference, the Law of Succession, and Statistical Inference"). Raises
    ValueError without any trial.
    """
    if count < 1:
        raise ValueError("a share of nothing has no interval")
    z, share = NORMAL_95, wins / count
    middle = share + z * z / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    whole = 1 + z * z / count
    return max(0.0, (middle - half) / whole), min(1.0, (middle + half) / whole)


def _results(trades: Sequence[SimulatedTrade]) -> Results:
    rows = [(each.gross_bps, each.net_bps, each.mae_bps, each.mfe_bps) for each in trades]
    return Results(*np.array(rows, dtype=float).reshape(-1, 4).T)


def _groups(trades: Sequence[SimulatedTrade], key: Callable[[SimulatedTrade], str]) -> list[Group]:
    names = sorted({key(each) for each in trades})
    return [_group(name, [each for each in trades if key(each) == name]) for name in names]


def _group(name: str, trades: Sequence[SimulatedTrade]) -> Group:
    gross, cost, net = (
        float(np.mean([getattr(each, field) for each in trades])) for field in ("gross_bps", "cost_bps", "net_bps")
    )
    return Group(name, len(trades), sum(each.won for each in trades) / len(trades), gross, cost, net)
