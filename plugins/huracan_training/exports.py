"""Exports about models: how they performed, all that was measured, how they were learned, what their folders hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from huracan.context import Context
from huracan.errors import DataError
from huracan.paths import CHECKSUM_FILE, canonical_json, read_json
from huracan.types import Column, ColumnKind, Export, ExportScope, FileExport, TableExport
from huracan_training.night import CoinReport, read_report

__all__ = ["EXPORTS"]

_DATE, _INTEGER, _NUMBER, _TEXT, _TRUTH = (
    ColumnKind.DATE, ColumnKind.INTEGER, ColumnKind.NUMBER, ColumnKind.TEXT, ColumnKind.TRUTH,
)  # fmt: skip

MEASURES = (
    Column("sharpe", _NUMBER, "annualised Sharpe ratio after costs, out of sample"),
    Column("sortino", _NUMBER, "annualised Sortino ratio"),
    Column("calmar", _NUMBER, "annual growth over the deepest drawdown"),
    Column("hit_rate", _NUMBER, "share of trades that earned after costs", "fraction"),
    Column("net_pnl", _NUMBER, "what was earned after costs", "fraction"),
    Column("gross_pnl", _NUMBER, "what was earned before costs", "fraction"),
    Column("max_drawdown", _NUMBER, "deepest fall of the equity from its peak", "fraction"),
    Column("profit_factor", _NUMBER, "gains over losses"),
    Column("samples", _INTEGER, "trades"),
    Column("test_rows", _INTEGER, "rows of candles that were tested on"),
    Column("exposure", _NUMBER, "share of time with a position", "fraction"),
    Column("turnover", _NUMBER, "what was traded, in equities"),
    Column("cost_share", _NUMBER, "share of the gross gain that costs took", "fraction"),
    Column("last_7d_net_bps", _NUMBER, "what the last seven days earned", "bps"),
    Column("information_coefficient", _NUMBER, "rank correlation of scores and outcomes"),
    Column("probabilistic_sharpe", _NUMBER, "probability that the true Sharpe ratio is above zero", "fraction"),
    Column("deflated_sharpe", _NUMBER, "the same, knowing how many models were tried", "fraction"),
    Column("luck_sharpe", _NUMBER, "Sharpe ratio that luck alone would give the best of so many"),
    Column("effective_trials", _NUMBER, "how many independent models were tried"),
)
PERFORMANCE = (
    Column("run_date", _DATE, "night of the training"),
    Column("symbol", _TEXT, "pair"),
    Column("state", _TEXT, "completed, failed or skipped"),
    Column("rank", _INTEGER, "place in the roster, 1 the best"),
    Column("passed", _TRUTH, "whether the model passed all gates"),
    Column("champion", _TRUTH, "whether the model is the champion of its coin"),
    Column("model_path", _TEXT, "its folder below the workspace"),
    Column("trainer", _TEXT, "which trainer made it"),
    *MEASURES,
    Column("reason", _TEXT, "why there is no model"),
)
LEARNING = (
    Column("run_date", _DATE, "night of the training"),
    Column("symbol", _TEXT, "pair"),
    Column("model_path", _TEXT, "folder of the model below the workspace"),
    Column("kind", _TEXT, "step (seconds), trial (loss), threshold (of a fold) or importance (of a feature in a fold)"),
    Column("number", _INTEGER, "of the step, trial or fold"),
    Column("name", _TEXT, "of the step or feature"),
    Column("value", _NUMBER, "what kind says; empty for a pruned trial and for a fold that stays out"),
    Column("details", ColumnKind.JSON, "parameters of the trial; on what the threshold was chosen"),
)


def _coins(context: Context, scope: ExportScope) -> Iterator[CoinReport]:
    for _, coins in _nights(context, scope):
        yield from coins


def _nights(context: Context, scope: ExportScope) -> Iterator[tuple[date, list[CoinReport]]]:
    """Yield each night of the scope that trained, with its coins (those of ``part`` where it is set)."""
    for number in range((scope.last - scope.first).days + 1):
        run_date = scope.first + timedelta(days=number)
        report = read_report(context, run_date)
        if report is not None:
            yield run_date, [coin for coin in report.coins if not scope.part or coin.symbol == scope.part]


def _symbols(context: Context, scope: ExportScope) -> set[str]:
    """Return the coins that have a model of the scope."""
    return {coin.symbol for coin in _coins(context, scope) if coin.path and coin.metadata}


def _performance(context: Context, scope: ExportScope) -> Iterator[list[list[Any]]]:
    """Yield a row per coin and night; fractions, not percent, empty where undefined."""
    for run_date, coins in _nights(context, scope):
        rows = []
        for coin in coins:
            metrics = coin.metadata.get("metrics", {})
            values: dict[str, Any] = {
                "run_date": run_date, "symbol": coin.symbol, "state": coin.state, "rank": coin.rank,
                "passed": coin.metadata.get("passed"), "champion": coin.is_champion, "model_path": coin.path,
                "trainer": coin.metadata.get("trainer"), "reason": coin.reason or None,
                **{each.name: metrics.get(each.name) for each in MEASURES},
            }  # fmt: skip
            rows.append([values[each.name] for each in PERFORMANCE])
        yield rows


def _write_metrics(context: Context, path: Path, scope: ExportScope) -> int:
    """Write everything that was measured, fold by fold, with the verdicts of the gates."""
    nights: dict[str, dict[str, Any]] = {}
    for run_date, coins in _nights(context, scope):
        models = nights.setdefault(run_date.isoformat(), {})
        for coin in coins:
            if coin.path and coin.metadata:
                metrics = read_json(context.paths.workspace / coin.path / "metrics.json")
                models[coin.symbol] = {**coin.to_json(), "metrics": metrics}
    path.write_bytes(canonical_json({"schema": 2, "nights": nights}))
    return sum(len(models) for models in nights.values())


def _learning(context: Context, scope: ExportScope) -> Iterator[list[list[Any]]]:
    for run_date, coins in _nights(context, scope):
        for coin in coins:
            if coin.path:
                log = read_json(context.paths.workspace / coin.path / "training_log.json") or {}
                yield [[run_date, coin.symbol, coin.path, *rest] for rest in _learned(log)]


def _learned(log: Mapping[str, Any]) -> Iterator[tuple[str, int, str | None, float | None, Any]]:
    for number, step in enumerate(log.get("steps", []), 1):
        yield "step", number, step["step"], step["seconds"], None
    for trial in log.get("trials", []):
        yield "trial", trial["trial"], None, trial["loss"], trial["parameters"]
    for fold in log.get("folds", []):
        chosen = {key: value for key, value in fold.items() if key != "importance"}
        yield "threshold", fold["fold"], None, fold["threshold"], chosen
        for name, share in fold.get("importance", {}).items():
            yield "importance", fold["fold"], name, share, None


def _write_metadata(context: Context, path: Path, scope: ExportScope) -> int:
    """Write who the models of a coin are, and the files of their folders with size and SHA-256."""
    models = []
    for run_date, coins in _nights(context, scope):
        for coin in coins:
            if coin.path and coin.metadata:
                folder = context.paths.workspace / coin.path
                about = {"run_date": run_date.isoformat(), "model_path": coin.path, "files": _files(folder)}
                models.append({**about, "metadata": dict(coin.metadata)})
    path.write_bytes(canonical_json({"schema": 1, "symbol": scope.part, "models": models}))
    return len(models)


def _files(folder: Path) -> list[dict[str, Any]]:
    """Return the files of a model folder as its own checksums list them."""
    try:
        lines = (folder / CHECKSUM_FILE).read_text("utf-8").splitlines()
        pairs = [line.partition("  ")[::2] for line in lines]
        return [{"file": name, "bytes": (folder / name).stat().st_size, "sha256": digest} for digest, name in pairs]
    except OSError as error:
        raise DataError(str(folder), f"cannot be read: {error.strerror}") from None


EXPORTS: tuple[Export, ...] = (
    TableExport("model_performance", "each coin of the night: its model, its measures, why it has none",
                PERFORMANCE, _performance),
    FileExport("comprehensive_metrics", "all measures of all models, fold by fold, with the gates' verdicts",
               "json", _write_metrics, version=2),
    TableExport("learning_*", "how a coin's model was learned: steps, trials, thresholds, importance",
                LEARNING, _learning, parts=_symbols),
    FileExport("artifact_*_metadata", "who a coin's model is, and the files of its folder with their SHA-256",
               "json", _write_metadata, parts=_symbols),
)  # fmt: skip
