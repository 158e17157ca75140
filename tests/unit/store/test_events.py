"""The journal of events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from huracan.store import Store
from huracan.types import Event, Severity

NOW = datetime(2023, 12, 30, 2, 0, 0, 1000, tzinfo=UTC)


def test_an_event_comes_back_as_it_was(store: Store) -> None:
    event = Event(
        "coin-trained", Severity.WARNING, "SOL-USDT: Sharpe 0.7", NOW, {"sharpe": 0.7, "gates": ["a", None]},
        "nightly-20231230-1", "train", "SOL-USDT",
    )  # fmt: skip
    store.events.add(event)
    assert store.events.recent() == [event]


def test_an_event_outside_a_run_and_of_another_zone_comes_back_in_utc(store: Store) -> None:
    store.events.add(Event("started", Severity.INFO, "hello", NOW.astimezone(timezone(timedelta(hours=9)))))
    [event] = store.events.recent()
    assert event == Event("started", Severity.INFO, "hello", NOW)
    assert event.time.tzinfo is UTC


def test_the_newest_events_of_a_severity_come_first(store: Store) -> None:
    for number in range(10):
        for severity in Severity:
            store.events.add(Event("tick", severity, f"{severity} {number}", NOW))
    assert [event.title for event in store.events.recent(3)] == ["error 9", "warning 9", "info 9"]
    warned = store.events.recent(limit=100, least=Severity.WARNING)
    assert len(warned) == 20
    assert {event.severity for event in warned} == {Severity.WARNING, Severity.ERROR}


def test_a_kind_of_any_length_and_any_text_is_kept(store: Store) -> None:
    store.events.add(Event("kind" * 100, Severity.INFO, "nul \0, half \ud800", NOW, {"text": "nul \0, half \ud800"}))
    [event] = store.events.recent()
    assert event.kind == "kind" * 100
    assert event.title == "nul \\x00, half \\ud800"
    assert event.fields == {"text": "nul \0, half \ud800"}


def test_events_before_an_instant_are_counted_and_deleted_and_the_others_stay(store: Store) -> None:
    for days in (1, 400, 500):
        store.events.add(Event("tick", Severity.INFO, f"{days} days", NOW - timedelta(days=days)))
    before = NOW - timedelta(days=365)
    assert (store.events.count(before), store.events.prune(before), store.events.count(before)) == (2, 2, 0)
    assert [event.title for event in store.events.recent()] == ["1 days"]
