"""Selections: a past one can be explained, and one in force at an instant found."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from huracan.errors import StoreError
from huracan.store import Store, UniverseDecision

NOW = datetime(2023, 12, 30, 2, tzinfo=UTC)
DAY = date(2023, 12, 30)
ONE = timedelta(days=1)
DECISIONS = (
    UniverseDecision("SOL-USDT", True, 2, 0.5, (), {"quote_volume_24h": 3.5e6, "kind": "spot"}),
    UniverseDecision("usdc-USDT", False, None, None, (("stable", "moves with the dollar"), ("young", "9 days old"))),
    UniverseDecision("BTC-USDT", True, 1, 0.9),
    UniverseDecision("ZEC-USDT", False, None, 0.1, (("volume", "0.4 M is under 1 M"),)),
)


def save(store: Store, day: date, as_of: datetime, decisions: tuple[UniverseDecision, ...] = DECISIONS) -> None:
    store.universe.save(f"nightly-{day:%Y%m%d}-1", day, as_of, "files", {"top": 20, "quotes": ["USDT"]}, decisions)


def test_a_selection_comes_back_ranked_first_then_by_name_with_every_reason(store: Store) -> None:
    save(store, DAY, NOW)
    selection = store.universe.load(DAY)
    assert selection is not None
    assert (selection.run_id, selection.run_date, selection.as_of) == ("nightly-20231230-1", DAY, NOW)
    assert (selection.exchange, selection.criteria) == ("files", {"top": 20, "quotes": ["USDT"]})
    by_symbol = {each.symbol: each for each in DECISIONS}
    wanted = ["BTC-USDT", "SOL-USDT", "ZEC-USDT", "usdc-USDT"]
    assert selection.decisions == tuple(by_symbol[symbol] for symbol in wanted)


def test_saving_again_replaces_that_date_alone(store: Store) -> None:
    save(store, DAY - ONE, NOW - ONE)
    save(store, DAY, NOW)
    save(store, DAY, NOW, DECISIONS[:1])
    today, before = store.universe.load(DAY), store.universe.load(DAY - ONE)
    assert today is not None
    assert before is not None
    assert (len(today.decisions), len(before.decisions)) == (1, 4)


def test_a_selection_of_nothing_is_a_selection(store: Store) -> None:
    save(store, DAY, NOW, ())
    selection = store.universe.latest()
    assert selection is not None
    assert selection.decisions == ()


def test_the_selection_in_force_at_an_instant_is_found(store: Store) -> None:
    assert store.universe.latest() is None
    for days in (0, 2, 1):
        save(store, DAY - days * ONE, NOW - days * ONE)
    found = {days: store.universe.at(NOW - days * ONE) for days in (-5.0, 0.0, 0.5, 1.0, 2.0, 2.5)}
    dates = {days: None if each is None else (DAY - each.run_date).days for days, each in found.items()}
    assert dates == {-5.0: 0, 0.0: 0, 0.5: 1, 1.0: 1, 2.0: 2, 2.5: None}
    latest = store.universe.latest()
    assert latest is not None
    assert latest.run_date == DAY


def test_a_selection_that_cannot_be_stored_leaves_the_old_one(store: Store) -> None:
    save(store, DAY, NOW)
    with pytest.raises(StoreError):
        save(store, DAY, NOW, (DECISIONS[0], DECISIONS[0]))
    selection = store.universe.load(DAY)
    assert selection is not None
    assert len(selection.decisions) == 4


def test_thousands_of_decisions_are_stored(store: Store) -> None:
    many = tuple(UniverseDecision(f"COIN{number:04}-USDT", False, None, 0.0) for number in range(3000))
    save(store, DAY, NOW, many)
    selection = store.universe.load(DAY)
    assert selection is not None
    assert selection.decisions == many
