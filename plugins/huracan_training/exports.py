"""Exports: how the models of a night performed, as a table and in full."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from huracan.context import Context
from huracan.paths import canonical_json, read_json
from huracan.table_files import write_csv
from huracan_training.night import CoinReport, latest_night, read_report

__all__ = ["write_comprehensive_metrics", "write_model_performance"]

MEASURES = (
    "sharpe", "sortino", "calmar", "hit_rate", "net_pnl", "gross_pnl", "max_drawdown", "profit_factor", "samples",
    "test_rows", "exposure", "turnover", "cost_share", "last_7d_net_bps", "information_coefficient",
    "probabilistic_sharpe", "deflated_sharpe", "luck_sharpe", "effective_trials",
)  # fmt: skip
COLUMNS = ("run_date", "symbol", "state", "rank", "passed", "champion", "model_path", "trainer", *MEASURES, "reason")


def write_model_performance(context: Context, path: Path) -> int:
    """Write one line per coin of the night; fractions, not percent, empty where undefined."""
    coins = _coins(context)
    return write_csv(path, COLUMNS, (_cells(run_date, coin) for run_date, coin in coins))


def _cells(run_date: str, coin: CoinReport) -> list[Any]:
    metrics = coin.metadata.get("metrics", {})
    values = {
        "run_date": run_date, "symbol": coin.symbol, "state": coin.state, "rank": coin.rank,
        "passed": coin.metadata.get("passed"), "champion": coin.is_champion, "model_path": coin.path,
        "trainer": coin.metadata.get("trainer"), "reason": coin.reason,
        **{name: metrics.get(name) for name in MEASURES},
    }  # fmt: skip
    return [values[name] for name in COLUMNS]


def write_comprehensive_metrics(context: Context, path: Path) -> int:
    """Write everything that was measured, fold by fold, with the verdicts of the gates."""
    models = {}
    for run_date, coin in _coins(context):
        if coin.path and coin.metadata:
            metrics = read_json(context.paths.workspace / coin.path / "metrics.json")
            models[coin.symbol] = {**coin.to_json(), "run_date": run_date, "metrics": metrics}
    path.write_bytes(canonical_json({"schema": 1, "models": models}))
    return len(models)


def _coins(context: Context) -> list[tuple[str, CoinReport]]:
    run_date = context.run.run_date if context.run else latest_night(context)
    report = read_report(context, run_date) if run_date else None
    return [(report.run_date.isoformat(), coin) for coin in report.coins] if report else []
