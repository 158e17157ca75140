"""Three real coins through the jobs of a night, as far as training needs them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from huracan.clock import milliseconds
from huracan.context import Context, RunInfo
from huracan.run.references import resolve
from huracan.types import Outcome

pytestmark = pytest.mark.realdata

AS_OF = datetime(2023, 12, 30, tzinfo=UTC)
COINS = ("BTC-USDT", "ETH-USDT", "ADA-USDT")


def test_real_coins_are_trained_on_what_was_known_and_give_plausible_measures(
    realdata: Path, make_context: Callable[..., Context], tmp_path: Path, schemas: Callable[[str, Any], None]
) -> None:
    for symbol in COINS:
        (tmp_path / "candles").mkdir(exist_ok=True)
        shutil.copy(realdata / "crypto_1h" / f"{symbol}.parquet", tmp_path / "candles")
    context = make_context(
        {
            "exchange": {"name": "files", "path": str(tmp_path / "candles")},
            "candles": {"days": 120},
            "training": {"folds": 2, "search": {"trials": 2}, "workers": 1},
        },
        as_of=AS_OF,
    )
    for name in ("universe", "candles", "train", "roster"):
        job = context.plugins.jobs()[name]
        run = replace(context.current_run, job=name)
        assert isinstance(run, RunInfo)
        result = resolve(job.run, name)(context.with_run(run, context.clock))
        assert result.outcome is Outcome.DONE, result
    run_date = context.current_run.run_date
    schemas("universe", json.loads(context.paths.universe_file(run_date).read_text()))
    schemas("candles", json.loads(context.paths.candle_report(run_date).read_text()))
    roster = json.loads(context.paths.roster.read_text())
    schemas("roster", roster)
    assert {row["symbol"] for row in roster} == set(COINS)
    for row in roster:
        folder = context.paths.workspace / row["model_path"]
        metrics = json.loads((folder / "metrics.json").read_text())
        assert abs(metrics["sharpe"] or 0.0) < 15, "better than this is a look into the future"
        assert 0.5 < metrics["log_loss"] < 0.9
        rows = pl.read_parquet(folder / "features.parquet")
        assert int(rows["timestamp"][-1]) == milliseconds(AS_OF) - 3_600_000, "the last closed candle"
        assert rows["label"].tail(9).is_nan().all()
