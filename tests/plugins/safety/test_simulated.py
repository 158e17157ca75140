"""``huracan trades`` without a sub-command: the library's trades, and with ``--source`` those that were reported."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from huracan.cli.main import main
from huracan.store import Store, TradeFilter
from library_rows import fill_library
from plugins.safety.samples import as_csv, trades_of

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
