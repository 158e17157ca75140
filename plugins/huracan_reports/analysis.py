"""``performance_analysis.csv``: one line for each coin, and one for equal parts of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from huracan.table_files import write_table
from huracan.types import Column, ColumnKind
from huracan_reports.document import portfolios, risk_of
from huracan_reports.night import Coin, Night
from huracan_reports.portfolio import Portfolio, correlations, measures_of

__all__ = ["COLUMNS", "MEASURES", "write_analysis"]

_INTEGER, _NUMBER, _TEXT, _TRUTH = ColumnKind.INTEGER, ColumnKind.NUMBER, ColumnKind.TEXT, ColumnKind.TRUTH

MEASURES = (
    Column("sharpe", _NUMBER, "annualised Sharpe ratio; of a coin's bars, of a portfolio's days"),
    Column("sortino", _NUMBER, "the same over the downs alone"),
    Column("calmar", _NUMBER, "yearly gain over the largest drawdown"),
    Column("hit_rate", _NUMBER, "share of a coin's trades, of a portfolio's days, that earned after costs", "fraction"),
    Column("net_pnl", _NUMBER, "what was earned after costs, compounded", "fraction"),
    Column("gross_pnl", _NUMBER, "the same before costs", "fraction"),
    Column("max_drawdown", _NUMBER, "deepest fall from a peak: of a coin by bar, of a portfolio by day", "fraction"),
    Column("profit_factor", _NUMBER, "sum of gains over sum of losses; of a coin's trades, of a portfolio's days"),
    Column("samples", _INTEGER, "trades"),
    Column("mean_trade_net_bps", _NUMBER, "mean result of a trade after costs", "bps"),
    Column("last_7d_net_bps", _NUMBER, "what the last seven days earned", "bps"),
    Column("exposure", _NUMBER, "share of the bars with a position", "fraction"),
    Column("turnover", _NUMBER, "what was bought and sold a year, in times of the equity"),
    Column("mean_stake", _NUMBER, "mean share of the equity in a trade", "fraction"),
    Column("cost_share", _NUMBER, "costs over all gross movement", "fraction"),
    Column("skewness", _NUMBER, "of a coin's bars, of a portfolio's days"),
    Column("kurtosis", _NUMBER, "of a coin's bars, of a portfolio's days; 3 is normal"),
    Column("probabilistic_sharpe", _NUMBER, "probability that the Sharpe ratio is above zero", "fraction"),
    Column("deflated_sharpe", _NUMBER, "probability that it is above the luck of all that was tried", "fraction"),
    Column("luck_sharpe", _NUMBER, "the ratio that this luck would show"),
    Column("effective_trials", _NUMBER, "how many independent trials were made"),
    Column("information_coefficient", _NUMBER, "rank correlation of scores and outcomes"),
    Column("log_loss", _NUMBER, "of the scores on tested rows"),
    Column("label_share", _NUMBER, "share of the tested rows that would have earned", "fraction"),
    Column("test_rows", _INTEGER, "rows it was tested on"),
)
"""Measures of ``metrics.json`` under their own names."""

RISK = (
    Column("days", _INTEGER, "tested days"),
    Column("omega", _NUMBER, "sum of the days' gains over the sum of their losses"),
    Column("tail_ratio", _NUMBER, "best days over worst days, by quantiles of 95 % and 5 %"),
    Column("value_at_risk_5", _NUMBER, "loss that one day in twenty reaches", "fraction"),
    Column("expected_shortfall_5", _NUMBER, "mean loss of the worst twentieth of days", "fraction"),
    Column("ulcer_index", _NUMBER, "root mean square of the days' drawdowns", "fraction"),
    Column("longest_underwater_days", _INTEGER, "longest time below an earlier high", "days"),
    Column("best_day", _NUMBER, "best daily result", "fraction"),
    Column("worst_day", _NUMBER, "worst daily result", "fraction"),
    Column("trade_hit_rate", _NUMBER, "share of trades that earned after costs", "fraction"),
)
EXCURSIONS = (
    Column("mean_mae_bps", _NUMBER, "mean adverse excursion of trades, at most 0", "bps"),
    Column("mean_mfe_bps", _NUMBER, "mean favourable excursion of trades", "bps"),
    Column("winners_mae_p95_bps", _NUMBER, "a stop beyond this would have ended one winner in twenty", "bps"),
    Column("losers_mfe_mean_bps", _NUMBER, "what losing trades had at best, in the mean", "bps"),
    Column("edge_ratio", _NUMBER, "mean favourable over mean adverse excursion"),
    Column("captured", _NUMBER, "what was left before costs of what trades had at best", "fraction"),
)
COLUMNS = (
    Column("run_date", ColumnKind.DATE, "the night"),
    Column("kind", _TEXT, "coin or portfolio"),
    Column("name", _TEXT, "the coin, or the portfolio: all coins, passed"),
    Column("state", _TEXT, "how the coin's training ended"),
    Column("rank", _INTEGER, "in the roster of the night"),
    Column("passed", _TRUTH, "whether the model passed every gate"),
    Column("champion", _TRUTH, "whether this night's own model is the champion"),
    Column("models", _INTEGER, "models in it"),
    *MEASURES,
    Column("round_trip_bps", _NUMBER, "what a round trip is taken to cost", "bps"),
    Column("positive_folds", _INTEGER, "test folds that earned"),
    Column("folds", _INTEGER, "test folds"),
    *RISK,
    *EXCURSIONS,
    Column("mean_correlation", _NUMBER, "of the days with those of the other coins; of a portfolio's pairs of coins"),
    Column("closest", _TEXT, "the coin, or pair of coins, that is most alike"),
    Column("closest_correlation", _NUMBER, "how much alike"),
    Column("model_path", _TEXT, "the model's folder below the workspace"),
    Column("reason", _TEXT, "why there is no model"),
)
"""What stands in each line, in this order. Risk is of days, empty where the library does not have the trades."""


def write_analysis(night: Night, path: Path) -> int:
    """Write the table as exports are written, and return its number of rows; empty is what is undefined."""
    rows = [[row.get(each.name) for each in COLUMNS] for row in _rows(night)]
    return write_table(path, "csv", COLUMNS, [rows] if rows else [])


def _rows(night: Night) -> Iterator[dict[str, Any]]:
    everyone, chosen = portfolios(night)
    alike = _neighbours(everyone)
    for coin in night.coins:
        yield {"run_date": night.run_date, "kind": "coin", **_coin(coin), **alike.get(coin.symbol, {})}
    for portfolio in (everyone, chosen):
        if portfolio.models:
            told = measures_of(portfolio)
            value, *pair = told["closest_pair"] or [None]
            yield {
                "run_date": night.run_date, "kind": "portfolio", "name": portfolio.name, **told,
                **_excursions(told), "samples": told["trades"], "closest": " and ".join(pair) or None,
                "closest_correlation": value,
            }  # fmt: skip


def _coin(coin: Coin) -> dict[str, Any]:
    reason = coin.reason or None
    row: dict[str, Any] = {"name": coin.symbol, "state": coin.state, "model_path": coin.path, "reason": reason}
    if not coin.metadata:
        return row
    folds, risk = coin.metrics.get("folds", ()), risk_of(coin) or {}
    return row | {
        "rank": coin.rank,
        "passed": coin.passed,
        "champion": coin.is_champion,
        "models": 1,
        **{each.name: coin.metrics.get(each.name) for each in MEASURES},
        "round_trip_bps": coin.costs.get("round_trip_bps"),
        "folds": len(folds),
        "positive_folds": sum((fold.get("net_pnl") or 0.0) > 0 for fold in folds),
        "days": len(coin.tested.days) if coin.tested is not None else None,
        **risk,
        **_excursions(risk),
    }


def _excursions(told: Mapping[str, Any]) -> dict[str, Any]:
    found = told.get("excursions") or {}
    return {each.name: found.get(each.name) for each in EXCURSIONS}


def _neighbours(everyone: Portfolio) -> dict[str, dict[str, Any]]:
    """Return of each coin how much alike it is to the others in the mean, and which is closest."""
    names, found = list(everyone.parts), {}
    for row, (name, values) in enumerate(zip(names, correlations(everyone), strict=True)):
        others = [(value, names[at]) for at, value in enumerate(values) if at != row and value is not None]
        if others:
            value, closest = max(others)
            mean = sum(each for each, _ in others) / len(others)
            found[name] = {"mean_correlation": mean, "closest": closest, "closest_correlation": value}
    return found
