from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from huracan.context import Context
from huracan.paths import write_json
from huracan_training.roster import Trained, choose_champion, rank, warn_of_past
from huracan_training.settings import ChampionSettings, RosterSettings

TODAY = date(2024, 3, 10)
RULES = ChampionSettings()


HOLDER_ID = "A-USDT/20240301_000000Z"
BETTER = {"champion": HOLDER_ID, "better": True, "sentence": "on 20 common days it earned more than noise explains"}


def trained(
    sharpe: float | None = 1.0,
    passed: bool = True,
    folder: str = "models/A-USDT/20240310_000000Z",
    versus: dict[str, Any] | None = None,
) -> Trained:
    metadata = {
        "id": "A-USDT/20240310_000000Z", "as_of": "2024-03-10T00:00:00Z", "trainer": "lightgbm", "threshold": 0.5,
        "horizon_bars": 8, "timeframe": "1h", "passed": passed, "metrics": {"sharpe": sharpe},
        "versus_champion": versus,
    }  # fmt: skip
    return Trained("A-USDT", folder, metadata, {})


def holder(sharpe: float, as_of: str = "2024-03-01") -> dict[str, Any]:
    return {
        "model_path": "models/A-USDT/20240301_000000Z", "model_id": HOLDER_ID, "as_of": f"{as_of}T00:00:00Z",
        "since": as_of,
        "metrics": {"sharpe": sharpe},
    }  # fmt: skip


def chosen(model: Trained, standing: dict[str, Any] | None, rules: ChampionSettings = RULES) -> str | None:
    champion, _ = choose_champion(model, standing, TODAY, rules)
    return champion["model_path"] if champion else None


OLD, NEW = "models/A-USDT/20240301_000000Z", "models/A-USDT/20240310_000000Z"


def test_a_model_that_passed_takes_an_empty_place() -> None:
    assert chosen(trained(), None) == NEW


def test_a_model_that_failed_a_gate_is_never_champion() -> None:
    assert chosen(trained(sharpe=9.0, passed=False), None) is None
    assert chosen(trained(sharpe=None, passed=False), None) is None


def test_a_model_that_earned_more_on_the_same_rows_than_noise_explains_replaces_the_champion() -> None:
    assert chosen(trained(0.7, versus=BETTER), holder(1.0)) == NEW
    assert choose_champion(trained(versus=BETTER), holder(1.0), TODAY, RULES)[1] == BETTER["sentence"]


@pytest.mark.parametrize("versus", [None, BETTER | {"better": False}, BETTER | {"champion": "A-USDT/20230101_000000Z"}])
def test_a_champion_that_is_not_beaten_stays_whatever_each_earned_on_its_own_rows(versus: dict[str, Any]) -> None:
    assert chosen(trained(9.0, versus=versus), holder(1.0)) == OLD
    assert chosen(trained(9.0, passed=False, versus=BETTER), holder(1.0)) == OLD


def test_a_champion_whose_measures_are_old_is_dismissed() -> None:
    assert chosen(trained(0.6), holder(3.0, "2024-01-31")) == NEW
    assert chosen(trained(passed=False), holder(3.0, "2024-01-31")) is None
    assert chosen(trained(0.6), holder(3.0, "2024-02-10")) == OLD


def test_a_champion_of_a_later_night_is_not_known_to_an_earlier_one() -> None:
    assert chosen(trained(0.6), holder(3.0, "2024-03-11")) == NEW
    assert chosen(trained(passed=False), holder(3.0, "2024-03-11")) is None


def test_a_forced_run_replaces_the_champion_of_its_own_instant() -> None:
    """Somebody set the fees right and forced the night: what wrong fees made champion must not outlive that."""
    assert chosen(trained(0.6), holder(3.0, "2024-03-10")) == NEW
    assert chosen(trained(0.6, passed=False), holder(3.0, "2024-03-10")) is None


def test_a_champion_of_another_exchange_is_dismissed() -> None:
    assert chosen(trained(0.6), holder(3.0) | {"exchange": "simulated"}) == NEW
    assert chosen(trained(passed=False), holder(3.0) | {"exchange": "simulated"}) is None


def test_choosing_again_changes_nothing() -> None:
    first, _ = choose_champion(trained(), None, TODAY, RULES)
    assert choose_champion(trained(), first, TODAY, RULES)[0] == first


def row(symbol: str, trade_ok: bool, volume: float, costs: float, edge: float) -> dict[str, Any]:
    return {
        "symbol": symbol, "trade_ok": trade_ok, "quote_volume_24h": volume, "round_trip_bps": costs,
        "last_7d_net_bps": edge,
    }  # fmt: skip


def order(rows: list[dict[str, Any]], **weights: float) -> list[str]:
    return [each["symbol"] for each in rank(rows, RosterSettings(**weights))]


def test_what_may_be_traded_comes_first() -> None:
    assert order([row("A-X", False, 9e9, 1, 500), row("B-X", True, 1, 90, -10)]) == ["B-X", "A-X"]


def test_liquidity_costs_and_recent_result_decide_by_their_weights() -> None:
    rows = [row("A-X", True, 9e9, 30, -5), row("B-X", True, 1e6, 10, 0), row("C-X", True, 1e7, 20, 40)]
    assert order(rows, liquidity=1, cost=0, edge=0) == ["A-X", "C-X", "B-X"]
    assert order(rows, liquidity=0, cost=1, edge=0) == ["B-X", "C-X", "A-X"]
    assert order(rows, liquidity=0, cost=0, edge=1) == ["C-X", "B-X", "A-X"]


def test_ranks_count_from_one_and_equal_coins_are_ordered_by_name() -> None:
    ranked = rank([row(name, True, 1, 1, 1) for name in ("C-X", "A-X", "B-X")], RosterSettings())
    assert [(each["rank"], each["symbol"], each["score"]) for each in ranked] == [
        (1, "A-X", 0.5), (2, "B-X", 0.5), (3, "C-X", 0.5)
    ]  # fmt: skip
    assert rank([], RosterSettings()) == []
    assert rank([row("A-X", False, 1, 1, 1)], RosterSettings(liquidity=0, cost=0, edge=0))[0]["rank"] == 1


@pytest.mark.parametrize(("standing", "warned"), [("2024-03-11", True), ("2024-03-10", False), ("2024-03-01", False)])
def test_a_past_night_that_replaces_a_later_roster_is_a_warning(
    make_context: Callable[..., Context], standing: str, warned: bool
) -> None:
    context = make_context(as_of=datetime(2024, 3, 10, tzinfo=UTC), job="roster", plugins=("training",))
    write_json(context.paths.roster, [{"as_of": f"{standing}T00:00:00Z"}, {"as_of": "2024-02-01T00:00:00Z"}])
    warn_of_past(context)
    titles = [event.title for event in context.store.events.recent() if event.kind == "roster.past"]
    assert bool(titles) is warned
    assert all("2024-03-11" in title and "workspace of their own" in title for title in titles)
