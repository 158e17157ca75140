"""What the folds' tests say together: the content of ``metrics.json``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from huracan.market.measures import (
    calmar,
    deflated_sharpe,
    effective_trials,
    expected_maximum_sharpe,
    hit_rate,
    information_coefficient,
    kurtosis,
    max_drawdown,
    net_pnl,
    probabilistic_sharpe,
    profit_factor,
    sharpe,
    skewness,
    sortino,
)
from huracan.market.timeframes import bars_per_year
from huracan_training.backtest import STAY_OUT
from huracan_training.dataset import Dataset
from huracan_training.evaluate import FoldResult
from huracan_training.fitting import log_loss

__all__ = ["Tried", "measure"]

WEEK_MS = 7 * 86_400_000


@dataclass(frozen=True, slots=True)
class Tried:
    """How much was tried before this result was found: coins judged in the same night, variants of this coin's model
    that were compared, and the mean correlation between the scores of these."""

    coins: int
    variants: int
    correlation: float

    @property
    def effective(self) -> float:
        """Independent trials: variants that agree count as one, and every coin counts."""
        return self.coins * effective_trials(self.variants, self.correlation)


def measure(data: Dataset, results: Sequence[FoldResult], timeframe: str, tried: Tried) -> dict[str, Any]:
    """Join the tested folds to one series of returns and measure it after costs.

    ``samples`` counts trades, not rows: labels of neighbouring rows share most of their bars, so rows would make the
    sample look many times larger than it is. Measures that do not exist (no trades) are None.
    """
    year = bars_per_year(timeframe)
    returns = np.concatenate([each.result.returns for each in results])
    trades = np.concatenate([each.result.trades for each in results])
    gross = np.concatenate([each.result.gross for each in results])
    stakes = np.concatenate([each.result.stakes for each in results])
    held = np.concatenate([each.result.held for each in results])
    rows = np.concatenate([np.arange(each.fold.start, each.fold.stop) for each in results])
    scores = np.concatenate([each.scores for each in results])
    recent = data.timestamp[rows] > data.timestamp[-1] - WEEK_MS
    return {
        "schema": 2,
        "sharpe": sharpe(returns, year),
        "sortino": sortino(returns, year),
        "calmar": calmar(returns, year),
        "hit_rate": hit_rate(trades),
        "net_pnl": net_pnl(returns),
        "gross_pnl": net_pnl(stakes * gross),
        "max_drawdown": max_drawdown(returns),
        "samples": len(trades),
        "test_rows": len(returns),
        "exposure": float(held.mean()),
        "turnover": 2 * float(stakes.sum()) / (len(returns) / year),
        "mean_stake": float(stakes.mean()) if len(stakes) else None,
        "cost_share": _ratio(float((gross - trades).sum()), float(np.abs(gross).sum())),
        "profit_factor": profit_factor(trades),
        "mean_trade_net_bps": float(trades.mean() * 1e4) if len(trades) else None,
        "last_7d_net_bps": net_pnl(returns[recent]) * 1e4,
        **_luck(returns, year, tried),
        **_labels(data, rows, scores),
        "folds": [_fold(data, each, year) for each in results],
    }


def _luck(returns: np.ndarray, year: float, tried: Tried) -> dict[str, float | None]:
    """How far the Sharpe ratio is from what chance alone would show in the best of everything that was tried."""
    expected = expected_maximum_sharpe(tried.effective, 1.0 / max(len(returns) - 1, 1))
    return {
        "skewness": skewness(returns),
        "kurtosis": kurtosis(returns),
        "probabilistic_sharpe": probabilistic_sharpe(returns),
        "deflated_sharpe": deflated_sharpe(returns, tried.effective),
        "luck_sharpe": expected * math.sqrt(year),
        "trials": tried.coins * tried.variants,
        "effective_trials": round(tried.effective, 6),
    }


def _fold(data: Dataset, each: FoldResult, year: float) -> dict[str, Any]:
    rows = np.arange(each.fold.start, each.fold.stop)
    labels = _labels(data, rows, each.scores)
    return {
        "fold": each.fold.number,
        "test_rows": each.fold.test_rows,
        "samples": len(each.result.trades),
        "sharpe": sharpe(each.result.returns, year),
        "hit_rate": hit_rate(each.result.trades),
        "net_pnl": net_pnl(each.result.returns),
        "max_drawdown": max_drawdown(each.result.returns),
        "log_loss": labels["log_loss"],
        "information_coefficient": labels["information_coefficient"],
        "threshold": None if each.threshold.value == STAY_OUT else each.threshold.value,
        "stayed_out": each.threshold.value == STAY_OUT,
    }


def _labels(data: Dataset, rows: np.ndarray, scores: np.ndarray) -> dict[str, float | None]:
    """Compare scores with the outcomes that are known; those of the last rows are not yet."""
    known = np.isfinite(data.y[rows])
    if not known.any():
        return {"log_loss": None, "label_share": None, "information_coefficient": None}
    y, seen = data.y[rows][known], scores[known]
    return {
        "log_loss": log_loss(y, seen),
        "label_share": float(y.mean()),
        "information_coefficient": information_coefficient(seen, data.outcomes.gross[rows][known]),
    }


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None
