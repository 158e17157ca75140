"""What a coin's tested trades were, one by one: written by the worker, read when the coin goes into the library."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from huracan.errors import DataError
from huracan.market.timeframes import timeframe_ms
from huracan.store import SimulatedTrade
from huracan_training.carried import Files
from huracan_training.dataset import Dataset
from huracan_training.evaluate import FoldResult
from huracan_training.regimes import regimes_at, trends

__all__ = ["FILE", "read_trades", "trade_columns", "write_trades"]

FILE = "trades.parquet"
FEATURES_KEPT = 12
"""Features at entry that are kept of a trade: those that mattered most to the folds' models."""

_FEATURE, _CONTRIBUTION = "feature.", "contribution."


def write_trades(files: Files, data: Dataset, results: Sequence[FoldResult], timeframe: str) -> None:
    """Write every trade of the tested folds, oldest first; the same trades give the same bytes."""
    import polars

    content = io.BytesIO()
    polars.DataFrame(trade_columns(data, results, timeframe)).write_parquet(content, compression="zstd")
    files.write(FILE, content.getvalue())


def trade_columns(data: Dataset, results: Sequence[FoldResult], timeframe: str) -> dict[str, Any]:
    """Return the columns of ``trades.parquet``, one value per trade.

    A trade is decided at the close of its signal's row: regimes, features and contributions are of that row. It is
    entered at the next open, and leaves at the open of its exit row, or inside it where a barrier was touched: such an
    exit is dated at that bar's close.
    """
    signals = np.concatenate([each.result.signals for each in results]).astype(np.int64)
    entry, leave, inside = signals + 1, data.outcomes.exit_row[signals], data.outcomes.inside[signals]
    paid, got = data.prices.open[entry], data.outcomes.exit_price[signals]
    gross = np.concatenate([each.result.gross for each in results]) * 1e4
    net = np.concatenate([each.result.trades for each in results]) * 1e4
    against, along = _excursions(data, entry, leave, paid, got)
    bar = timeframe_ms(timeframe)
    market, volatility = regimes_at(data, signals)
    columns: dict[str, Any] = {
        "number": np.arange(1, len(signals) + 1),
        "fold": np.concatenate([np.full(len(each.result.signals), each.fold.number) for each in results]),
        "entered_ms": data.timestamp[entry],
        "exited_ms": data.timestamp[leave] + np.where(inside, bar, 0),
        "entry": paid,
        "exit": got,
        "stake": np.concatenate([each.result.stakes for each in results]),
        "score": np.concatenate([each.scores[each.result.signals - each.fold.start] for each in results]),
        "threshold": np.concatenate([np.full(len(each.result.signals), each.threshold.value) for each in results]),
        "gross_bps": gross,
        "cost_bps": gross - net,
        "net_bps": net,
        "bars_held": leave - entry + np.where(inside, 1, 0),
        "exit_reason": np.where(inside, np.where(got > paid, "take-profit", "stop-loss"), "horizon").astype(str),
        "mae_bps": against * 1e4,
        "mfe_bps": along * 1e4,
        "market_regime": np.array(market, dtype=str),
        "volatility_regime": np.array(volatility, dtype=str),
        "trend": np.array(trends(data.prices.close, signals), dtype=str),
    }
    leading = _leading(data, results)
    columns |= {f"{_FEATURE}{name}": data.x[signals, data.names.index(name)] for name in leading}
    return columns | _contributions(leading, results)


def _contributions(names: Sequence[str], results: Sequence[FoldResult]) -> dict[str, np.ndarray]:
    """Return what each of the features added to the log odds of each trade's score; nothing where no model tells."""
    if any(each.contributions is None for each in results):
        return {}
    return {
        f"{_CONTRIBUTION}{name}": np.concatenate([(each.contributions or {})[name] for each in results])
        for name in names
    }


def _excursions(
    data: Dataset, entry: np.ndarray, leave: np.ndarray, paid: np.ndarray, got: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return how far each trade went against and for its position, as fractions: at most 0, and at least 0.

    Of the bar in which a barrier was touched only the exit itself counts: what came before and what after the touch,
    the bar does not tell.
    """
    low, high = np.minimum(paid, got), np.maximum(paid, got)
    for i, (start, stop) in enumerate(zip(entry.tolist(), leave.tolist(), strict=True)):
        if stop > start:
            low[i] = min(low[i], data.prices.low[start:stop].min())
            high[i] = max(high[i], data.prices.high[start:stop].max())
    return low / paid - 1.0, high / paid - 1.0


def _leading(data: Dataset, results: Sequence[FoldResult]) -> list[str]:
    """Return the features that mattered most to the folds' models, the most important first."""
    total: dict[str, float] = dict.fromkeys(data.names, 0.0)
    for each in results:
        for name, share in each.importance.items():
            if name in total:
                total[name] += share
    return sorted(total, key=lambda name: (-total[name], name))[:FEATURES_KEPT]


def read_trades(folder: Path, model_id: str, symbol: str, run_date: date) -> list[SimulatedTrade]:
    """Return the trades of a model's folder as rows of the library; none for a folder of before there were any.

    Raises DataError where the file cannot be read.
    """
    import polars

    file = folder / FILE
    if not file.exists():
        return []
    try:
        rows = polars.read_parquet(file, use_pyarrow=False).to_dicts()
    except (polars.exceptions.PolarsError, polars.exceptions.PanicException, OSError, ValueError) as error:
        raise DataError(str(file), f"is no readable parquet file ({type(error).__name__})") from None
    try:
        return [_trade(row, model_id, symbol, run_date) for row in rows]
    except (KeyError, TypeError) as error:
        raise DataError(str(file), f"has other columns than trades have: {error}") from None


def _trade(row: Mapping[str, Any], model_id: str, symbol: str, run_date: date) -> SimulatedTrade:
    values = {name: value for name, value in row.items() if not name.startswith((_FEATURE, _CONTRIBUTION))}
    return SimulatedTrade(
        model_id=model_id, symbol=symbol, run_date=run_date, won=values["net_bps"] > 0,
        features=_part(row, _FEATURE), contributions=_part(row, _CONTRIBUTION) or None, **values,
    )  # fmt: skip


def _part(row: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {
        name.removeprefix(prefix): None if value is None or value != value else value  # NaN is no JSON
        for name, value in row.items()
        if name.startswith(prefix)
    }
