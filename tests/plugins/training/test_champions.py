"""Who was champion when, and going back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from forked import run_huracan
from huracan.context import Context
from huracan.errors import UsageError
from huracan.paths import read_json, verify_checksums, write_json
from huracan_training import job, roster
from huracan_training.champions import history, history_file, roll_back, seal

Make = Callable[..., Any]
EASY = {"samples": 20, "deflated_sharpe": None}


@pytest.fixture
def two_reigns(coins: Make, worked_once: Callable[..., Context]) -> Context:
    """Two nights 40 days apart: the second night's model takes the place of one that grew too old."""
    night = coins("EDGE-USDT")

    def work(later: Context) -> None:
        first = night.context(gates=EASY)
        job.run(first)
        roster.run(first)
        for name in ("universe_file", "candle_report"):
            before = getattr(first.paths, name)(first.current_run.run_date)
            write_json(getattr(later.paths, name)(later.current_run.run_date), json.loads(before.read_text()))
        job.run(later)
        roster.run(later)

    second = replace(night, as_of=night.as_of + timedelta(days=40))
    return worked_once("two-reigns", lambda: second.context(gates=EASY), work)


def test_the_history_says_who_came_when_and_why(two_reigns: Context, schemas: Callable[[str, Any], None]) -> None:
    first, second = history(two_reigns, "EDGE-USDT")
    assert first["until"] == second["since"] == two_reigns.current_run.run_date.isoformat()
    assert second["until"] is None
    assert first["came"] == "passed all gates; the place was empty"
    assert first["went"] == second["came"] == "the champion before was 40 days old"
    schemas("champion_history", json.loads(history_file(two_reigns, "EDGE-USDT").read_text()))
    verify_checksums(two_reigns.paths.champions)
    verify_checksums(two_reigns.paths.champions / "history")


def test_a_rollback_puts_the_champion_before_back_everywhere(two_reigns: Context) -> None:
    first, second = history(two_reigns, "EDGE-USDT")
    left, crowned = roll_back(two_reigns, "EDGE-USDT", date(2024, 5, 1), None)
    assert (left, crowned["model_id"]) == (second["model_id"], first["model_id"])
    pointer = json.loads(two_reigns.paths.champion("EDGE-USDT").read_text())
    assert pointer["model_path"] == first["model_path"]
    assert pointer["sha256"] == first["sha256"]
    row = json.loads(two_reigns.paths.roster.read_text())[0]
    assert (row["model_path"], row["trade_ok"], row["champion_since"]) == (first["model_path"], True, "2024-05-01")
    verify_checksums(two_reigns.paths.champions)
    reigns = history(two_reigns, "EDGE-USDT")
    assert [each["model_id"] for each in reigns] == [first["model_id"], second["model_id"], first["model_id"]]
    assert reigns[1]["went"] == reigns[2]["came"] == f"rolled back from {second['model_id']}"
    assert two_reigns.store.events.recent()[0].kind == "champion.rolled_back"


def test_a_rollback_can_be_rolled_back(two_reigns: Context) -> None:
    _, second = history(two_reigns, "EDGE-USDT")
    roll_back(two_reigns, "EDGE-USDT", date(2024, 5, 1), None)
    assert roll_back(two_reigns, "EDGE-USDT", date(2024, 5, 2), second["model_id"])[1]["model_id"] == second["model_id"]


def test_a_champion_whose_folder_was_changed_is_not_put_back(two_reigns: Context) -> None:
    first, _ = history(two_reigns, "EDGE-USDT")
    (two_reigns.paths.workspace / first["model_path"] / "model.bin").write_text("something else")
    with pytest.raises(UsageError, match="no earlier champion of EDGE-USDT is left whole"):
        roll_back(two_reigns, "EDGE-USDT", date(2024, 5, 1), None)


@pytest.mark.parametrize("to", [None, "EDGE-USDT/20010101_000000Z"])
def test_there_must_be_somebody_to_go_back_to(coins: Make, to: str | None) -> None:
    context = coins("EDGE-USDT").context()
    with pytest.raises(UsageError, match="no other champion"):
        roll_back(context, "EDGE-USDT", date(2024, 5, 1), to)


def test_a_model_that_never_was_champion_is_not_put_there(two_reigns: Context) -> None:
    with pytest.raises(UsageError, match="was never champion"):
        roll_back(two_reigns, "EDGE-USDT", date(2024, 5, 1), "EDGE-USDT/20010101_000000Z")


def test_a_kill_between_pointer_and_history_is_mended_by_the_next_night(two_reigns: Context) -> None:
    """The pointer of the second reign was written, the history still ends with the first one."""
    file = history_file(two_reigns, "EDGE-USDT")
    document = read_json(file)
    assert document
    full = document["reigns"]
    unfinished = [{**full[0], "until": None, "went": None}]
    write_json(file, {**document, "reigns": unfinished})
    roster.run(two_reigns)
    assert [(each["model_id"], each["until"]) for each in history(two_reigns, "EDGE-USDT")] == [
        (each["model_id"], each["until"]) for each in full
    ]


def test_the_history_of_a_coin_that_lost_its_champion_ends(two_reigns: Context) -> None:
    strict = replace(two_reigns)
    (two_reigns.paths.workspace / history(strict, "EDGE-USDT")[1]["model_path"] / "metrics.json").write_text("{}")
    roster.run(strict)
    assert history(strict, "EDGE-USDT")[-1]["until"] is not None
    seal(strict)


def test_the_command_lists_tells_and_rolls_back(two_reigns: Context, tmp_path: Path) -> None:
    settings = tmp_path / "huracan.yaml"
    settings.write_text(f"workspace: {two_reigns.paths.workspace}\n")
    first, second = history(two_reigns, "EDGE-USDT")
    two_reigns.store.close()

    def said(*words: str) -> Any:
        done = run_huracan("-c", str(settings), "champions", *words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    assert [row["symbol"] for row in said()["champions"]] == ["EDGE-USDT"]
    assert len(said("history", "edge-usdt")["reigns"]) == 2
    assert said("rollback", "EDGE-USDT") == {
        "symbol": "EDGE-USDT", "left": second["model_id"], "champion": first["model_id"]
    }  # fmt: skip
