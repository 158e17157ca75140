"""Judges the breakers by what is in the store now, and writes ``state/trading.json``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from huracan.alerts.trading import KILL
from huracan.context import Context
from huracan.trading import (
    CLOCKS_APART,
    KILL_FILE,
    Breaker,
    TradingState,
    compose,
    kill,
    publish,
    read_kill,
    read_published,
)
from huracan.types import Severity
from huracan_safety import breakers
from huracan_safety.settings import SafetySettings
from huracan_safety.volatility import Market

__all__ = ["evaluate", "judge"]

NEWEST = 1000
"""Trades that a losing streak is looked for in."""
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def judge(context: Context, market: Market, now: datetime) -> tuple[Breaker, ...]:
    """Return how each breaker stands. Raises StoreError where the trades cannot be read."""
    settings = context.settings.section(SafetySettings)
    acknowledged = read_kill(context.paths.state).acknowledged
    if acknowledged is not None and acknowledged > now + CLOCKS_APART:
        acknowledged = None  # said while the clock was ahead: it would forgive all losses up to then
    today = context.store.trades.closed_since(breakers.look_back(settings, now), settings.trades)
    newest = context.store.trades.newest(NEWEST, settings.trades)
    tripped = context.store.breakers.standing().get(breakers.DRAWDOWN)
    return (
        breakers.drawdown(settings, today, now, acknowledged, tripped.time if tripped else None),
        breakers.streak(settings, newest, now, acknowledged),
        breakers.volatility(settings, market.look(context), now),
    )


def evaluate(context: Context, market: Market) -> TradingState:
    """Judge and write; the kill switch is read and never lifted. Telling what changed is for another moment.

    The file is written where something changed or half of its validity is over. Raises StoreError where the database
    does not answer: the file then runs out, which the trading process reads as stopped.
    """
    now = context.clock.now()
    valid = timedelta(seconds=context.settings.section(SafetySettings).valid_seconds)
    _restore_kill(context, now)
    found = judge(context, market, now)
    last = read_published(context.paths.state)
    wanted = compose(read_kill(context.paths.state), found, now, now + valid)
    fresh = last is not None and last.time <= now and valid / 2 < last.valid_until - now <= valid
    if last is None or not fresh or not _same(last, wanted):
        last = publish(context.paths.state, found, now, now + valid)
    return last


def _restore_kill(context: Context, now: datetime) -> None:
    """Throw the kill switch anew where its file is gone although it was on: losing a file must not let trade."""
    state = context.paths.state
    if (state / KILL_FILE).exists():
        return  # `huracan resume` leaves one that says off
    standing = context.store.breakers.standing().get(KILL)
    if standing is not None or read_kill(state).on:
        reason = f"{KILL_FILE} is gone, and it was on" + (f": {standing.sentence}" if standing else "")
        kill(state, reason, "huracan", now)
        context.emit("kill.gone", Severity.ERROR, f"trading stays stopped: state/{reason}")


def _same(one: TradingState, other: TradingState) -> bool:
    """Say whether both mean the same, whenever they were written and however long they hold."""
    return _shown(one) == _shown(other)


def _shown(state: TradingState) -> TradingState:
    bare = state.kill._replace(acknowledged=None, history=())
    return state._replace(time=_NEVER, valid_until=_NEVER, kill=bare)
