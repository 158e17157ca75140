"""Trades are stored once, whole files at a time; breakers keep their history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from huracan.store import BreakerEvent, DailyPerformance, ReportedFilter, Signal, Store, Trade, TradeConflictError

NOW = datetime(2026, 11, 20, 12, 0, 0, 1000, tzinfo=UTC)
HOUR = timedelta(hours=1)
TRADE = Trade("a-1", "BTC-USDT", "long", NOW - HOUR, NOW, 0.1, 90_000.0, 89_000.5, 18.25, -118.25, 9_881.75, "live")


def trades(count: int) -> list[Trade]:
    return [replace(TRADE, id=f"t{number:05}", closed_at=NOW + number * HOUR) for number in range(count)]


def test_a_trade_comes_back_as_it_was_reported(store: Store) -> None:
    elsewhere = replace(TRADE, id="a-2", opened_at=TRADE.opened_at.astimezone(timezone(timedelta(hours=9))))
    assert store.trades.record([TRADE, elsewhere], NOW) == 2
    assert store.trades.newest(10) == [elsewhere, TRADE]
    assert store.trades.newest(10)[0].opened_at.tzinfo is UTC


def test_recording_again_changes_nothing(store: Store) -> None:
    many = trades(1200)
    assert store.trades.record(many, NOW) == 1200
    assert store.trades.record(many[::-1], NOW) == 0
    assert store.trades.record([*many, TRADE, TRADE], NOW) == 1
    assert len(store.trades.newest(10_000)) == 1201


@pytest.mark.parametrize("changed", [{"net_pnl": 1.0}, {"source": "paper"}, {"closed_at": NOW + HOUR}])
def test_a_trade_with_other_values_is_refused_and_nothing_of_its_file_is_stored(
    store: Store, changed: dict[str, object]
) -> None:
    store.trades.record([TRADE], NOW)
    other = replace(TRADE, **changed)  # type: ignore[arg-type]
    with pytest.raises(TradeConflictError, match="stored already with other values: a-1"):
        store.trades.record([*trades(700), other], NOW)
    with pytest.raises(TradeConflictError):
        store.trades.record([replace(TRADE, id="new"), replace(other, id="new")], NOW)
    assert store.trades.newest(10) == [TRADE]


def test_the_newest_come_by_time_then_id_whatever_the_order_of_arrival(store: Store) -> None:
    several = [*trades(5), replace(TRADE, id="B", closed_at=NOW), replace(TRADE, id="a", closed_at=NOW)]
    for each in reversed(several):
        store.trades.record([each], NOW)
    found = store.trades.newest(100)
    assert found == sorted(several, key=lambda each: (each.closed_at, each.id), reverse=True)
    assert store.trades.newest(2) == found[:2]


def test_trades_are_found_by_time_source_and_pair(store: Store) -> None:
    paper = replace(TRADE, id="p", source="paper", symbol="ETH-USDT", closed_at=NOW + 2 * HOUR)
    store.trades.record([*trades(4), paper], NOW)
    assert [each.id for each in store.trades.closed_since(NOW + HOUR, "live")] == ["t00001", "t00002", "t00003"]
    assert store.trades.closed_since(NOW, "paper") == [paper]
    assert store.trades.newest(10, source="paper") == store.trades.newest(10, symbol="ETH-USDT") == [paper]
    assert store.trades.closed_since(NOW + 10 * HOUR, "live") == []


def busy(count: int = 90) -> list[Trade]:
    """Trades of three weeks, some of which closed at one instant, by two strategies, three pairs and two sources."""
    found, equity = [], {"live": 10_000.0, "paper": 5_000.0}
    for number in range(count):
        closed = NOW + number // 2 * 11 * HOUR
        source, pnl = ("paper" if number % 5 == 0 else "live"), (-7.0 if number % 3 else 12.5)
        equity[source] += pnl
        found.append(
            replace(
                TRADE, id=f"{'Bab'[number % 3]}{number}", closed_at=closed, opened_at=closed - number % 4 * HOUR,
                symbol=("BTC-USDT", "ETH-USDT", "XRP-USDT")[number % 3], net_pnl=pnl, equity_after=equity[source],
                source=source, strategy=("", "meanrev")[number % 2], side=("long", "short")[number % 4 // 3],
            )
        )  # fmt: skip
    return found


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_pages_of_any_size_hold_every_trade_once_in_order(store: Store, size: int) -> None:
    store.trades.record(busy(), NOW)
    pages = list(store.trades.pages(size=size))
    assert [each for page in pages for each in page] == sorted(busy(), key=lambda each: (each.closed_at, each.id))
    assert max(len(page) for page in pages) <= size
    assert list(store.trades.pages(ReportedFilter(source="simulated"))) == []


@pytest.mark.parametrize(
    ("question", "key"),
    [
        ("by_source", lambda each: each.source),
        ("by_symbol", lambda each: each.symbol),
        ("by_strategy", lambda each: each.strategy),
        ("by_side", lambda each: each.side),
        ("by_day", lambda each: f"{each.closed_at:%Y-%m-%d}"),
        ("by_month", lambda each: f"{each.closed_at:%Y-%m}"),
        ("by_weekday", lambda each: str(each.opened_at.isoweekday())),
        ("by_hour", lambda each: f"{each.opened_at:%H}"),
    ],
)
def test_sums_are_those_that_counting_by_hand_finds(store: Store, question: str, key: Callable[[Trade], str]) -> None:
    store.trades.record(busy(), NOW)
    assert getattr(store.trades, question)(ReportedFilter(symbol="NO-USDT")) == []
    which = ReportedFilter(source="live", closed_since=NOW + 2 * HOUR, closed_before=NOW + 300 * HOUR)
    trades = [each for each in busy() if each.source == "live" and NOW + 2 * HOUR <= each.closed_at < NOW + 300 * HOUR]
    sums = getattr(store.trades, question)(which)
    counted = Counter(key(each) for each in trades)
    assert {each.key: each.trades for each in sums} == counted
    assert [each.key for each in sums] == sorted(counted)
    for each in sums:
        mine = [trade for trade in trades if key(trade) == each.key]
        assert each.won == sum(trade.net_pnl > 0 for trade in mine)
        assert each.net_pnl == pytest.approx(sum(trade.net_pnl for trade in mine))
        assert each.fees == pytest.approx(sum(trade.fees for trade in mine))
        assert each.volume == pytest.approx(sum(trade.quantity * trade.entry for trade in mine))


def test_the_newest_that_are_meant_are_found_by_the_database(store: Store) -> None:
    store.trades.record(busy(), NOW)
    newest = sorted(busy(), key=lambda each: (each.closed_at, each.id), reverse=True)
    cases: list[tuple[ReportedFilter, Callable[[Trade], bool]]] = [
        (ReportedFilter(strategy="meanrev"), lambda each: each.strategy == "meanrev"),
        (ReportedFilter(won=True), lambda each: each.net_pnl > 0),
        (ReportedFilter(won=False, symbol="ETH-USDT"), lambda each: each.net_pnl <= 0 and each.symbol == "ETH-USDT"),
        (ReportedFilter(opened_since=NOW, opened_before=NOW + HOUR), lambda each: NOW <= each.opened_at < NOW + HOUR),
    ]
    for which, wanted in cases:
        assert store.trades.newest_of(3, which) == [each for each in newest if wanted(each)][:3]


def test_each_day_of_an_account_is_the_sum_of_its_trades_however_they_arrive(store: Store) -> None:
    for start in range(0, 90, 7):
        store.trades.record(busy()[start : start + 7][::-1], NOW)
    store.trades.record(busy(), NOW)
    found = store.daily_performance.between(date(2026, 11, 1), date(2027, 1, 31))
    days = {(each.closed_at.date(), each.source) for each in busy()}
    assert [(each.day, each.source) for each in found] == sorted(days)
    for each in found:
        mine = [t for t in busy() if (t.closed_at.date(), t.source) == (each.day, each.source)]
        mine.sort(key=lambda trade: (trade.closed_at, trade.id))
        assert (each.trades, each.won) == (len(mine), sum(trade.net_pnl > 0 for trade in mine))
        assert each.net_pnl == pytest.approx(sum(trade.net_pnl for trade in mine))
        assert each.equity == mine[-1].equity_after
    assert store.daily_performance.between(found[3].day, found[3].day, "live") == [
        each for each in found if (each.day, each.source) == (found[3].day, "live")
    ]


def test_the_fall_of_a_day_counts_from_its_highest_equity(store: Store) -> None:
    results = [(100.0, 1100.0), (-220.0, 880.0), (50.0, 930.0)]
    store.trades.record(
        [
            replace(
                TRADE, id=str(i), closed_at=NOW + i * HOUR, net_pnl=pnl, equity_after=equity, quantity=1.0, entry=9.0
            )
            for i, (pnl, equity) in enumerate(results)
        ],
        NOW,
    )
    (day,) = store.daily_performance.between(NOW.date(), NOW.date())
    assert day.max_drawdown == pytest.approx(0.2)
    assert replace(day, max_drawdown=0.2) == DailyPerformance(NOW.date(), "live", 3, 2, -70.0, 54.75, 27.0, 930.0, 0.2)


SIGNAL = Signal("m/1", NOW, "BTC-USDT", "lightgbm", "nightly", "buy", 0.61, 0.55, 90_000.0, "nightly-2026-11-20-1")


def test_signals_come_back_and_are_replaced_by_their_id(store: Store) -> None:
    other = replace(SIGNAL, id="m/2", symbol="ETH-USDT", action="none", threshold=None, run_id=None)
    store.signals.record([SIGNAL, other])
    store.signals.record([replace(SIGNAL, score=0.62)])
    assert store.signals.latest() == [replace(SIGNAL, score=0.62), other]
    store.signals.record([])
    assert [len(page) for page in store.signals.pages(NOW, NOW + HOUR)] == [2]


def test_the_latest_signal_of_a_pair_is_found_among_many(store: Store) -> None:
    many = [
        replace(SIGNAL, id=f"{'Bab'[i % 3]}{i}", time=NOW + i // 2 * HOUR, symbol=("BTC-USDT", "ETH-USDT")[i % 2],
                source=("nightly", "bridge")[i // 30])
        for i in range(60)
    ]  # fmt: skip
    store.signals.record(many)
    assert [each.id for each in store.signals.latest()] == [many[58].id, many[59].id]
    assert [each.id for each in store.signals.latest("ETH-USDT", "nightly")] == [many[29].id]
    for size in (1, 7, 100):
        found = [each for page in store.signals.pages(NOW + HOUR, NOW + 20 * HOUR, size=size) for each in page]
        assert found == sorted(many[2:40], key=lambda each: (each.time, each.id))
    mine = [each for page in store.signals.pages(NOW, NOW + 99 * HOUR, "BTC-USDT", "bridge") for each in page]
    assert mine == many[30::2]


def test_the_history_says_what_stands(store: Store) -> None:
    tripped = BreakerEvent(NOW, "drawdown", True, "stopped", 3.5, 3.0, "down 3.50 %")
    killed = BreakerEvent(NOW, "kill", True, "stopped", None, None, "hacked", "ada")
    released = replace(tripped, time=NOW + HOUR, tripped=False, mode="normal", value=0.0)
    store.breakers.add(tripped)
    store.breakers.add(killed)
    assert store.breakers.standing() == {"drawdown": tripped, "kill": killed}
    store.breakers.add(released)
    assert store.breakers.standing() == {"kill": killed}
    assert store.breakers.recent(2) == [released, killed]
