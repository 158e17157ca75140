"""``huracan trades`` and ``huracan trading`` as a person types them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from forked import run_huracan
from huracan.alerts.trading import tell_changes
from huracan.testing import make_context
from huracan_safety.evaluate import evaluate
from huracan_safety.volatility import Market
from plugins.safety.samples import as_csv, as_row, lines, trades_of

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def huracan(tmp_path: Path, workspace: Path) -> Run:
    file = tmp_path / "settings.yaml"
    file.write_text(f"workspace: {workspace}\nplugins: {{only: [safety]}}\nsafety: {{volatility_unknown: normal}}\n")

    def run(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
        return run_huracan("-c", str(file), *arguments, env=clean, text=text, cwd=tmp_path, timeout=60)

    return run


def listed(huracan: Run, *more: str) -> list[dict[str, Any]]:
    trades: list[dict[str, Any]] = json.loads(huracan("trades", "list", "--json", *more).stdout)["trades"]
    return trades


TRADES = trades_of([-100.0, 50.0, -25.5], last=datetime(2026, 11, 20, 12, tzinfo=UTC))


def test_trades_are_recorded_from_files_and_standard_input_once(huracan: Run, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(as_csv(TRADES[:2]))
    done = huracan("trades", "record", "a.csv", "-", text=lines(*map(as_row, TRADES)).decode())
    assert (done.returncode, done.stdout) == (0, "a.csv: 2 trades, 2 new\n-: 3 trades, 1 new\n"), done.stderr
    assert [each["net_pnl"] for each in listed(huracan)] == [-25.5, 50.0, -100.0]
    newest = listed(huracan, "--limit", "1")[0]
    assert newest.pop("recorded_at") > "2026-11-20T12:00"
    assert newest == {
        **as_row(TRADES[2]), "opened_at": "2026-11-20T11:00:00.000Z", "closed_at": "2026-11-20T12:00:00.000Z",
        "strategy": "",
    }  # fmt: skip
    table = huracan("trades", "list", "--symbol", "BTC-USDT", "--source", "live").stdout
    assert [word in table for word in ("-25.50", "+50.00", "9,924.50", "2026-11-20 12:00Z")] == [True] * 4
    assert listed(huracan, "--symbol", "ETH-USDT") == []
    assert "No trade is stored" in huracan("trades", "list", "--source", "paper").stdout


def test_a_bad_file_is_named_by_line_and_nothing_of_it_is_stored(huracan: Run) -> None:
    rows = lines(as_row(TRADES[0]), {**as_row(TRADES[1]), "quantity": -1}, {})
    done = huracan("trades", "record", "-", text=rows.decode())
    assert done.returncode == 3
    assert done.stderr.splitlines()[0] == "huracan: -:2: quantity: input should be greater than 0"
    assert done.stderr.splitlines()[1].startswith("huracan: -:3: has no id, symbol")
    assert done.stderr.splitlines()[2] == "huracan: nothing of this file was stored"
    assert listed(huracan) == []
    missing = huracan("trades", "record", "nosuch.csv")
    assert (missing.returncode, missing.stderr) == (
        2, "huracan: nosuch.csv: cannot be read: No such file or directory\n",
    )  # fmt: skip


def test_a_trade_with_other_values_is_refused(huracan: Run) -> None:
    assert huracan("trades", "record", "-", text=lines(as_row(TRADES[0])).decode()).returncode == 0
    done = huracan("trades", "record", "-", text=lines({**as_row(TRADES[0]), "fees": 9.0}).decode())
    assert done.returncode == 3
    assert "-: stored already with other values: t0000" in done.stderr


def test_trading_shows_what_the_trading_process_reads(huracan: Run, workspace: Path) -> None:
    fresh = huracan("trading")
    assert fresh.stdout.startswith("trading is stopped, size 0, no new positions")
    assert "trading.json is missing or damaged" in fresh.stdout
    assert not workspace.exists(), "looking makes nothing"
    context = make_context(workspace, {"safety": {"volatility_unknown": "normal"}}, plugins=("safety",))
    with context.store as store:
        store.trades.record(trades_of([-1.0] * 3, last=context.clock.now()), context.clock.now())
        evaluate(context, Market())
        tell_changes(context)
    shown = huracan("trading").stdout
    assert shown.startswith("trading is reduced, size 0.5, new positions allowed")
    assert "3 losses in a row" in shown
    document = json.loads(huracan("trading", "--json").stdout)
    assert (document["mode"], document["breakers"]["streak"]["tripped"]) == ("reduced", True)
    assert [row["breaker"] for row in document["history"]] == ["streak"]
    assert huracan("pause", "moving house").returncode == 0
    assert "the schedule is paused by" in huracan("trading").stdout
