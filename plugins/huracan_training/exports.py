"""Exports about models: how they performed, all that was measured, how they were learned, what their folders hold."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from huracan.context import Context
from huracan.errors import DataError
from huracan.paths import CHECKSUM_FILE, read_json
from huracan.store import LibraryModel, ModelPerformance
from huracan.table_files import json_text
from huracan.types import Column, ColumnKind, Export, ExportScope, FileExport, TableExport
from huracan_training.night import CoinReport, champion_pointer, read_report

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
    Column("mean_stake", _NUMBER, "mean share of the equity that a trade put in", "fraction"),
    Column("mean_trade_net_bps", _NUMBER, "mean of what a trade earned after costs", "bps"),
    Column("skewness", _NUMBER, "third standardised moment of the returns per bar"),
    Column("kurtosis", _NUMBER, "fourth standardised moment of the returns per bar, 3 for a normal distribution"),
    Column("log_loss", _NUMBER, "mean negative log likelihood of the tested labels"),
    Column("label_share", _NUMBER, "share of tested labels that are 1", "fraction"),
    Column("folds", ColumnKind.JSON, "the measures of each test fold"),
)
PERFORMANCE = (
    Column("run_date", _DATE, "night of the training"),
    Column("symbol", _TEXT, "pair"),
    Column("model_id", _TEXT, "the model"),
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
    for run_date in scope.run_dates():
        report = read_report(context, run_date)
        if report is not None:
            yield run_date, [coin for coin in report.coins if not scope.part or coin.symbol == scope.part]


def _symbols(context: Context, scope: ExportScope) -> set[str]:
    """Return the coins that have a model of the scope."""
    return {coin.symbol for coin in _coins(context, scope) if coin.path and coin.metadata}


def _performance(context: Context, scope: ExportScope) -> Iterator[list[list[Any]]]:
    """Yield a row per coin and night; fractions, not percent, empty where undefined.

    Measures are those of the library, which outlive the folders. Models of a night that its ledger does not name, as
    the earlier one of a coin that was trained twice, follow its coins.
    """
    library = context.store.library
    for run_date in scope.run_dates():
        measures = {each.model_id: each for each in library.performance(run_date=run_date)}
        models = {each.path: each for each in library.models(run_date=run_date)}
        report = read_report(context, run_date)
        rows = []
        for coin in report.coins if report else ():
            model = models.pop(coin.path or "", None)
            rows.append(_of_coin(run_date, coin, model, measures[model.model_id] if model else None))
        rows += [_of_model(context, model, measures[model.model_id]) for _, model in sorted(models.items())]
        yield rows


def _of_coin(
    run_date: date, coin: CoinReport, model: LibraryModel | None, measures: ModelPerformance | None
) -> list[Any]:
    """Return the row of a coin of the ledger; a model that is not in the library is told by its own folder."""
    metadata = coin.metadata
    told = metadata.get("metrics", {}) if measures is None else _measures(measures)
    return _cells(
        told, run_date=run_date, symbol=coin.symbol, state=coin.state, rank=coin.rank, champion=coin.is_champion,
        model_id=model.model_id if model else metadata.get("id"), model_path=coin.path,
        passed=model.passed if model else metadata.get("passed"),
        trainer=model.trainer if model else metadata.get("trainer"), reason=coin.reason or None,
    )  # fmt: skip


def _of_model(context: Context, model: LibraryModel, measures: ModelPerformance) -> list[Any]:
    """Return the row of a model that no coin of the ledger has."""
    champion = (champion_pointer(context, model.symbol) or {}).get("model_path") == model.path
    return _cells(
        _measures(measures), run_date=model.run_date, symbol=model.symbol, state="completed", champion=champion,
        model_id=model.model_id, model_path=model.path, passed=model.passed, trainer=model.trainer,
    )  # fmt: skip


def _measures(measures: ModelPerformance) -> dict[str, Any]:
    return {each.name: getattr(measures, each.name) for each in MEASURES}


def _cells(measures: Mapping[str, Any], **about: Any) -> list[Any]:
    return [about[name] if name in about else measures.get(name) for name in (each.name for each in PERFORMANCE)]


def _write_metrics(context: Context, path: Path, scope: ExportScope) -> int:
    """Write, model by model, everything that was measured, fold by fold, with the verdicts of the gates."""
    models = 0
    with path.open("w", encoding="utf-8") as file:
        file.write('{"schema": 2, "nights": {')
        for night, (run_date, coins) in enumerate(_nights(context, scope)):
            file.write(("," if night else "") + f'\n"{run_date.isoformat()}": {{')
            for number, coin in enumerate(sorted(_with_folders(coins), key=lambda each: each.symbol)):
                metrics = read_json(context.paths.workspace / str(coin.path) / "metrics.json")
                told = json_text({**coin.to_json(), "metrics": metrics})
                file.write((",\n" if number else "\n") + f"{json.dumps(coin.symbol)}: {told}")
                models += 1
            file.write("\n}")
        file.write("\n}}\n")
    return models


def _with_folders(coins: list[CoinReport]) -> list[CoinReport]:
    return [coin for coin in coins if coin.path and coin.metadata]


def _lacking_folders(context: Context, scope: ExportScope) -> str:
    """Say how many folders of the scope's models are gone, empty for none."""
    gone = sum(1 for coin in _coins(context, scope) if coin.path and not coin.metadata)
    return f"folders of {gone} model{'' if gone == 1 else 's'} are gone" if gone else ""


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
    """Write, model by model, who the models of a coin are, and the files of their folders with size and SHA-256."""
    models = 0
    with path.open("w", encoding="utf-8") as file:
        file.write(f'{{"schema": 1, "symbol": {json.dumps(scope.part)}, "models": [')
        for run_date, coins in _nights(context, scope):
            for coin in _with_folders(coins):
                files = _files(context.paths.workspace / str(coin.path))
                about = {"run_date": run_date.isoformat(), "model_path": coin.path, "files": files}
                file.write((",\n" if models else "\n") + json_text({**about, "metadata": dict(coin.metadata)}))
                models += 1
        file.write("\n]}\n")
    return models


def _files(folder: Path) -> list[dict[str, Any]]:
    """Return the files of a model folder as its own checksums list them."""
    try:
        lines = (folder / CHECKSUM_FILE).read_text("utf-8").splitlines()
        pairs = [line.partition("  ")[::2] for line in lines]
        return [{"file": name, "bytes": (folder / name).stat().st_size, "sha256": digest} for digest, name in pairs]
    except OSError as error:
        raise DataError(str(folder), f"cannot be read: {error.strerror}") from None


EXPORTS: tuple[Export, ...] = (
    TableExport("model_performance", "each model of the night with its measures, and why a coin has none",
                PERFORMANCE, _performance, version=2),
    FileExport("comprehensive_metrics", "all measures of all models, fold by fold, with the gates' verdicts",
               "json", _write_metrics, version=2, lacks=_lacking_folders),
    TableExport("learning_*", "how a coin's model was learned: steps, trials, thresholds, importance",
                LEARNING, _learning, parts=_symbols, lacks=_lacking_folders),
    FileExport("artifact_*_metadata", "who a coin's model is, and the files of its folder with their SHA-256",
               "json", _write_metadata, parts=_symbols, lacks=_lacking_folders),
)  # fmt: skip
