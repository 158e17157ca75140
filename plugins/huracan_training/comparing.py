"""Two models, coins or nights against each other: what both earned on the same days, and is it more than luck.

Days are compared, not trades: two models trade at different times, but a day is a day for both. A day without a trade
earned nothing, which counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from huracan.errors import UsageError
from huracan.market.measures import max_drawdown, net_pnl, paired_gain, sharpe
from huracan.market.significance import stationary_bootstrap
from huracan.store import LibraryModel, Store, TradeFilter

__all__ = ["Comparison", "Side", "compare", "resolve"]

DAYS_A_YEAR = 365
LEVEL = 0.05
LEAST_DAYS = 20
"""Common days below which nothing is said about luck."""

ALIKE_DAYS = 7
"""Overlapping positions and slow markets make days alike for about a week."""


@dataclass(frozen=True, slots=True)
class Side:
    """One side: what it was called, and its models, which share the equity in equal parts."""

    name: str
    models: tuple[LibraryModel, ...]

    @property
    def first(self) -> date:
        return max(each.tested_from for each in self.models).date()

    @property
    def last(self) -> date:
        return min(each.tested_until for each in self.models).date()


@dataclass(frozen=True, slots=True)
class Measured:
    """What one side did on the common days."""

    name: str
    models: int
    trades: int
    net_pnl: float
    sharpe: float | None
    max_drawdown: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both sides on the same days. ``difference`` is A minus B per day as a fraction, ``low`` and ``high`` the interval
    that holds it with 95 %; p-values are two sided, None where there are too few days or nothing differs."""

    a: Measured
    b: Measured
    first: date
    last: date
    days: int
    difference: float
    low: float | None
    high: float | None
    p_newey_west: float | None
    p_bootstrap: float | None
    more_than_luck: bool
    sentence: str


def resolve(store: Store, text: str) -> Side:
    """Return what is meant: a model by its id, a coin (its newest model), or a night by its date (all its models).

    Raises UsageError where the library does not hold it.
    """
    library = store.library
    if "/" in text:
        model = library.model(text)
        if model is None:
            raise UsageError(f"there is no model {text!r} in the library; `huracan models` lists their ids")
        return Side(text, (model,))
    try:
        run_date = date.fromisoformat(text)
    except ValueError:
        models = library.models(text.upper())
        if not models:
            raise UsageError(
                f"the library knows no {text!r}; give a model's id, a coin as BTC-USDT, or a night as 2023-12-30"
            ) from None
        return Side(models[0].model_id, (models[0],))
    newest: dict[str, LibraryModel] = {}
    for each in library.models(run_date=run_date):
        newest.setdefault(each.symbol, each)
    if not newest:
        raise UsageError(f"the library holds no model of the night {text}; `huracan models` lists what there is")
    return Side(text, tuple(newest.values()))


def compare(store: Store, a: Side, b: Side) -> Comparison:
    """Compare two sides on the days on which all their models were tested.

    Raises UsageError where there is no such day, and where trades of a model are no longer kept.
    """
    for side in (a, b):
        _make_sure_of_trades(store, side)
    first, last = max(a.first, b.first), min(a.last, b.last)
    days = (last - first).days + 1
    if days < 1:
        raise UsageError(f"{a.name} and {b.name} were never tested on the same day; nothing can be compared")
    left, left_trades = _daily(store, a.models, first, days)
    right, right_trades = _daily(store, b.models, first, days)
    difference = left - right
    gain = paired_gain(left, right, ALIKE_DAYS) if days >= LEAST_DAYS else None
    resampled = stationary_bootstrap(difference, float(ALIKE_DAYS)) if gain is not None else None
    p_value = _p_value(gain.t_statistic, days) if gain is not None else None
    sure = bool(p_value is not None and resampled and max(p_value, resampled.p_value) < LEVEL)
    mean = float(difference.mean())
    p_bootstrap = resampled.p_value if resampled else None
    return Comparison(
        _measured(a, left, left_trades), _measured(b, right, right_trades), first, last, days, mean,
        resampled.low if resampled else None, resampled.high if resampled else None, p_value, p_bootstrap, sure,
        _sentence(a.name, b.name, mean, days, p_value, p_bootstrap, sure),
    )  # fmt: skip


def _make_sure_of_trades(store: Store, side: Side) -> None:
    """A model whose trades were forgotten would look like one that earned nothing."""
    which = TradeFilter(models=[each.model_id for each in side.models])
    kept = {group.key for group in store.library.trades.by_model(which)}
    gone = [each.model_id for each in side.models if each.trades and each.model_id not in kept]
    if gone:
        raise UsageError(
            f"the trades of {gone[0]} are no longer in the library (training.library.keep_models), so nothing can be "
            "said of its days; `huracan models` still has its measures"
        )


def _p_value(statistic: float, days: int) -> float:
    """Return the two-sided p-value of a Newey-West statistic of few days.

    Its variance is too small by about the share of the days that its lags span, and as unsure as one of 3/2 days per
    lag: a normal distribution would call one in five noises of 20 days skill. Student's distribution after Wallace
    1959, "Bounds on Normal Approximations to Student's and the Chi-Square Distributions".
    """
    span = ALIKE_DAYS + 1
    t, freedom = statistic * math.sqrt(1.0 - span / days), 1.5 * days / span
    normal = (8 * freedom + 1) / (8 * freedom + 3) * math.sqrt(freedom * math.log1p(t * t / freedom))
    return math.erfc(normal / math.sqrt(2))


def _daily(store: Store, models: Sequence[LibraryModel], first: date, days: int) -> tuple[np.ndarray, int]:
    """Return what equal parts of the models earned on each day, and how many trades ended on these."""
    returns, trades = np.zeros(days), 0
    for group in store.library.trades.by_day(TradeFilter(models=[each.model_id for each in models])):
        at = (date.fromisoformat(group.key) - first) // timedelta(days=1)
        if 0 <= at < days:
            returns[at] = group.equity_bps / 1e4 / len(models)
            trades += group.trades
    return returns, trades


def _measured(side: Side, returns: np.ndarray, trades: int) -> Measured:
    return Measured(
        side.name, len(side.models), trades, net_pnl(returns), sharpe(returns, DAYS_A_YEAR), max_drawdown(returns)
    )


def _sentence(
    a: str, b: str, mean: float, days: int, p_value: float | None, p_bootstrap: float | None, sure: bool
) -> str:
    if days < LEAST_DAYS:
        return f"{days} common days are too few to tell skill from luck; {LEAST_DAYS} are needed."
    if p_value is None or p_bootstrap is None:
        return "Both earned the same on every day; there is nothing to tell apart."
    better, worse = (a, b) if mean > 0 else (b, a)
    chance = max(p_value, p_bootstrap)
    shown = "less than 1 in 1000" if chance < 0.001 else f"{chance:.1%}" if chance < 0.1 else f"{chance:.0%}"
    if sure:
        return (
            f"{better} earned more than {worse}, and by more than luck: if both were equally good, so large a "
            f"difference would show with a probability of {shown}."
        )
    return (
        f"{better} earned more than {worse}, but no more than luck would show: if both were equally good, so large a "
        f"difference would show with a probability of {shown}."
    )
