"""Learning snapshots say what really differs, with numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from huracan.context import Context
from huracan.paths import write_json
from huracan_training import job, roster
from huracan_training.learning import patterns_of, rules_of
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


def test_a_snapshot_holds_the_rules_that_held_and_tells_of_new_ones(two_nights: Context) -> None:
    folders = sorted((two_nights.paths.workspace / "models" / "EDGE-USDT").iterdir())
    found = []
    for folder, snapshot in zip(folders, snapshots(two_nights), strict=True):
        rules = json.loads((folder / "patterns.json").read_text())["rules"]
        held = {(rule["rule"], rule["fold"]) for rule in rules if rule["tested"]["significant"]}
        told = [each for each in snapshot["patterns"] if each.get("symbol") == "EDGE-USDT"]
        assert {each["rule"] for each in told} <= {rule for rule, _ in held}
        assert {fold for each in told for fold in each["folds"]} == {fold for _, fold in held}
        assert all((each["sentence"] in snapshot["insights"]) == each["new"] for each in told)
        found.append(told)
    assert found[0], "the coin has an edge that a rule finds"
    assert all(each["new"] for each in found[0]), "there was nothing before"


def test_writing_the_roster_again_changes_no_snapshot(two_nights: Context) -> None:
    before = snapshots(two_nights)
    roster.run(two_nights)
    assert snapshots(two_nights) == before


def test_a_feature_that_leads_in_most_coins_is_a_pattern() -> None:
    coins = [{"rsi": 0.5, "macd": 0.3, "adx": 0.2, "obv": 0.1}, {"rsi": 0.4, "obv": 0.3}, {"macd": 0.9, "rsi": 0.05}]
    told = patterns_of(coins)
    assert [(each["feature"], each["coins"]) for each in told] == [("rsi", 3), ("macd", 2)]
    assert told[0]["sentence"] == "rsi is among the three most important features of 3 of 3 coins"


def a_rule(fold: int, feature: str, value: float, p_adjusted: float | None, *, side: str = "above") -> dict[str, Any]:
    measured = {
        "rows": 58, "hit_rate": 0.61, "base_hit_rate": 0.47, "mean_net_bps": 34.2, "base_net_bps": -5.1
    }  # fmt: skip
    held = p_adjusted is not None and p_adjusted <= 0.05
    luck = {"p_value": p_adjusted, "p_adjusted": p_adjusted, "significant": held}
    return {
        "fold": fold, "number": 1, "rule": f"{feature} {side} {value:.4g}",
        "conditions": [{"feature": feature, "side": side, "value": value}], "found": measured,
        "tested": {**measured, **luck, "from_ms": 0, "until_ms": 1},
    }  # fmt: skip


def test_rules_that_held_on_rows_they_had_not_seen_are_patterns_and_the_others_are_not(tmp_path: Path) -> None:
    before, after, bare = tmp_path / "before", tmp_path / "after", tmp_path / "bare"
    bare.mkdir()
    write_json(before / "patterns.json", {"rules": [a_rule(1, "obv", 3.0, 0.01), a_rule(1, "rsi", 50.0, 0.2)]})
    rules = [
        a_rule(1, "rsi", 61.0, 0.03), a_rule(2, "rsi", 64.5, 0.004), a_rule(2, "macd", 0.1, 0.06),
        a_rule(3, "obv", 2.5, 0.02), a_rule(3, "adx", 9.0, None), a_rule(3, "rsi", 20.0, 0.05, side="below"),
    ]  # fmt: skip
    write_json(after / "patterns.json", {"schema": 1, "rules": rules})
    told = rules_of(after, "BTC-USDT", before)
    assert [(each["rule"], each["folds"], each["new"]) for each in told] == [
        ("rsi above 64.5", [1, 2], True), ("obv above 2.5", [3], False), ("rsi below 20", [3], True)
    ]  # fmt: skip
    assert told[0]["sentence"] == (
        "BTC-USDT: where rsi above 64.5, a trade would have made +34.2 bps after costs against -5.1 of all rows, on 58 "
        "rows that the rule had not seen (folds 1, 2, p 0.004)"
    )
    assert all(each["new"] for each in rules_of(after, "BTC-USDT", None))
    assert rules_of(bare, "BTC-USDT", before) == [], "a folder of before there were rules"


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
