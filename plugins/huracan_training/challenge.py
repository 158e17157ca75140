"""A new model against the champion so far: both trade the same rows, which neither has seen, at the same costs.

The champion was fitted on everything up to its night, so that only rows after it are new to it. The challenger stands
there with the scores of its walk-forward folds. What one earned more than the other counts only where it is more than
noise.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from huracan.clock import milliseconds
from huracan.errors import DataError
from huracan.market.measures import net_pnl, paired_gain, sharpe
from huracan.market.timeframes import bars_per_year, timeframe_ms
from huracan.types import FittedModel, Trainer
from huracan_training.backtest import backtest
from huracan_training.carried import Files
from huracan_training.dataset import Dataset
from huracan_training.encoder import Scaling
from huracan_training.evaluate import FoldResult
from huracan_training.settings import ChampionSettings

__all__ = ["CHAMPION_FILES", "challenge"]

CHAMPION_FILES = ("features.json", "inputs.json", "metadata.json", "model.bin")
"""What is read of a champion's folder."""


@dataclass(frozen=True, slots=True)
class _Champion:
    """What is needed to ask an older model."""

    metadata: Mapping[str, Any]
    since_ms: int
    scaling: Scaling | None
    content: bytes


def challenge(
    folder: str,
    files: Files,
    data: Dataset,
    results: Sequence[FoldResult],
    made_by: Mapping[str, Any],
    trainers: Mapping[str, Trainer],
    rules: ChampionSettings,
    timeframe: str,
) -> dict[str, Any]:
    """Compare the folds' tests with the champion in ``folder`` and return what metadata keeps of it.

    ``better`` is true only where the challenger earned more than noise explains; where the two cannot be compared,
    ``sentence`` says why.
    """
    try:
        champion = _read(folder, files)
    except (DataError, ValueError, KeyError, TypeError) as error:
        return _not_comparable(None, f"the champion cannot be read: {error}")
    reason = _differs(champion, files, folder, made_by, trainers)
    if reason:
        return _not_comparable(champion, reason)
    closed = data.timestamp + timeframe_ms(timeframe)
    start = max(int(np.searchsorted(closed, champion.since_ms, side="right")), results[0].fold.start)
    days = (len(data) - start) * timeframe_ms(timeframe) / 86_400_000
    if days < rules.min_days:
        return _not_comparable(champion, f"{days:.1f} common days are fewer than {rules.min_days:g}")
    try:
        model = trainers[champion.metadata["trainer"]].load(champion.content)
    except DataError as error:
        return _not_comparable(champion, f"the champion cannot be read: {error}")
    theirs = _champion_returns(champion, model, data, start)
    mine = _challenger_returns(results, len(data))[start:]
    return _compared(champion, mine, theirs, days, rules, timeframe)


def _read(folder: str, files: Files) -> _Champion:
    metadata = json.loads(files.read(f"{folder}/metadata.json"))
    inputs = json.loads(files.read(f"{folder}/inputs.json"))
    told = inputs["encoder"]
    scaling = None if told is None else Scaling(*(np.array(told[key]) for key in ("mean", "scale", "components")))
    since = milliseconds(datetime.fromisoformat(metadata["as_of"]))
    return _Champion(metadata, since, scaling, files.read(f"{folder}/model.bin"))


def _differs(
    champion: _Champion, files: Files, folder: str, made_by: Mapping[str, Any], trainers: Mapping[str, Trainer]
) -> str:
    """Say why the two cannot be compared; empty where they can."""
    if champion.metadata["trainer"] not in trainers:
        return f"no enabled plugin offers its trainer {champion.metadata['trainer']}"
    before = json.loads(files.read(f"{folder}/features.json"))
    if before["sets"] != made_by["sets"]:
        return "its features are made another way"
    return "" if before["label"] == made_by["label"] else "its trades are sold by another rule"


def _champion_returns(champion: _Champion, model: FittedModel, data: Dataset, start: int) -> np.ndarray:
    known = data.x[start:]
    x = known if champion.scaling is None else np.column_stack([known, champion.scaling.columns(known)])
    scores = np.asarray(model.predict(x), dtype=np.float64)
    threshold, horizon = champion.metadata["threshold"], champion.metadata["horizon_bars"]
    return backtest(data.prices, data.outcomes, scores, threshold, start, len(data), horizon).returns


def _challenger_returns(results: Sequence[FoldResult], rows: int) -> np.ndarray:
    returns = np.zeros(rows)
    for each in results:
        returns[each.fold.start : each.fold.stop] = each.result.returns
    return returns


def _compared(
    champion: _Champion, mine: np.ndarray, theirs: np.ndarray, days: float, rules: ChampionSettings, timeframe: str
) -> dict[str, Any]:
    year = bars_per_year(timeframe)
    gain = paired_gain(mine, theirs, champion.metadata["horizon_bars"])
    better = gain is not None and gain.mean > 0 and gain.p_value < rules.significance
    per_day = 0.0 if gain is None else gain.mean * 1e4 * year / 365
    if gain is None:
        sentence = f"on {days:.0f} common days both earned the same"
    else:
        word = "more than noise explains" if better else "which noise explains"
        sentence = (
            f"on {days:.0f} common days it earned {per_day:+.1f} bp a day against the champion, {word} "
            f"(p = {gain.p_value:.3f})"
        )
    return {
        "champion": champion.metadata["id"],
        "comparable": True,
        "rows": len(mine),
        "days": round(days, 4),
        "challenger": {"net_pnl": net_pnl(mine), "sharpe": sharpe(mine, year)},
        "incumbent": {"net_pnl": net_pnl(theirs), "sharpe": sharpe(theirs, year)},
        "gain_bps_per_day": per_day,
        "t_statistic": None if gain is None else gain.t_statistic,
        "p_value": None if gain is None else gain.p_value,
        "better": better,
        "sentence": sentence,
    }


def _not_comparable(champion: _Champion | None, reason: str) -> dict[str, Any]:
    return {
        "champion": champion.metadata["id"] if champion else None,
        "comparable": False,
        "better": False,
        "sentence": f"not compared: {reason}",
    }
