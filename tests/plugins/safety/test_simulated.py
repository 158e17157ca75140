"""``huracan trades`` without a sub-command: the library's trades, and with ``--source`` those that were reported."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from huracan.cli.main import main
from huracan.store import Store, TradeFilter
from library_rows import fill_library
from plugins.safety.samples import as_csv, as_row, lines, trades_of

Say = Callable[..., str]


@pytest.fixture
def store(workspace: Path) -> Any:
    with Store.open(f"sqlite:///{workspace / 'huracan.db'}", None) as opened:
        yield opened


@pytest.fixture
def say(tmp_path: Path, workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Say:
    file = tmp_path / "settings.yaml"
    file.write_text(f"workspace: {workspace}\nplugins: {{only: [safety]}}\n")
    monkeypatch.setenv("COLUMNS", "140")

    def run(*arguments: str, code: int = 0) -> str:
        assert main(["-c", str(file), "trades", *arguments]) == code
        shown = capsys.readouterr()
        return shown.out if code == 0 else shown.err

    return run


def test_the_newest_models_trades_are_listed_and_summed_up(store: Store, say: Say) -> None:
    ids = fill_library(store, 1000, coins=2)
    mine = list(store.library.trades.iterate(TradeFilter(models=ids[-2:])))
    text = say("--limit", "3")
    assert "the newest 3 of 400 trades of the newest model of each coin" in text
    assert f"400 trades, {sum(each.won for each in mine) / 400:.1%} won" in text
    for title in ("by coin", "by regime at entry", "by hour of entry, UTC"):
        assert title in text
    told = json.loads(say("--json", "--limit", "5"))
    newest = sorted(mine, key=lambda each: (-each.entered_ms, each.model_id))[:5]
    assert [each["id"] for each in told["trades"]] == [each.id for each in newest]
    assert told["total"]["trades"] == sum(each["trades"] for each in told["by_symbol"]) == 400
    assert sum(each["trades"] for each in told["by_regime"]) == sum(each["trades"] for each in told["by_hour"]) == 400


def test_filters_of_a_person_are_obeyed(store: Store, say: Say) -> None:
    ids = fill_library(store, 1000, coins=2)

    def total(*arguments: str) -> int:
        found = json.loads(say("--json", *arguments))["total"]
        return found["trades"] if found else 0

    assert total("--all") == 1000
    assert total("--model", ids[0]) == 200
    assert total("--symbol", "eth-usdt") == 200
    assert total("--won") + total("--lost") == total() == 400
    trades = store.library.trades
    mine = [each for each in trades.iterate() if "2023-12-01" <= f"{each.entered_at:%Y-%m-%d}" <= "2023-12-02"]
    assert total("--all", "--from", "2023-12-01", "--to", "2023-12-02") == len(mine) > 0
    assert total("--from", "2030-01-01") == 0
    assert "No trades of the newest model of each coin, from 2030-01-01." in say("--from", "2030-01-01")
    assert "`huracan models` lists" in say("--model", "NO-USDT/1", code=2)
    assert "there is no model of NO-USDT" in say("--symbol", "NO-USDT", code=2)


def test_a_model_whose_trades_are_forgotten_is_not_said_to_have_stayed_out(store: Store, say: Say) -> None:
    ids = fill_library(store, 400, coins=1)
    store.library.forget(ids[:1], trades_only=True)
    text = say("--model", ids[0])
    assert "trades are no longer kept" in text
    assert "stays out" not in text
    assert "stays out" in say("--model", ids[1], "--from", "2030-01-01")


WAYS = ("symbol", "model", "night", "day", "month", "weekday", "hour", "regime", "trend", "exit", "fold", "score")


@pytest.mark.parametrize("way", WAYS)
def test_trades_are_summed_up_by_what_is_asked_for(store: Store, say: Say, way: str) -> None:
    fill_library(store, 60, coins=2, trades_per_model=15, analysis=False)
    told = json.loads(say("--all", "--by", way, "--json"))
    assert "by_symbol" not in told or way == "symbol"
    groups = told[f"by_{way}"]
    assert sum(each["trades"] for each in groups) == told["total"]["trades"] == 60
    text = say("--all", "--by", way)
    assert (groups[0]["key"] in text) is True
    assert ("by regime at entry" in text) is (way == "regime")


def test_the_best_and_the_worst_trades_are_listed_where_they_are_asked_for(store: Store, say: Say) -> None:
    fill_library(store, 60, coins=1, trades_per_model=60, analysis=False)
    net = sorted(each.net_bps for each in store.library.trades.iterate())
    for order, wanted in (("worst", net[:3]), ("best", net[:-4:-1])):
        told = json.loads(say("--order", order, "--limit", "3", "--json"))
        assert [each["net_bps"] for each in told["trades"]] == wanted
        assert f"the {order} 3 of 60 trades" in say("--order", order, "--limit", "3")


@pytest.mark.parametrize("last", ["9999-12-31", "9999-12-30"])
def test_the_last_days_of_the_calendar_are_days(store: Store, say: Say, last: str) -> None:
    fill_library(store, 200, coins=1)
    assert json.loads(say("--json", "--from", "0001-01-01", "--to", last))["total"]["trades"] == 200


def test_what_was_reported_is_kept_apart(store: Store, say: Say, tmp_path: Path) -> None:
    fill_library(store, 10, coins=1)
    reported = trades_of([-100.0, 50.0])
    (tmp_path / "a.csv").write_bytes(as_csv(reported))
    say("record", str(tmp_path / "a.csv"))
    source = reported[0].source
    assert [each["net_pnl"] for each in json.loads(say("--source", source, "--json"))["trades"]] == [50.0, -100.0]
    assert [each["net_pnl"] for each in json.loads(say("--source", source, "--lost", "--json"))["trades"]] == [-100.0]
    assert json.loads(say("--source", source, "--from", "2030-01-01", "--json"))["trades"] == []
    assert len(json.loads(say("list", "--json"))["trades"]) == 2
    assert json.loads(say("--json"))["total"]["trades"] == 10
    assert "names no model" in say("--source", source, "--all", code=2)
    assert "listed newest first" in say("--source", source, "--order", "best", code=2)


def test_what_was_reported_is_summed_up_by_who_decided_and_when(say: Say, tmp_path: Path) -> None:
    reported = [replace(each, strategy=name) for each, name in zip(
        trades_of([-100.0, 50.0, 25.0]), ("meanrev", "", "meanrev"), strict=True)]  # fmt: skip
    rows = [as_row(each) | ({"strategy": each.strategy} if each.strategy else {}) for each in reported]
    (tmp_path / "a.jsonl").write_bytes(lines(*rows))
    say("record", str(tmp_path / "a.jsonl"))
    told = json.loads(say("list", "--by", "strategy", "--json"))
    assert [(each["key"], each["trades"], each["won"], each["net_pnl"]) for each in told["groups"]] == [
        ("", 1, 1, 50.0), ("meanrev", 2, 1, -75.0)
    ]  # fmt: skip
    text = say("--source", "live", "--by", "strategy")
    assert "not told" in text
    assert "-75.00" in text
    assert [each["net_pnl"] for each in json.loads(say("list", "--strategy", "meanrev", "--json"))["trades"]] == [
        25,
        -100,
    ]
    day = f"{reported[0].closed_at:%Y-%m-%d}"
    assert json.loads(say("list", "--by", "day", "--json"))["groups"][0]["key"] == day
    assert "No trade is stored" in say("list", "--by", "day", "--symbol", "NO-USDT")
    assert "not summed up by model" in say("--source", "live", "--by", "model", code=2)
    assert "not summed up by side" in say("--by", "side", code=2)
