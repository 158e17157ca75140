"""When losses and the market trip a breaker: functions of trades, candles, settings and the time, and nothing else.

Nothing is remembered between two calls: the same trades give the same answer after a restart, in any order of arrival.
Money is added up as the decimal numbers that were reported (:class:`fractions.Fraction`), so that 3 % is 3 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from fractions import Fraction

from huracan.due import due_at, latest_due, next_due, time_of_day
from huracan.store import Trade
from huracan.trading import Breaker, Mode
from huracan_safety.settings import DRAWDOWN, STREAK, VOLATILITY, SafetySettings
from huracan_safety.volatility import Turbulence

__all__ = ["DRAWDOWN", "STREAK", "VOLATILITY", "drawdown", "look_back", "streak", "volatility"]

LOOK_BACK = timedelta(days=30)
"""How long a loss that nobody judged meanwhile can still stop trading, where only a person ends a drawdown."""


def day_start(settings: SafetySettings, now: datetime) -> datetime:
    """Return when the day of the drawdown breaker began."""
    at = time_of_day(settings.day_starts_at)
    return due_at(latest_due(now, at), at)


def look_back(settings: SafetySettings, now: datetime) -> datetime:
    """Return since when closed trades matter to the drawdown breaker."""
    return day_start(settings, now - (LOOK_BACK if settings.drawdown_until == "resume" else timedelta()))


def drawdown(
    settings: SafetySettings,
    trades: Sequence[Trade],
    now: datetime,
    acknowledged: datetime | None = None,
    standing: datetime | None = None,
) -> Breaker:
    """Judge the loss since the day began, or since a person acknowledged it within the day.

    The deepest point counts, so that a win after it does not let trading go on; it is in percent of the equity before
    the first trade of the day, as proprietary firms count a daily loss limit (FTMO, "Maximum Daily Loss"). Realised
    results alone: what is still open is not known here. Where only a person ends it, every day of the last 30 is
    judged so, and ``standing`` is when the history says that it tripped.
    """
    today, limit = day_start(settings, now), settings.drawdown_percent
    days: dict[datetime, list[Trade]] = {today: []}
    for trade in _counted(trades, acknowledged, look_back(settings, now)):
        # What a clock that is ahead reports before midnight is of today.
        days.setdefault(min(day_start(settings, trade.closed_at), today), []).append(trade)
    judged = {day: _deepest(settings, days[day]) for day in sorted(days)}
    day = next((day for day, (_, tripped_at, _) in judged.items() if tripped_at is not None), today)
    deepest, since, equity = judged[day]
    percent = _percent(deepest, equity)
    until: datetime | None = next_due(now, time_of_day(settings.day_starts_at))
    if settings.drawdown_until == "resume":
        until = None
        if since is None and standing is not None and (acknowledged is None or standing > acknowledged):
            since = standing
    if since is not None:
        end = f"until {until:%Y-%m-%d %H:%M}Z" if until else "until `huracan resume trading`"
        sentence = f"down {percent:.2f} % of equity since the day began, at least {limit:g} %; stopped {end}"
        if day != today or (percent < limit and equity > 0):
            sentence = f"was down {limit:g} % of equity or more on {since:%Y-%m-%d}; stopped {end}"
        return Breaker(DRAWDOWN, True, Mode.STOPPED, 0.0, sentence, percent, limit, since, until)
    counted = bool(days[today])
    sentence = f"down {percent:.2f} % of equity since the day began, limit {limit:g} %" if counted else "no trade today"
    return Breaker(DRAWDOWN, False, Mode.STOPPED, 0.0, sentence, percent if counted else None, limit)


def _deepest(settings: SafetySettings, counted: Sequence[Trade]) -> tuple[Fraction, datetime | None, Fraction]:
    """Return the deepest loss, when it reached the limit, and the equity before the first trade."""
    if not counted:
        return Fraction(0), None, Fraction(0)
    first = counted[0]
    equity = _exact(first.equity_after) - _exact(first.net_pnl)
    allowed = equity * _exact(settings.drawdown_percent) / 100
    total = deepest = Fraction(0)
    since: datetime | None = None
    for trade in counted:
        total += _exact(trade.net_pnl)
        deepest = max(deepest, -total)
        # An account that began with nothing has nothing to lose: any loss is all of it.
        if since is None and deepest > 0 and deepest >= allowed:
            since = trade.closed_at
    return deepest, since, equity


def _percent(loss: Fraction, equity: Fraction) -> float:
    if equity <= 0:
        return 100.0 if loss > 0 else 0.0
    return float(loss * 100 / equity)


def streak(
    settings: SafetySettings, trades: Sequence[Trade], now: datetime, acknowledged: datetime | None = None
) -> Breaker:
    """Judge the losing trades in a row, by the time at which they closed; one that came out even is neither."""
    losses: list[Trade] = []
    for trade in reversed(_counted(trades, acknowledged, None)):
        if trade.net_pnl > 0:
            break
        if trade.net_pnl < 0:
            losses.append(trade)
    count, limit, factor = len(losses), settings.streak_losses, settings.streak_size_factor
    until = losses[0].closed_at + timedelta(hours=settings.streak_hours) if losses else None
    if until is not None and count >= limit and now < until:
        since = losses[count - limit].closed_at
        sentence = f"{count} losses in a row; size {factor:g} until a win, or {until:%Y-%m-%d %H:%M}Z"
        return Breaker(STREAK, True, _cut(factor), factor, sentence, float(count), float(limit), since, until)
    over = ", the last one long ago" if count >= limit else ""
    sentence = f"{count} {'loss' if count == 1 else 'losses'} in a row, limit {limit}{over}"
    return Breaker(STREAK, False, _cut(factor), factor, sentence, float(count), float(limit))


def volatility(settings: SafetySettings, found: Turbulence | str, now: datetime) -> Breaker:
    """Judge how wild the market is; ``found`` is a sentence where that is not known."""
    factor = settings.volatility_size_factor
    if not isinstance(found, str) and now - found.at > timedelta(hours=settings.volatility_oldest_hours):
        found = f"the newest candle of {settings.volatility_symbol} closed {found.at:%Y-%m-%d %H:%M}Z, too long ago"
    if isinstance(found, str):
        careful = settings.volatility_unknown == "defensive"
        sentence = f"not known: {found}" + ("; defended against all the same" if careful else "")
        return Breaker(VOLATILITY, careful, Mode.DEFENSIVE, factor, sentence)
    what = f"{settings.volatility_symbol} moved {found.value:.2f} % in 24 h"
    upper = f"percentile {settings.volatility_percentile:g} of {settings.volatility_days} days ({found.limit:.2f} %)"
    if found.since is not None:
        sentence = f"{what}; above {upper} since {found.since:%Y-%m-%d %H:%M}Z, calm below {found.calm:.2f} %"
    else:
        sentence = f"{what}; {upper} not passed"
    tripped = found.since is not None
    return Breaker(VOLATILITY, tripped, Mode.DEFENSIVE, factor, sentence, found.value, found.limit, found.since)


def _cut(factor: float) -> Mode:
    return Mode.REDUCED if factor > 0 else Mode.STOPPED


def _counted(trades: Sequence[Trade], acknowledged: datetime | None, start: datetime | None) -> list[Trade]:
    """Return the trades that count, in the order in which they closed: from ``start`` on, after what a person saw.

    Nobody can have seen what was not recorded yet, however long ago it closed.
    """
    ordered = sorted(trades, key=lambda each: (each.closed_at, each.id))
    return [
        each
        for each in ordered
        if (start is None or each.closed_at >= start)
        and (acknowledged is None or max(each.closed_at, each.recorded_at or each.closed_at) > acknowledged)
    ]


def _exact(number: float) -> Fraction:
    return Fraction(repr(number))
