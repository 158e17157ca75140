"""Trades are stored once, whole files at a time; breakers keep their history."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from huracan.store import BreakerEvent, Store, Trade, TradeConflictError

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
