"""What the folds' tests say together: the content of ``metrics.json``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from huracan.market.candles import bars_per_year
from huracan.market.measures import hit_rate, max_drawdown, net_pnl, profit_factor, sharpe
from huracan_training.dataset import Dataset
from huracan_training.evaluate import FoldResult
from huracan_training.search import log_loss

__all__ = ["measure"]

WEEK_MS = 7 * 86_400_000


def measure(data: Dataset, results: Sequence[FoldResult], timeframe: str) -> dict[str, Any]:
    """Join the tested folds to one series of returns and measure it after costs.

    ``samples`` counts trades, not rows: labels of neighbouring rows share most of their bars, so rows would make the
    sample look many times larger than it is. Measures that do not exist (no trades) are None.
    """
    year = bars_per_year(timeframe)
    returns = np.concatenate([each.result.returns for each in results])
    trades = np.concatenate([each.result.trades for each in results])
    gross = np.concatenate([each.result.gross for each in results])
    held = np.concatenate([each.result.held for each in results])
    rows = np.concatenate([np.arange(each.fold.start, each.fold.stop) for each in results])
    scores = np.concatenate([each.scores for each in results])
    recent = data.timestamp[rows] > data.timestamp[-1] - WEEK_MS
    labels = _labels(data, rows, scores)
    return {
        "schema": 1,
        "sharpe": sharpe(returns, year),
        "hit_rate": hit_rate(trades),
        "net_pnl": net_pnl(returns),
        "gross_pnl": net_pnl(gross),
        "max_drawdown": max_drawdown(returns),
        "samples": len(trades),
        "test_rows": len(returns),
        "exposure": float(held.mean()),
        "turnover": 2 * len(trades) / (len(returns) / year),
        "cost_share": _ratio(float((gross - trades).sum()), float(np.abs(gross).sum())),
        "profit_factor": profit_factor(trades),
        "mean_trade_net_bps": float(trades.mean() * 1e4) if len(trades) else None,
        "last_7d_net_bps": net_pnl(returns[recent]) * 1e4,
        **labels,
        "folds": [_fold(data, each, year) for each in results],
    }


def _fold(data: Dataset, each: FoldResult, year: float) -> dict[str, Any]:
    rows = np.arange(each.fold.start, each.fold.stop)
    return {
        "fold": each.fold.number,
        "test_rows": each.fold.test_rows,
        "samples": len(each.result.trades),
        "sharpe": sharpe(each.result.returns, year),
        "hit_rate": hit_rate(each.result.trades),
        "net_pnl": net_pnl(each.result.returns),
        "max_drawdown": max_drawdown(each.result.returns),
        "log_loss": _labels(data, rows, each.scores)["log_loss"],
        "candidate": each.choice.candidate,
        "threshold": each.choice.threshold,
    }


def _labels(data: Dataset, rows: np.ndarray, scores: np.ndarray) -> dict[str, float | None]:
    """Compare scores with the labels that are known; those of the last rows are not yet."""
    known = np.isfinite(data.y[rows])
    if not known.any():
        return {"log_loss": None, "label_share": None}
    y = data.y[rows][known]
    return {"log_loss": log_loss(y, scores[known]), "label_share": float(y.mean())}


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None
