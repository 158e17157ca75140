"""Puts a trained coin into the library of trades and models: what its folder says becomes rows, all or none.

A coin is put in before the ledger calls it completed. A kill in between, or a library that was lost since, is mended
when the coin is looked at again: by the next start of this run, or by the job ``journal``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from huracan.context import Context
from huracan.errors import DataError
from huracan.paths import CHECKSUM_FILE, read_json, sha256_of
from huracan.store import LibraryModel, ModelPerformance, Pattern, PatternPerformance, Signal
from huracan_training import patterns
from huracan_training.records import read_trades

__all__ = ["put_in", "put_in_if_missing"]

MEASURES = (
    "sharpe", "sortino", "calmar", "hit_rate", "net_pnl", "gross_pnl", "max_drawdown", "exposure", "turnover",
    "mean_stake", "cost_share", "profit_factor", "mean_trade_net_bps", "last_7d_net_bps", "skewness", "kurtosis",
    "probabilistic_sharpe", "deflated_sharpe", "luck_sharpe", "effective_trials", "log_loss", "label_share",
    "information_coefficient",
)  # fmt: skip


def put_in_if_missing(context: Context, folder: Path, metadata: Mapping[str, Any], known: Mapping[str, str]) -> bool:
    """Put a model in unless ``known``, the digests by id, has it as its folder is; say whether that was needed."""
    if known.get(str(metadata["id"])) == sha256_of(folder / CHECKSUM_FILE):
        return False
    put_in(context, folder, metadata)
    return True


def put_in(context: Context, folder: Path, metadata: Mapping[str, Any]) -> None:
    """Store a complete model folder in place of what was known of it.

    Raises DataError where the folder is not what training writes.
    """
    try:
        model = _model(context, folder, metadata)
        performance = _performance(folder, metadata)
        found, tested = _patterns(folder, model)
        signals = _signals(model, metadata)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(str(folder), f"is no model folder that goes into the library: {error!r}") from None
    trades = read_trades(folder, model.model_id, model.symbol, model.run_date)
    # Before the model, which says that all of it is in.
    context.store.signals.record(signals)
    context.store.library.record_model(model, performance, trades, found, tested)


def _model(context: Context, folder: Path, metadata: Mapping[str, Any]) -> LibraryModel:
    config = _document(folder, "config.json")
    folds = _document(folder, "split_indices.json")["folds"]
    return LibraryModel(
        model_id=metadata["id"],
        symbol=metadata["symbol"],
        version=metadata["version"],
        run_id=metadata["run_id"],
        run_date=date.fromisoformat(metadata["date"]),
        as_of=datetime.fromisoformat(metadata["as_of"]),
        exchange=metadata["exchange"],
        timeframe=metadata["timeframe"],
        trainer=metadata["trainer"],
        horizon_bars=metadata["horizon_bars"],
        threshold=metadata["threshold"],
        passed=metadata["passed"],
        seconds=metadata["seconds"],
        path=context.paths.relative(folder),
        sha256=sha256_of(folder / CHECKSUM_FILE),
        recipe_hash=config["recipe_hash"],
        data_hash=config["data"]["hash"],
        tested_from=datetime.fromisoformat(folds[0]["test_from"]),
        tested_until=datetime.fromisoformat(folds[-1]["test_until"]),
        rows=config["data"]["rows"],
        trades=metadata["metrics"]["samples"],
        parameters=metadata["parameters"],
        importance=metadata["importance"],
        gates=metadata["gates"],
    )


def _performance(folder: Path, metadata: Mapping[str, Any]) -> ModelPerformance:
    metrics = _document(folder, "metrics.json")
    return ModelPerformance(
        model_id=metadata["id"],
        symbol=metadata["symbol"],
        run_date=date.fromisoformat(metadata["date"]),
        samples=metrics["samples"],
        test_rows=metrics["test_rows"],
        folds=metrics["folds"],
        **{name: metrics[name] for name in MEASURES},
    )


def _signals(model: LibraryModel, metadata: Mapping[str, Any]) -> list[Signal]:
    """Return what the model said at its last bar; nothing for a folder of before that was written down."""
    said = metadata.get("signal")
    if said is None:
        return []
    return [
        Signal(
            model.model_id, datetime.fromisoformat(said["time"]), model.symbol, model.trainer, "nightly",
            said["action"], said["score"], model.threshold, said["price"], model.run_id,
        )
    ]  # fmt: skip


def _patterns(folder: Path, model: LibraryModel) -> tuple[Sequence[Pattern], Sequence[PatternPerformance]]:
    """Return the rules of a folder; none for one of before there were any."""
    found, tested = [], []
    for each in (read_json(folder / patterns.FILE) or {}).get("rules", ()):
        key = (model.model_id, each["fold"], each["number"], model.symbol, model.run_date)
        before, after = each["found"], each["tested"]
        found.append(
            Pattern(
                *key, each["rule"], each["conditions"], before["rows"], before["hit_rate"], before["base_hit_rate"],
                before["mean_net_bps"], before["base_net_bps"],
            )
        )  # fmt: skip
        tested.append(
            PatternPerformance(
                *key, after["from_ms"], after["until_ms"], after["rows"], after["hit_rate"], after["base_hit_rate"],
                after["mean_net_bps"], after["base_net_bps"], after["p_value"], after["p_adjusted"],
                after["significant"],
            )
        )  # fmt: skip
    return found, tested


def _document(folder: Path, name: str) -> dict[str, Any]:
    document = read_json(folder / name)
    if document is None:
        raise DataError(str(folder / name), "is missing or damaged")
    return document
