"""``performance_analysis.csv``: one line for each coin, and one for equal parts of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from huracan.table_files import write_csv
from huracan_reports.document import portfolios
from huracan_reports.night import Coin, Night

__all__ = ["COLUMNS", "MEASURES", "write_analysis"]

MEASURES = (
    "sharpe", "sortino", "calmar", "hit_rate", "net_pnl", "gross_pnl", "max_drawdown", "profit_factor", "samples",
    "mean_trade_net_bps", "last_7d_net_bps", "exposure", "turnover", "mean_stake", "cost_share", "skewness", "kurtosis",
    "probabilistic_sharpe", "deflated_sharpe", "luck_sharpe", "effective_trials", "information_coefficient", "log_loss",
    "label_share", "test_rows",
)  # fmt: skip
"""Measures of ``metrics.json`` under their own names."""
COLUMNS = (
    "run_date", "kind", "name", "state", "rank", "passed", "champion", "models", *MEASURES, "round_trip_bps",
    "positive_folds", "folds", "best_day", "worst_day", "model_path", "reason",
)  # fmt: skip


def write_analysis(night: Night, path: Path) -> int:
    """Write the table and return its number of rows; shares and gains are fractions, empty where undefined."""
    return write_csv(path, COLUMNS, ([row.get(name) for name in COLUMNS] for row in _rows(night)))


def _rows(night: Night) -> Iterator[dict[str, Any]]:
    day = night.run_date.isoformat()
    for coin in night.coins:
        yield {"run_date": day, "kind": "coin", **_coin(coin)}
    for portfolio in portfolios(night):
        if portfolio.models:
            yield {"run_date": day, "kind": "portfolio", "name": portfolio.name, **portfolio.measures()}


def _coin(coin: Coin) -> dict[str, Any]:
    row: dict[str, Any] = {"name": coin.symbol, "state": coin.state, "model_path": coin.path, "reason": coin.reason}
    if not coin.metadata:
        return row
    folds = coin.metrics.get("folds", ())
    growth = coin.tested.growth if coin.tested is not None else ()
    return row | {
        "rank": coin.rank,
        "passed": coin.passed,
        "champion": coin.is_champion,
        "models": 1,
        **{name: coin.metrics.get(name) for name in MEASURES},
        "round_trip_bps": coin.costs.get("round_trip_bps"),
        "folds": len(folds),
        "positive_folds": sum((fold.get("net_pnl") or 0.0) > 0 for fold in folds),
        "best_day": float(max(growth)) if len(growth) else None,
        "worst_day": float(min(growth)) if len(growth) else None,
    }
