"""``training_report.json``: all that is known of a night, for programs. docs/how-to/reports.md describes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from huracan.clock import format_instant
from huracan.masking import json_safe
from huracan.store import ItemState, UniverseSelection
from huracan_reports.night import Coin, Night
from huracan_reports.portfolio import CAUTION, Portfolio, correlations, hold, measures_of, of_days, of_trades

__all__ = ["SCHEMA", "dropped_by_rule", "headline", "lines", "portfolios", "risk_of", "some", "training_report"]

SCHEMA = 1
NAMED = 3
"""Coins that a message names, of those that failed and of those that are missing; the page names all."""


def portfolios(night: Night) -> tuple[Portfolio, Portfolio]:
    """Return what equal parts would have done: of all models of the night, and of those that passed every gate."""
    return _hold("all coins", night.trained), _hold("passed", night.passed)


def _hold(name: str, coins: Sequence[Coin]) -> Portfolio:
    parts = {coin.symbol: coin.tested for coin in coins if coin.tested is not None}
    return hold(name, parts, [coin.symbol for coin in coins if coin.tested is None])


def headline(night: Night) -> str:
    """Return the night in a sentence."""
    if not night.coins:
        broken = [row.job for row in night.jobs if row.state.value in ("failed", "interrupted")]
        return f"no coin was trained{f': {broken[0]} failed' if broken else ''}"
    models = f"{len(night.trained)} of {len(night.coins)} coins trained"
    return f"{models}, {len(night.passed)} passed all gates, {night.tradable} may be traded"


def lines(night: Night) -> list[str]:
    """Return what a phone shows of the night: the best, what holds them together, and what went wrong."""
    said = []
    rated = [coin for coin in night.trained if coin.metrics.get("sharpe") is not None]
    if rated:
        best = max(rated, key=lambda coin: (float(coin.metrics["sharpe"]), coin.symbol))
        verdict = "passed" if best.passed else "did not pass"
        numbers = f"Sharpe {best.metrics['sharpe']:.2f}, net {best.metrics['net_pnl']:+.1%}"
        said.append(f"Best: {best.symbol}, {numbers}, {verdict}")
    for portfolio in portfolios(night):
        told = portfolio.measures()
        if portfolio.models and told.get("sharpe") is not None:
            whole = f"net {told['net_pnl']:+.1%}, Sharpe {told['sharpe']:.2f}, drawdown {told['max_drawdown']:.1%}"
            said.append(f"Equal parts of {portfolio.models} ({portfolio.name}), simulated: {whole}")
    if night.untold:
        said.append(f"Not in equal parts, for the library does not have their trades: {some(night.untold)}")
    said += [f"{row.job} {row.state.value}: {row.error or row.summary}" for row in night.jobs if is_broken(row.state)]
    lost = [coin for coin in night.coins if not coin.metadata]
    said += [f"{coin.symbol} {coin.state}: {coin.reason}" for coin in lost[:NAMED]]
    if len(lost) > NAMED:
        said.append(f"and {len(lost) - NAMED} more coins without a model")
    return [str(json_safe(line)) for line in said]


def some(names: Sequence[str]) -> str:
    """Return a list of names that is short whatever their number."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def is_broken(state: str) -> bool:
    """Say whether a job in this state is news."""
    return state in ("failed", "interrupted", "partly-failed")


def dropped_by_rule(selection: UniverseSelection | None) -> dict[str, list[str]]:
    """Return the pairs that each rule left out, most first; a pair stands with the first rule that it broke."""
    found: dict[str, list[str]] = {}
    for each in selection.decisions if selection else ():
        if not each.selected:
            found.setdefault(each.reasons[0][0] if each.reasons else "rank", []).append(each.symbol)
    return dict(sorted(found.items(), key=lambda rule: (-len(rule[1]), rule[0])))


def training_report(night: Night, files: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the document; ``files`` are those beside it."""
    everyone, chosen = portfolios(night)
    document = {
        "schema": SCHEMA,
        "run_date": night.run_date.isoformat(),
        "run_id": night.run_id,
        "as_of": format_instant(night.as_of),
        "headline": headline(night),
        "lines": lines(night),
        "totals": {
            "coins": len(night.coins),
            "trained": len(night.trained),
            "failed": night.count(ItemState.FAILED),
            "skipped": night.count(ItemState.SKIPPED),
            "passed": len(night.passed),
            "tradable": night.tradable,
            "trades": sum(int(coin.metrics.get("samples") or 0) for coin in night.trained),
        },
        "portfolio": {"caution": CAUTION, "all": _portfolio(everyone), "passed": _portfolio(chosen),
                      "correlations": {"coins": list(everyone.parts), "values": _rounded(correlations(everyone))}},
        "coins": [_coin(coin) for coin in night.coins],
        "universe": _universe(night.selection),
        "jobs": [
            {"job": row.job, "state": row.state.value, "seconds": row.seconds, "summary": row.summary,
             "error": row.error, "attempts": row.attempts}
            for row in night.jobs
        ],
        "nights": [asdict(day) | {"run_date": day.run_date.isoformat()} for day in night.days],
        "encoder": night.summary.get("encoder"),
        "files": list(files),
    }  # fmt: skip
    safe: dict[str, Any] = json_safe(document)
    return safe


def risk_of(coin: Coin) -> dict[str, Any] | None:
    """Return what ``metrics.json`` does not say of a model: the risk of its days, and its trades' excursions."""
    return of_days(coin.tested.growth) | of_trades([coin.tested]) if coin.tested is not None else None


def _portfolio(portfolio: Portfolio) -> dict[str, Any]:
    return {
        "measures": measures_of(portfolio),
        "missing": list(portfolio.missing),
        "first_day": portfolio.days[0].isoformat() if portfolio.days else None,
        "last_day": portfolio.days[-1].isoformat() if portfolio.days else None,
        "daily_returns": [round(value, 10) for value in portfolio.returns.tolist()],
    }


def _rounded(matrix: Sequence[Sequence[float | None]]) -> list[list[float | None]]:
    return [[None if value is None else round(value, 4) for value in row] for row in matrix]


def _coin(coin: Coin) -> dict[str, Any]:
    told = coin.metadata
    return {
        "symbol": coin.symbol,
        "state": coin.state,
        "reason": coin.reason or None,
        "rank": coin.rank,
        "passed": coin.passed if told else None,
        "champion": coin.is_champion,
        "champion_since": coin.champion.get("since") if coin.champion else None,
        "model_id": told.get("id"),
        "model_path": coin.path,
        **{name: told.get(name) for name in ("trainer", "timeframe", "horizon_bars", "threshold", "seconds")},
        **{name: told.get(name) for name in ("parameters", "gates", "importance", "encoder", "versus_champion")},
        "metrics": dict(coin.metrics) or None,
        "costs": dict(coin.costs) or None,
        "forgotten": coin.forgotten,
        "risk": risk_of(coin),
        "calibration": [asdict(each) for each in coin.tested.bins] if coin.tested else None,
        "markets": [asdict(each) for each in coin.tested.markets] if coin.tested else None,
        "volatilities": [asdict(each) for each in coin.tested.volatilities] if coin.tested else None,
        "exits": [asdict(each) for each in coin.tested.exits] if coin.tested else None,
        "before": [
            {"kind": delta.kind, "name": delta.name, "before": delta.before, "after": delta.after}
            for delta in coin.deltas
            if delta.kind == "measure"
        ],
    }


def _universe(selection: UniverseSelection | None) -> dict[str, Any] | None:
    if selection is None:
        return None
    return {
        "exchange": selection.exchange,
        "criteria": dict(selection.criteria),
        "selected": [each.symbol for each in selection.decisions if each.selected],
        "dropped": [
            {"symbol": each.symbol, "reasons": [{"rule": rule, "sentence": why} for rule, why in each.reasons]}
            for each in selection.decisions
            if not each.selected
        ],
        "rules": dict(Counter({rule: len(pairs) for rule, pairs in dropped_by_rule(selection).items()})),
    }
