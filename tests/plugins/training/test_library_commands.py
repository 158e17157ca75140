"""``huracan models`` and ``huracan compare``: what they show is what the library holds, and luck is called luck."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from huracan.cli.main import main
from huracan.errors import UsageError
from huracan.paths import Paths, write_json
from huracan.store import LibraryModel, SimulatedTrade, Store
from huracan_training.comparing import Side, compare, resolve
from library_rows import fill_library, made_models

Say = Callable[..., str]
DAY_MS = 86_400_000


@pytest.fixture
def store(workspace: Path) -> Any:
    with Store.open(f"sqlite:///{workspace / 'huracan.db'}", None) as opened:
        yield opened


@pytest.fixture
def say(tmp_path: Path, workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Say:
    """Run a command as a person types it, and return what it prints."""
    file = tmp_path / "settings.yaml"
    file.write_text(f"workspace: {workspace}\nplugins: {{only: [training]}}\n")
    monkeypatch.setenv("COLUMNS", "140")

    def run(*arguments: str, code: int = 0) -> str:
        assert main(["-c", str(file), *arguments]) == code
        shown = capsys.readouterr()
        return shown.out if code == 0 else shown.err

    return run


def test_models_are_listed_newest_first_with_the_champion_marked(store: Store, workspace: Path, say: Say) -> None:
    ids = fill_library(store, 600, coins=2)
    write_json(Paths(workspace).champion("ETH-USDT"), {"model_id": ids[1]})
    text = say("models")
    rows = [line.split()[0] for line in text.splitlines() if "/2023" in line]
    assert rows == [ids[2], ids[0], ids[1]]
    assert f"{ids[1]} *" in text
    assert text.count("SDT/20231229_020000Z *") == 1
    assert "3 models of 2 coins" in text
    told = json.loads(say("models", "--json", "--symbol", "eth-usdt"))
    assert [(each["model_id"], each["champion"]) for each in told["models"]] == [(ids[1], True)]
    assert told["models"][0]["measures"]["sharpe"] == store.library.performance("ETH-USDT")[0].sharpe
    assert "1 older ones are not shown" in say("models", "--limit", "2")
    assert "'-3' is not a whole number of at least 1" in say("models", "--limit", "-3", code=2)


def test_a_model_is_told_with_drivers_rules_and_changes(store: Store, say: Say) -> None:
    model = fill_library(store, 200, coins=1)[0]
    text = say("models", model)
    titles = ["What winners had that losers had not", "Rules found before each fold", "What differs from"]
    for words in (*titles, "mfe_bps", "gbdt", "dart", "rules held out of sample beyond chance"):
        assert words in text
    told = json.loads(say("models", model, "--json"))
    assert len(told["patterns"]) == 6
    assert told["wins"][0]["driver"] == "mfe_bps"
    assert "`huracan models` lists" in say("models", "NO-USDT/1", code=2)


def test_an_empty_library_says_what_fills_it(store: Store, say: Say) -> None:
    assert "`huracan run nightly`" in say("models")
    assert "the library knows no 'BTC-USDT'" in say("compare", "BTC-USDT", "ETH-USDT", code=2)


def series(store: Store, symbol: str, gains: np.ndarray, first: date = date(2023, 1, 1)) -> Side:
    """Record a model that made one trade a day, which earned ``gains``, as fractions with the whole equity."""
    made = next(made_models(1, coins=1))
    start = datetime(first.year, first.month, first.day).astimezone(made.model.as_of.tzinfo).replace(hour=0)
    model: LibraryModel = replace(
        made.model, model_id=f"{symbol}/1", symbol=symbol, tested_from=start, trades=len(gains),
        tested_until=start + timedelta(days=len(gains), seconds=-1),
    )  # fmt: skip
    at = round(start.timestamp() * 1000)
    trades: list[SimulatedTrade] = [
        replace(
            made.trades[0], model_id=model.model_id, symbol=symbol, number=i + 1, stake=1.0, net_bps=gain * 1e4,
            won=gain > 0, entered_ms=at + i * DAY_MS, exited_ms=at + i * DAY_MS + 3_600_000,
        )
        for i, gain in enumerate(gains)
    ]  # fmt: skip
    store.library.record_model(model, replace(made.performance, model_id=model.model_id, symbol=symbol), trades)
    return Side(symbol, (model,))


def test_a_real_difference_is_more_than_luck_and_noise_is_not(store: Store) -> None:
    random = np.random.default_rng(8)
    noise = random.normal(0.0, 0.01, (3, 250))
    a, b, c = (series(store, name, each) for name, each in zip(
        ("AAA-USDT", "BBB-USDT", "CCC-USDT"), (noise[0] + 0.004, noise[1], noise[2]), strict=True))  # fmt: skip
    found = compare(store, a, b)
    assert found.more_than_luck
    assert found.sentence.startswith("AAA-USDT earned more than BBB-USDT, and by more than luck")
    assert found.difference == pytest.approx(float(np.mean(noise[0] + 0.004 - noise[1])))
    assert found.low is not None
    assert found.low > 0
    back = compare(store, b, a)
    assert (back.difference, back.p_newey_west) == pytest.approx((-found.difference, found.p_newey_west))
    assert back.sentence == found.sentence
    luck = compare(store, b, c)
    assert not luck.more_than_luck
    assert "no more than luck would show" in luck.sentence


def test_noise_is_called_skill_hardly_more_often_than_promised(store: Store) -> None:
    random = np.random.default_rng(1)
    called = 0
    for _ in range(30):
        a, b = (series(store, name, random.normal(0, 0.01, 120)) for name in ("AAA-USDT", "BBB-USDT"))
        called += compare(store, a, b).more_than_luck
    assert called <= 4


def test_few_days_of_noise_are_not_called_skill(store: Store) -> None:
    random = np.random.default_rng(2)
    called = 0
    flat = series(store, "BBB-USDT", np.zeros(20))
    for _ in range(60):
        called += compare(store, series(store, "AAA-USDT", random.normal(0, 0.01, 20)), flat).more_than_luck
    assert called <= 6, "5 % of 60 are 3"


def test_a_model_whose_trades_are_forgotten_is_refused_and_does_not_look_as_if_it_earned_nothing(store: Store) -> None:
    new, old = (series(store, name, np.full(60, 0.01) + np.random.default_rng(1).normal(0, 0.002, 60))
                for name in ("AAA-USDT", "BBB-USDT"))  # fmt: skip
    store.library.forget([old.models[0].model_id], trades_only=True)
    with pytest.raises(UsageError, match=r"trades of BBB-USDT/.* are no longer in the library"):
        compare(store, new, old)


def test_only_days_on_which_both_were_tested_count(store: Store) -> None:
    gains = np.full(60, 0.001)
    a = series(store, "AAA-USDT", gains)
    b = series(store, "BBB-USDT", gains * 2, date(2023, 2, 1))
    found = compare(store, a, b)
    assert (found.first, found.last, found.days) == (date(2023, 2, 1), date(2023, 3, 1), 29)
    assert (found.a.trades, found.b.trades) == (29, 29)
    assert found.a.net_pnl == pytest.approx(1.001**29 - 1)
    with pytest.raises(UsageError, match="never tested on the same day"):
        compare(store, a, series(store, "CCC-USDT", gains, date(2023, 9, 1)))
    few = compare(store, a, series(store, "DDD-USDT", gains, date(2023, 2, 25)))
    assert "too few to tell" in few.sentence
    assert few.p_bootstrap is None
    same = compare(store, a, a)
    assert (same.difference, same.more_than_luck) == (0.0, False)
    assert "the same on every day" in same.sentence


def test_a_side_may_be_a_model_a_coin_or_a_night(store: Store, say: Say) -> None:
    ids = fill_library(store, 1200, coins=3)
    assert [each.model_id for each in resolve(store, ids[0]).models] == [ids[0]]
    assert [each.model_id for each in resolve(store, "btc-usdt").models] == [ids[3]]
    assert {each.model_id for each in resolve(store, "2023-12-29").models} == set(ids[:3])
    text = say("compare", "2023-12-29", "2023-12-30")
    assert "common days" in text
    assert "p-value" in text
    told = json.loads(say("compare", ids[0], "ETH-USDT", "--json"))
    assert told["a"]["trades"] > 50
    assert told["sentence"] in " ".join(say("compare", ids[0], "ETH-USDT").split())
    for wrong in ("NO-USDT", "NO-USDT/1", "2020-01-01"):
        assert "huracan" in say("compare", wrong, ids[0], code=2)
