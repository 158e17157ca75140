"""Sections about what models earned: the portfolio of champions, the best and worst coins, nights, real trades."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from huracan.context import Context
from huracan.store import DailyMetrics, DailyPerformance, ModelPerformance, ReportedFilter, TradeSum
from huracan_reports.page import FORMATS
from huracan_reports.periods import Kind, Period
from huracan_reports.periods_portfolio import CAVEATS, champions_at, hold_models, measures_in, reigns

__all__ = ["MOST_LINES", "Asked", "champions", "coins", "counted", "more", "nights", "portfolio", "trading"]

MOST_COINS = 5
"""Coins that are named on each side, the best and the worst."""
MOST_LINES = 20
LONGEST_AGO = 31
"""Days after which a night is not the last one any more, but an old one."""

_GAIN, _RATIO, _SHARE, _PERCENT = (FORMATS[name] for name in ("gain", "ratio", "share", "percent"))


@dataclass(frozen=True, slots=True)
class Asked:
    """What a section is about: run dates of ``period``, and what happened from ``since`` on and before ``until``."""

    context: Context
    period: Period
    since: datetime
    until: datetime

    def holds(self, instant: datetime) -> bool:
        return self.since <= instant < self.until


def portfolio(asked: Asked) -> Mapping[str, Any] | None:
    """Say what equal parts of all who were champion at the end would have earned; None without champions.

    Beside it stands the same of all coins of the last night of the period, whether their models passed or not.
    """
    context, period = asked.context, asked.period
    held = hold_models(context, "champions", champions_at(context, period.last))
    if held is None:
        return None
    found = measures_in(held, period)
    night = last_night(context, period.last)
    every = hold_models(context, "all coins", {each.symbol: each.model_id for each in night}) if night else None
    beside = measures_in(every, period) if every else None
    # A day is too short to judge by, and to be in the headline.
    inside = None if period.kind is Kind.DAILY else found["net_pnl_in_period"]
    return {
        "headline": "" if inside is None else f"simulated portfolio {_GAIN(inside)}",
        "summary": f"Equal parts in {counted(found['models'], 'champion')}, simulated on days they had not seen.",
        "lines": _portfolio_lines(found, inside, beside),
        "caveats": list(CAVEATS),
        "champions": found,
        "all_coins": beside,
    }


def _portfolio_lines(found: Mapping[str, Any], inside: float | None, beside: Mapping[str, Any] | None) -> list[str]:
    lines = []
    if inside is not None:
        days = counted(found["days_in_period"], "tested day")
        lines.append(f"simulated on the {days} of this period: {_GAIN(inside)} after costs")
    lines.append(
        f"simulated from {found['from']} to {found['until']}: {_GAIN(found['net_pnl'])} after costs, Sharpe "
        f"{_RATIO(found['sharpe'])}, largest fall {_PERCENT(found['max_drawdown'])}"
    )
    if beside is not None:
        lines.append(
            f"all {beside['models']} coins of the last night, champion or not: {_GAIN(beside['net_pnl'])}, Sharpe "
            f"{_RATIO(beside['sharpe'])}"
        )
    if found["missing"]:
        lines.append(f"not in it, for the library has their trades no more: {', '.join(found['missing'])}")
    return lines


def last_night(context: Context, until: date, since: date | None = None) -> list[ModelPerformance]:
    """Return the measures of all models of the last night of a span that trained any, empty where there is none.

    Without ``since`` the span is as long as anybody would call its night the last.
    """
    days = (until - since).days + 1 if since else LONGEST_AGO
    for back in range(days):
        found = context.store.library.performance(run_date=until - timedelta(days=back))
        if found:
            return found
    return []


def coins(asked: Asked) -> Mapping[str, Any] | None:
    """Name the best and the worst coins of the last night of the period; None where no model was trained in it."""
    rows = {each.symbol: each for each in last_night(asked.context, asked.period.last, asked.period.first)}
    if not rows:
        return None
    night = next(iter(rows.values())).run_date
    standing = champions_at(asked.context, asked.period.last)
    ranked = sorted(rows.values(), key=lambda each: (each.sharpe is not None, each.sharpe or 0.0), reverse=True)
    best, worst = ranked[:MOST_COINS], ranked[MOST_COINS:][-MOST_COINS:]
    return {
        "summary": f"{counted(len(ranked), 'model')} of the night of {night}, by Sharpe ratio out of sample.",
        "lines": [_coin_line(each) for each in [*best[:1], *(worst or best[1:])[-1:]]],
        "table": {
            "columns": ["coin", "Sharpe", "net", "won", "largest fall", "trades", ""],
            "rows": [_coin_row(each, standing) for each in [*best, *worst]],
            "cut": len(best) if len(ranked) > len(best) + len(worst) else None,
        },
        "night": night.isoformat(),
        "count": len(ranked),
    }


def _coin_line(each: ModelPerformance) -> str:
    return f"{each.symbol}: Sharpe {_RATIO(each.sharpe)}, {_GAIN(each.net_pnl)} after costs"


def _coin_row(each: ModelPerformance, standing: Mapping[str, str]) -> list[str]:
    place = "champion" if standing.get(each.symbol) == each.model_id else ""
    return [
        each.symbol, _RATIO(each.sharpe), _GAIN(each.net_pnl), _SHARE(each.hit_rate), _PERCENT(each.max_drawdown),
        f"{each.samples:,}", place,
    ]  # fmt: skip


def nights(asked: Asked) -> Mapping[str, Any] | None:
    """Say what each night trained; None where none is in the library."""
    found = [each for each in asked.context.store.library.days(asked.period.first) if each.run_date in asked.period]
    if not found:
        return None
    trained, failed = sum(each.trained for each in found), sum(each.failed for each in found)
    passed = sum(each.passed for each in found)
    return {
        "headline": f"{counted(len(found), 'night')}, {counted(trained, 'model')}"
        + (f", {failed} failed" * bool(failed)),
        "summary": f"{counted(trained, 'model')} trained, {passed} passed every gate, {failed} failed.",
        "lines": [f"{each.run_date}: {each.trained} of {each.coins} trained, {each.passed} passed" for each in found],
        "table": {
            "columns": ["night", "trained", "failed", "passed", "champions", "best coin", "Sharpe", "all coins, net"],
            "rows": [_night_row(each) for each in found],
        },
        "trained": trained,
        "failed": failed,
        "passed": passed,
    }


def _night_row(each: DailyMetrics) -> list[str]:
    return [
        each.run_date.isoformat(), f"{each.trained} of {each.coins}", str(each.failed), str(each.passed),
        str(each.champions), each.best_symbol or "", _RATIO(each.best_sharpe), _GAIN(each.portfolio_net_pnl),
    ]  # fmt: skip


def champions(asked: Asked) -> Mapping[str, Any] | None:
    """Say who became champion and who ceased to be one; None where nobody ever was."""
    listed = reigns(asked.context)
    if not any(listed.values()):
        return None
    changes = sorted(change for symbol, each in listed.items() for change in _changes(symbol, each, asked.period))
    standing = champions_at(asked.context, asked.period.last)
    before = champions_at(asked.context, asked.period.before().last)
    came, went = sorted({*standing} - {*before}), sorted({*before} - {*standing})
    return {
        "headline": f"{counted(len(standing), 'champion')}, {counted(len(changes), 'change')}",
        "summary": f"{counted(len(standing), 'champion')} at the end, {len(before)} before."
        + (f" New: {', '.join(came)}." if came else "")
        + (f" Gone: {', '.join(went)}." if went else ""),
        "lines": [f"{day}: {line}" for day, line in changes[:MOST_LINES]] + more(len(changes)),
        "models": standing,
        "changes": len(changes),
    }


def _changes(symbol: str, listed: Sequence[Mapping[str, Any]], period: Period) -> list[tuple[str, str]]:
    found = []
    previous: Mapping[str, Any] | None = None
    for each in listed:
        if _inside(each.get("since"), period):
            instead = previous is not None and previous.get("until") == each.get("since")
            place = f" in place of {_version(previous)}" if instead and previous is not None else ""
            found.append((str(each["since"]), f"{symbol}: {_version(each)}{place}: {each.get('came')}"))
        previous = each
    last = listed[-1] if listed else {}
    if last.get("until") is not None and _inside(last.get("until"), period):
        found.append((str(last["until"]), f"{symbol}: no champion any more: {last.get('went')}"))
    return found


def _version(reign: Mapping[str, Any]) -> str:
    """Return the part of a model's id that says when it was made."""
    return str(reign["model_id"]).rpartition("/")[2]


def _inside(text: object, period: Period) -> bool:
    try:
        return date.fromisoformat(str(text)) in period
    except ValueError:
        return False


def trading(asked: Asked) -> Mapping[str, Any] | None:
    """Say what the trading process reported to have closed; None where it reported nothing."""
    store, which = asked.context.store, ReportedFilter(closed_since=asked.since, closed_before=asked.until)
    told = store.trades.by_source(which)
    if not told:
        return None
    days = store.daily_performance.between(asked.since.date(), (asked.until - timedelta(microseconds=1)).date())
    coins = store.trades.by_symbol(which)
    lines = [_sum_line(each) for each in told]
    return {
        "headline": lines[0],
        "summary": "Closed trades as the trading process reported them, fees taken off, in quote currency.",
        "lines": [*lines, *_worst_days(days)],
        "table": {
            "columns": ["coin", "trades", "won", "net", "fees"],
            "rows": [_sum_row(each) for each in sorted(coins, key=lambda each: (-each.net_pnl, each.key))],
        },
        "sources": {each.key: {"trades": each.trades, "net_pnl": each.net_pnl} for each in told},
        "by_strategy": {
            each.key: {"trades": each.trades, "net_pnl": each.net_pnl} for each in store.trades.by_strategy(which)
        },
    }


def _sum_line(each: TradeSum) -> str:
    return f"{each.key}: {counted(each.trades, 'trade')}, {each.won} won, net {each.net_pnl:+,.2f}"


def _sum_row(each: TradeSum) -> list[str]:
    return [each.key, f"{each.trades:,}", str(each.won), f"{each.net_pnl:+,.2f}", f"{each.fees:,.2f}"]


def _worst_days(days: Sequence[DailyPerformance]) -> list[str]:
    """Name the day of the deepest fall of each source, where there were several days to choose from."""
    lines = []
    for source in sorted({each.source for each in days}):
        mine = [each for each in days if each.source == source]
        worst = max(mine, key=lambda each: (each.max_drawdown, -each.net_pnl))
        if len(mine) > 1 and worst.max_drawdown > 0:
            lines.append(f"{source}: fell most on {worst.day}, by {_PERCENT(worst.max_drawdown)} within the day")
    return lines


def counted(count: int, one: str) -> str:
    """Say how many there are."""
    return f"{count:,} {one}{'' if count == 1 else 's'}"


def more(count: int) -> list[str]:
    """Say how many lines there are beyond those that are shown."""
    return [f"and {count - MOST_LINES} more"] if count > MOST_LINES else []
