"""The outbox and the audit, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from huracan import logs
from huracan.store import Address, AuditEntry, ChannelState, OutboxState, Store
from huracan.types import Event, Severity

NOW = datetime(2026, 11, 21, 12, 0, 0, 1000, tzinfo=UTC)


def add(store: Store, *channels: str, title: str = "first", group: str | None = None) -> None:
    event = Event("test", Severity.WARNING, title, NOW, {"a": 1}, "run-1", "train", "SOL-USDT")
    store.events.add(event, [Address(name, NOW + timedelta(hours=1), f"same {title}", group) for name in channels])


def test_an_event_waits_for_each_of_its_channels(store: Store) -> None:
    add(store, "phone", "mail")
    add(store, "mail", title="second")
    [row] = store.outbox.open("phone")
    assert (row.state, row.severity, row.created_at, row.attempts) == (OutboxState.WAITING, Severity.WARNING, NOW, 0)
    assert [row.same for row in store.outbox.open("mail")] == ["same first", "same second"]
    assert store.outbox.newest() == store.outbox.open("mail")[-1].id
    events = store.outbox.events([row.event_id for row in store.outbox.open("mail")])
    assert [event.title for event in events.values()] == ["first", "second"]
    assert store.outbox.counts() == {"phone": {OutboxState.WAITING: 1}, "mail": {OutboxState.WAITING: 2}}


def test_an_attempt_is_noted_before_and_after(store: Store) -> None:
    add(store, "phone")
    [row] = store.outbox.open("phone")
    later = NOW + timedelta(seconds=4)
    store.outbox.claim("phone", [row.id], "key", NOW, later)
    [under_way] = store.outbox.open("phone")
    assert (under_way.state, under_way.message, under_way.attempts) == (OutboxState.SENDING, "key", 1)
    assert store.outbox.channels()["phone"] == ChannelState("phone", 1, NOW, None, later)
    store.outbox.put_off("phone", [row.id], "502", later, repeated=True, parked=False)
    [waiting] = store.outbox.open("phone")
    assert (waiting.state, waiting.repeated, waiting.error) == (OutboxState.WAITING, True, "502")
    store.outbox.arrived("phone", [row.id], "receipt", later, later)
    assert store.outbox.open("phone") == []
    assert store.outbox.channels()["phone"] == ChannelState("phone", 0, None, None, later, later)
    assert store.outbox.arrived_since("phone", NOW) == {"same first": later}
    assert store.outbox.arrived_since("phone", later) == {}


def test_a_group_knows_its_receipt_and_its_events(store: Store) -> None:
    for number in range(3):
        add(store, "phone", title=str(number), group="run-1/model.*")
    rows = store.outbox.open("phone")
    store.outbox.arrived("phone", [rows[0].id], "receipt", NOW, NOW)
    store.outbox.arrived("phone", [rows[1].id], None, NOW, NOW)
    assert store.outbox.arrived_of_group("phone", "run-1/model.*") == ("receipt", [rows[0].event_id, rows[1].event_id])
    assert store.outbox.arrived_of_group("mail", "run-1/model.*") == (None, [])


def test_what_was_given_up_can_wait_again_all_or_one(store: Store) -> None:
    add(store, "phone", "mail")
    ids = [row.id for row in [*store.outbox.open("phone"), *store.outbox.open("mail")]]
    for name, number in zip(("phone", "mail"), ids, strict=True):
        store.outbox.give_up(name, [number], OutboxState.FAILED, "no", NOW, answered=True)
    later = NOW + timedelta(days=1)
    assert store.outbox.retry([ids[0]], NOW, later) == 1
    assert [row.expires_at for row in store.outbox.open("phone")] == [later]
    assert store.outbox.retry(None, NOW, later) == 1
    assert store.outbox.retry(None, NOW, later) == 0


def test_old_rows_go_and_what_waits_stays(store: Store) -> None:
    add(store, "phone", "mail")
    store.outbox.arrived("mail", [store.outbox.open("mail")[0].id], None, NOW, NOW)
    assert store.outbox.prune(NOW) == 0
    assert store.outbox.prune(NOW + timedelta(days=1)) == 1
    assert len(store.outbox.open("phone")) == 1


def test_the_audit_keeps_who_did_what_without_secrets(store: Store) -> None:
    logs.register_secret("swordfish-of-the-audit")
    for number in range(3):
        entry = AuditEntry(
            NOW + timedelta(hours=number), "ann", "telegram", "kill", {"reason": "swordfish-of-the-audit"}, "done"
        )
        store.audit.add(entry)
    newest, *others = store.audit.recent()
    assert (newest.time, newest.actor, newest.via, newest.action) == (
        NOW + timedelta(hours=2),
        "ann",
        "telegram",
        "kill",
    )
    assert newest.arguments == {"reason": "***"}
    assert len(others) == 2
    assert (store.audit.prune(NOW + timedelta(hours=1)), len(store.audit.recent())) == (1, 2)
