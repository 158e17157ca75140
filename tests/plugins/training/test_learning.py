"""Learning snapshots say what really differs, with numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from huracan.context import Context
from huracan.paths import write_json
from huracan_training import job, roster
from huracan_training.learning import patterns_of
from huracan_training.summary import encoder_worth

Make = Callable[..., Any]


@pytest.fixture
def two_nights(coins: Make) -> Context:
    """The same coins a day apart; on the second day another number of leaves, so that something differs."""
    night = coins("EDGE-USDT", "BTC-USDT", later=24)
    first = night.context()
    job.run(first)
    roster.run(first)
    later = replace(night, as_of=night.as_of + timedelta(days=1)).context(parameters={"rows_per_leaf": 40, "leaves": 4})
    for name in ("universe_file", "candle_report"):
        before = getattr(first.paths, name)(first.current_run.run_date)
        write_json(getattr(later.paths, name)(later.current_run.run_date), json.loads(before.read_text()))
    job.run(later)
    roster.run(later)
    return later  # type: ignore[no-any-return]


def snapshots(context: Context) -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in sorted(context.paths.workspace.glob("learning/*.json"))]


def test_a_snapshot_tells_what_differs_from_the_model_before(
    two_nights: Context, schemas: Callable[[str, Any], None]
) -> None:
    first, second = snapshots(two_nights)
    for each in (first, second):
        schemas("learning_snapshot", each)
    assert first["models"] == [], "there was nothing before"
    told = {each["symbol"]: each for each in second["models"]}
    assert set(told) == {"EDGE-USDT", "BTC-USDT"}
    assert told["EDGE-USDT"]["parameters"]["leaves"]["after"] == 4
    assert told["EDGE-USDT"]["measures"]["sharpe"]["after"] is not None
    assert any("Sharpe ratio went from" in sentence for sentence in second["insights"])


def test_writing_the_roster_again_changes_no_snapshot(two_nights: Context) -> None:
    before = snapshots(two_nights)
    roster.run(two_nights)
    assert snapshots(two_nights) == before


def test_a_feature_that_leads_in_most_coins_is_a_pattern() -> None:
    coins = [{"rsi": 0.5, "macd": 0.3, "adx": 0.2, "obv": 0.1}, {"rsi": 0.4, "obv": 0.3}, {"macd": 0.9, "rsi": 0.05}]
    told = patterns_of(coins)
    assert [(each["feature"], each["coins"]) for each in told] == [("rsi", 3), ("macd", 2)]
    assert told[0]["sentence"] == "rsi is among the three most important features of 3 of 3 coins"


def test_the_worth_of_the_encoder_is_its_mean_over_coins_with_an_error() -> None:
    coins = [
        {"without": {"loss": 0.70, "information_coefficient": 0.01}, "used": True,
         "with": {"loss": 0.68, "information_coefficient": 0.03}},
        {"without": {"loss": 0.70, "information_coefficient": 0.03}, "used": False,
         "with": {"loss": 0.70, "information_coefficient": None}},
    ]  # fmt: skip
    worth = encoder_worth(coins)
    assert worth is not None
    assert (worth["coins"], worth["used"]) == (2, 1)
    assert worth["loss_gain"] == pytest.approx(0.01)
    assert worth["standard_error"] == pytest.approx(0.01)
    assert worth["information_coefficient"] == {"with": pytest.approx(0.015), "without": pytest.approx(0.02)}
    assert encoder_worth([]) is None
