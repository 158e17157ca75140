"""The library keeps what nights did, streams it in one order everywhere, and is written again without doubles."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from huracan.store import PostExit, SimulatedTrade, Store, TradeFilter, TradeGroup, UnfinishedExit
from huracan.store.library_trades import SimulatedTrades
from library_rows import fill_library, made_models

Key = Callable[[SimulatedTrade], str]


def whole(store: Store) -> list[SimulatedTrade]:
    return list(store.library.trades.iterate())


def test_what_a_night_recorded_comes_back_as_it_was(store: Store) -> None:
    recorded = list(made_models(450, coins=2))
    for each in recorded:
        store.library.record_model(each.model, each.performance, each.trades, each.patterns, each.tested)
    library = store.library
    assert {each.model_id: each for each in library.models()} == {each.model.model_id: each.model for each in recorded}
    assert library.performance() == [each.performance for each in recorded]
    assert whole(store) == sorted(
        (trade for each in recorded for trade in each.trades), key=lambda trade: (trade.model_id, trade.number)
    )
    found = library.patterns(recorded[0].model.model_id)
    assert found == list(zip(recorded[0].patterns, recorded[0].tested, strict=True))
    assert library.digests(recorded[0].model.run_date) == {
        each.model.model_id: each.model.sha256 for each in recorded if each.model.run_date == recorded[0].model.run_date
    }


def test_recording_a_model_again_replaces_its_rows_and_no_others(store: Store) -> None:
    ids = fill_library(store, 600, coins=3)
    other = store.library.models("ETH-USDT")
    again = next(each for each in made_models(600, coins=3) if each.model.model_id == ids[0])
    fewer = replace(again.model, sha256="f" * 64, trades=3)
    store.library.record_model(fewer, again.performance, again.trades[:3])
    assert store.library.trades.count(TradeFilter(model_id=ids[0])) == 3
    assert store.library.trades.count() == 403
    assert store.library.model(ids[0]) == fewer
    assert not store.library.wins(ids[0])
    assert not store.library.patterns(ids[0])
    assert {each.model_id for each in store.library.post_exits()} == set(ids[1:])
    assert store.library.models("ETH-USDT") == other


def test_a_model_that_cannot_be_stored_whole_leaves_what_was_there(store: Store) -> None:
    ids = fill_library(store, 200, coins=1)
    before = whole(store)
    made = next(made_models(200, coins=1))
    twice = [*made.trades, made.trades[0]]
    with pytest.raises(Exception, match=r"UNIQUE|unique|duplicate"):
        store.library.record_model(replace(made.model, threshold=0.9), made.performance, twice)
    assert whole(store) == before
    assert store.library.models()[0].model_id == ids[0]
    assert store.library.models()[0].threshold == 0.55


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_pages_of_any_size_hold_every_trade_once_in_order(store: Store, size: int) -> None:
    fill_library(store, 130, coins=3, trades_per_model=50, analysis=False)
    pages = list(store.library.trades.pages(size=size))
    keys = [(row[0], row[1]) for page in pages for row in page]
    assert keys == sorted(set(keys))
    assert len(keys) == 130
    assert max(len(page) for page in pages) <= size
    assert list(store.library.trades.iterate(size=size)) == whole(store)


def test_an_empty_library_answers_every_question(store: Store) -> None:
    library = store.library
    streams = [whole(store), list(library.post_exits()), list(library.trades.steps())]
    assert streams == [[]] * 3
    assert library.trades.total() is None
    empty = [library.models(), library.days(), library.wins(), library.features(), library.deltas()]
    assert empty == [[]] * len(empty)
    assert library.trades.by_symbol() == library.trades.by_month() == library.trades.by_score_bucket() == []


def regime(trade: SimulatedTrade) -> str:
    return f"{trade.market_regime}/{trade.volatility_regime}"


@pytest.mark.parametrize(
    ("question", "key"),
    [
        ("by_symbol", lambda each: each.symbol),
        ("by_model", lambda each: each.model_id),
        ("by_run_date", lambda each: each.run_date.isoformat()),
        ("by_day", lambda each: f"{each.exited_at:%Y-%m-%d}"),
        ("by_month", lambda each: f"{each.exited_at:%Y-%m}"),
        ("by_hour", lambda each: f"{each.entered_at:%H}"),
        ("by_weekday", lambda each: str(each.entered_at.isoweekday())),
        ("by_regime", regime),
        ("by_trend", lambda each: each.trend),
        ("by_exit_reason", lambda each: each.exit_reason),
        ("by_fold", lambda each: str(each.fold)),
        ("by_score_bucket", lambda each: f"{math.floor(each.score * 20) / 20:.2f}"),
    ],
)
def test_groups_are_those_that_counting_by_hand_finds(store: Store, question: str, key: Key) -> None:
    fill_library(store, 500, coins=3, trades_per_model=60, analysis=False)
    trades = whole(store)
    groups: list[TradeGroup] = getattr(store.library.trades, question)()
    counted = Counter(key(each) for each in trades)
    assert [each.key for each in groups] == sorted(counted)
    for group in groups:
        mine = [each for each in trades if key(each) == group.key]
        assert group.trades == len(mine)
        assert group.won == sum(each.won for each in mine)
        assert group.hit_rate == pytest.approx(sum(each.won for each in mine) / len(mine))
        assert group.net_bps == pytest.approx(sum(each.net_bps for each in mine) / len(mine))
        assert group.equity_bps == pytest.approx(sum(each.stake * each.net_bps for each in mine))
        assert group.bars_held == pytest.approx(sum(each.bars_held for each in mine) / len(mine))
        assert group.mae_bps == pytest.approx(sum(each.mae_bps for each in mine) / len(mine))


@pytest.mark.parametrize(
    ("which", "wanted"),
    [
        (TradeFilter(symbol="ETH-USDT"), lambda each: each.symbol == "ETH-USDT"),
        (TradeFilter(run_date=date(2023, 12, 29)), lambda each: each.run_date == date(2023, 12, 29)),
        (TradeFilter(won=True), lambda each: each.won),
        (TradeFilter(won=False, symbol="BTC-USDT"), lambda each: not each.won and each.symbol == "BTC-USDT"),
        (TradeFilter(models=()), lambda each: False),
        (
            TradeFilter(since=datetime(2023, 12, 20, tzinfo=UTC), until=datetime(2023, 12, 26, 2, tzinfo=UTC)),
            lambda each: datetime(2023, 12, 20, tzinfo=UTC) <= each.entered_at < datetime(2023, 12, 26, 2, tzinfo=UTC),
        ),
    ],
)
def test_filters_find_what_was_asked_for(store: Store, which: TradeFilter, wanted: Any) -> None:
    fill_library(store, 300, coins=3, trades_per_model=50, analysis=False)
    trades: SimulatedTrades = store.library.trades
    mine = [each for each in whole(store) if wanted(each)]
    assert list(trades.iterate(which)) == mine
    assert trades.count(which) == len(mine)
    total = trades.total(which)
    assert (total.trades if total else 0) == len(mine)
    newest = trades.newest(5, which)
    assert [each.entered_ms for each in newest] == sorted((each.entered_ms for each in mine), reverse=True)[:5]
    assert [each.net_bps for each in trades.extremes(3, which)] == sorted((e.net_bps for e in mine), reverse=True)[:3]
    assert [each.net_bps for each in trades.extremes(3, which, worst=True)] == sorted(e.net_bps for e in mine)[:3]


def test_the_life_of_a_trade_is_a_decision_an_entry_and_an_exit(store: Store) -> None:
    fill_library(store, 40, coins=2, trades_per_model=20, analysis=False)
    trades = whole(store)
    steps = list(store.library.trades.steps(size=7))
    assert [each.step for each in steps] == ["decision", "entry", "exit"] * 40
    assert [(each.model_id, each.number) for each in steps[::3]] == [(each.model_id, each.number) for each in trades]
    decision, entry, leave = steps[:3]
    assert (decision.value, decision.detail) == (trades[0].score, regime(trades[0]))
    assert (entry.time_ms, entry.value) == (trades[0].entered_ms, trades[0].entry)
    assert float(entry.detail) == pytest.approx(trades[0].stake)
    assert (leave.time_ms, leave.value, leave.detail) == (trades[0].exited_ms, trades[0].exit, trades[0].exit_reason)


def test_what_came_after_an_exit_is_completed_by_later_nights(store: Store) -> None:
    made = next(made_models(3, coins=1))
    store.library.record_model(made.model, made.performance, made.trades)
    awaited = store.library.unfinished_exits("BTC-USDT")
    assert awaited == [
        UnfinishedExit(each.model_id, each.number, each.exited_ms, each.exit, "1h") for each in made.trades
    ]
    first, second, _ = (
        PostExit(each.model_id, each.number, each.symbol, each.exited_ms, 1.0, None, None, 2.0, -1.0, False)
        for each in made.trades
    )
    store.library.record_exits([replace(first, after_4_bps=3.0, after_24_bps=9.0, complete=True), second])
    assert [each.number for each in store.library.unfinished_exits("BTC-USDT")] == [2, 3]
    store.library.record_exits([replace(second, complete=True)])
    assert [each.number for each in store.library.unfinished_exits("BTC-USDT")] == [3]
    assert [(each.number, each.complete) for each in store.library.post_exits(size=1)] == [(1, True), (2, True)]


def test_each_exit_is_awaited_by_the_bars_of_its_own_model(store: Store) -> None:
    old, new = made_models(2, coins=1, trades_per_model=1)
    for made, timeframe in ((old, "4h"), (new, "1h")):
        store.library.record_model(replace(made.model, timeframe=timeframe), made.performance, made.trades)
    assert [each.timeframe for each in store.library.unfinished_exits("BTC-USDT")] == ["4h", "1h"]


def test_a_trade_of_which_no_model_tells_contributions_comes_back_without_any(store: Store) -> None:
    (made,) = made_models(3, coins=1)
    trades = [replace(made.trades[0], contributions=None), *made.trades[1:]]
    store.library.record_model(made.model, made.performance, trades)
    assert whole(store) == trades
    as_text = [json.loads(row[-1]) if row[-1] else None for row in next(store.library.trades.text_pages())]
    assert as_text == [None, *(each.contributions for each in trades[1:])]


def test_forgetting_the_trades_of_a_model_leaves_the_model(store: Store) -> None:
    ids = fill_library(store, 400, coins=2)
    night = date(2023, 12, 30)
    assert store.library.forgotten(night, night) == store.library.without_features(night, night) == []
    store.library.forget(ids[:1], trades_only=True)
    assert store.library.forgotten(night, night) == store.library.without_features(night, night) == ids[:1]
    assert store.library.forgotten(night, night, "ETH-USDT") == []
    assert store.library.forgotten(night - timedelta(days=9), night - timedelta(days=1)) == []
    assert store.library.trades.count() == 200
    assert store.library.model(ids[0]) is not None
    assert store.library.wins(ids[0]) != []
    store.library.forget(ids)
    left = [store.library.models(), whole(store), store.library.features(), store.library.deltas()]
    assert left == [[]] * 4


def test_models_and_nights_are_listed_newest_models_first(store: Store) -> None:
    fill_library(store, 30, coins=2, trades_per_model=5)
    newest = store.library.latest_models()
    assert [(each.symbol, each.run_date) for each in newest] == [
        ("BTC-USDT", date(2023, 12, 30)), ("ETH-USDT", date(2023, 12, 30))
    ]  # fmt: skip
    dates = [each.run_date for each in store.library.models("BTC-USDT")]
    assert dates == [date(2023, 12, 30) - timedelta(days=back) for back in range(3)]
    assert [each.run_date for each in store.library.days(date(2023, 12, 29))] == dates[1::-1]
