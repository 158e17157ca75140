"""Messages reach their channels: in order, once where nobody dies, again where one fails, and never for ever."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from huracan import hookimpl
from huracan.alerts import delivery
from huracan.alerts.delivery import Deliverer
from huracan.alerts.spool import lay_down
from huracan.audit_spool import lay_down_action
from huracan.context import Context
from huracan.errors import DeliveryError, StopRequested, StoreAwayError
from huracan.store import OutboxState, RunState
from huracan.testing import stand_in
from huracan.types import Event, Notifier, Severity
from unit.alerts.outbox_kit import Channel, MovedClock, Post

MakePost = Callable[..., Post]


def test_each_event_reaches_each_channel_once_and_in_order(post: MakePost) -> None:
    box = post("phone", "mail")
    for number in range(5):
        box.emit(f"event {number}")
    box.deliver()
    box.deliver()
    assert box["phone"].titles == box["mail"].titles == [[f"event {number}"] for number in range(5)]
    assert len({message.key for message in box["phone"].messages}) == 5


def test_a_long_queue_is_sent_without_a_pause(post: MakePost) -> None:
    box = post(flood=0)
    for number in range(45):
        box.emit(f"event {number}")
    box.deliver()
    assert len(box["phone"].messages) == 45


def test_a_failed_attempt_is_made_again_later_with_the_same_key_and_order_is_kept(post: MakePost) -> None:
    box = post()
    box["phone"].errors = [DeliveryError("502"), DeliveryError("502")]
    box.emit("first")
    box.emit("second")
    box.deliver()
    assert box["phone"].tried == ["first"]
    box.deliver_for(minutes=2)
    assert box["phone"].tried == ["first", "first", "first", "second"]
    assert box["phone"].titles == [["first"], ["second"]]
    assert not box["phone"].messages[0].repeated


def test_what_the_other_side_asks_to_wait_is_waited(post: MakePost) -> None:
    box = post()
    box["phone"].errors = [DeliveryError("429", retry_after=100)]
    box.emit("first")
    box.deliver_for(seconds=99)
    assert len(box["phone"].tried) == 1
    box.deliver_for(seconds=15)
    assert box["phone"].titles == [["first"]]


def test_a_refused_message_is_told_on_every_channel_and_holds_nobody_up(post: MakePost) -> None:
    box = post("phone", "mail")
    box["phone"].errors = [DeliveryError("chat not found", permanent=True)]
    box.emit("first")
    box.emit("second")
    box.deliver()
    box.deliver()
    told = ["the channel phone refuses a message: chat not found"]
    assert box["phone"].titles == [["second"], told]
    assert box["mail"].titles == [["first"], ["second"], told]
    assert box["phone"].messages[-1].events[0].fields["messages"] == ["first"]
    [(row, event)] = box.context.store.outbox.listing([OutboxState.FAILED])
    assert (row.error, event and event.title) == ("chat not found", "first")


def test_two_channels_that_refuse_everything_do_not_tell_each_other_for_ever(post: MakePost) -> None:
    box = post("phone", "mail")
    for channel in box.channels.values():
        channel.down = DeliveryError("no", permanent=True)
    box.emit("first")
    box.deliver_for(hours=5)
    assert len(box.context.store.events.recent(100)) == 3


def test_a_channel_that_is_dead_for_minutes_is_told_on_another_and_so_is_its_return(post: MakePost) -> None:
    box = post("phone", "mail")
    box["phone"].down = DeliveryError("no route")
    box.emit("first")
    box.deliver_for(minutes=9)
    assert box["mail"].titles == [["first"]]
    box.deliver_for(minutes=10)
    assert box["mail"].titles[1:] == [["the channel phone takes no messages since 12:00Z: no route"]]
    box.deliver_for(hours=2)
    assert len(box["mail"].titles) == 2
    box["phone"].down = None
    box.deliver_for(minutes=10)
    [title] = box["mail"].titles[-1]
    assert title.startswith("the channel phone takes messages again, after 1")
    assert box["phone"].titles == [["first"]]


def test_a_message_that_alone_fails_steps_aside_and_is_given_up_when_it_is_too_old(post: MakePost) -> None:
    box = post("phone", "mail", expire_hours=3)
    box["phone"].refuses = "poison"
    behind = [f"behind {number}" for number in range(9)]
    for title in ("before", "poison", *behind):
        box.emit(title)
    box.deliver_for(minutes=14)
    assert box["phone"].titles == [["before"]]
    tries = box["phone"].tried.count("poison")
    box.deliver_for(minutes=7)
    assert box["phone"].titles == [["before"], *([title] for title in behind)]
    assert box["phone"].tried.count("poison") - tries <= 4
    box.deliver_for(hours=4)
    assert box["phone"].tried.count("poison") < 60
    box.emit("after")
    box.deliver()
    assert box["phone"].titles[-1] == ["after"]
    told = [event for message in box["mail"].messages for event in message.events if event.kind == "alerts.given-up"]
    assert [event.title for event in told] == ["1 message for the channel phone came to be too old: 500 of this one"]
    assert told[0].fields["messages"] == ["poison"]


def test_after_a_long_outage_everything_arrives_in_order(post: MakePost) -> None:
    box = post(flood=0)
    box["phone"].down = DeliveryError("no route")
    for number in range(50):
        box.emit(f"event {number}")
        box.deliver_for(minutes=1)
    box["phone"].down = None
    box.deliver_for(minutes=20)
    assert box["phone"].titles == [[f"event {number}"] for number in range(50)]


def test_what_was_under_way_when_a_process_died_is_sent_again_and_marked(post: MakePost) -> None:
    box = post()
    box["phone"].errors = [StopRequested()]
    box.emit("first")
    with pytest.raises(StopRequested):
        box.deliver()
    key = box.context.store.outbox.open("phone")[0].message
    box.clock.move(seconds=5)
    box.deliver()
    [message] = box["phone"].messages
    assert (message.repeated, message.key) == (True, key)


def test_an_attempt_whose_answer_was_lost_is_marked_when_it_is_made_again(post: MakePost) -> None:
    box = post()
    box["phone"].errors = [DeliveryError("reset", uncertain=True), DeliveryError("502")]
    box.emit("first")
    box.deliver_for(minutes=2)
    assert [message.repeated for message in box["phone"].messages] == [True]


@pytest.mark.parametrize("error", [RuntimeError("a bug"), SystemExit(3)])
def test_a_channel_with_a_bug_costs_no_other_channel(post: MakePost, error: BaseException) -> None:
    box = post("bad", "good")
    box["bad"].errors = [error]
    box.emit("first")
    box.deliver()
    assert box["good"].titles == [["first"]]
    box.deliver_for(minutes=1)
    assert box["bad"].titles == [["first"]]


def test_the_same_event_within_the_hour_is_told_once_and_then_how_often(post: MakePost) -> None:
    box = post()
    for number in range(14):
        box.emit(f"service sync ended; it is started again in {number}.5 s", "service.ended", Severity.WARNING)
        box.deliver()
        box.clock.move(minutes=1)
    assert [len(each) for each in box["phone"].titles] == [1]
    box.deliver_for(minutes=60)
    assert [len(each) for each in box["phone"].titles] == [1, 13]


def test_what_goes_on_and_off_is_told_each_time(post: MakePost) -> None:
    box = post()
    for _ in range(2):
        box.emit("trading is stopped by the kill switch: x", "kill.on", Severity.ERROR)
        box.emit("the kill switch was lifted by ann", "kill.off")
        box.deliver()
        box.clock.move(minutes=5)
    assert len(box["phone"].messages) == 4


def test_other_coins_and_other_runs_are_never_the_same_event(post: MakePost) -> None:
    box = post()
    box.emit("skipped", symbol="SOL-USDT")
    box.emit("skipped", symbol="BTC-USDT")
    box.emit("skipped", severity=Severity.ERROR)
    box.deliver()
    assert len(box["phone"].messages) == 3


def test_the_coins_of_a_run_grow_one_message_where_it_can_be_edited(post: MakePost) -> None:
    box = post(edits=("phone",), run=True)
    box.emit("starts", "run.started")
    for number in range(3):
        box.emit(f"coin {number}", "model.trained", symbol=f"C{number}-USDT")
        box.deliver()
    assert box["phone"].titles == [["starts"], ["coin 0"], ["coin 0", "coin 1"], ["coin 0", "coin 1", "coin 2"]]
    assert [message.replaces for message in box["phone"].messages] == [None, None, "receipt-2", "receipt-2"]


def test_a_grown_message_whose_first_one_is_gone_is_sent_anew(post: MakePost) -> None:
    box = post(edits=("phone",), run=True)
    box.emit("coin 0", "model.trained")
    box.deliver()
    box.emit("coin 1", "model.trained")
    box["phone"].errors = [DeliveryError("message to edit not found", permanent=True)]
    box.deliver()
    assert box["phone"].titles[-1] == ["coin 0", "coin 1"]
    assert box["phone"].messages[-1].replaces is None


def test_elsewhere_the_coins_of_a_run_are_one_message_at_its_end(post: MakePost) -> None:
    box = post(run=True)
    for number in range(3):
        box.emit(f"coin {number}", "model.trained", symbol=f"C{number}-USDT")
        box.deliver_for(minutes=10)
    assert box["phone"].messages == []
    run = box.context.current_run
    box.context.store.ledger.end_run(run.run_id, RunState.DONE, "fine", box.clock.now())
    box.emit("run ended", "run.ended")
    box.deliver_for(minutes=1)
    assert box["phone"].titles == [["coin 0", "coin 1", "coin 2"], ["run ended"]]


def test_the_coins_of_a_run_that_never_ends_are_told_all_the_same(post: MakePost) -> None:
    box = post(run=True, digest_hours=2)
    box.emit("coin 0", "model.trained")
    box.deliver_for(hours=3)
    assert box["phone"].titles == [["coin 0"]]


def test_a_flood_is_one_message(post: MakePost) -> None:
    box = post(flood=10)
    for number in range(300):
        box.emit(f"event {number}")
    box.deliver()
    assert box["phone"].titles == [[f"event {number}" for number in range(300)]]


def test_in_quiet_hours_only_errors_come_through(post: MakePost) -> None:
    box = post(channels={"phone": {"quiet": "11:00-14:00"}})
    box.emit("by the way")
    box.emit("it burns", severity=Severity.ERROR)
    box.deliver_for(minutes=119)
    assert box["phone"].titles == [["it burns"]]
    box.deliver_for(minutes=2)
    assert box["phone"].titles == [["it burns"], ["by the way"]]


def test_a_channel_gets_what_its_settings_say(post: MakePost) -> None:
    box = post(
        "phone", "mail", "off",
        channels={
            "phone": {"kinds": ["run.*", "model.*"], "without": ["model.skipped"]}, "mail": {"least": "error"},
            "off": {"enabled": False},
        },
    )  # fmt: skip
    for kind in ("run.ended", "model.skipped", "model.failed", "health"):
        box.emit(kind, kind, Severity.ERROR if kind == "health" else Severity.INFO)
    box.deliver()
    assert box["phone"].titles == [["run.ended"], ["model.failed"]]
    assert box["mail"].titles == [["health"]]
    assert box["off"].messages == []


def test_the_pace_of_a_channel_is_kept(post: MakePost) -> None:
    box = post(pause=3.0)
    for number in range(4):
        box.emit(f"event {number}")
    box.deliver()
    assert len(box["phone"].messages) == 1
    box.deliver_for(seconds=10)
    assert len(box["phone"].messages) == 4


def test_what_was_given_up_can_be_sent_after_all(post: MakePost) -> None:
    box = post()
    box["phone"].errors = [DeliveryError("no", permanent=True)]
    box.emit("first")
    box.deliver()
    now = box.clock.now()
    assert box.context.store.outbox.retry(None, now, now.replace(day=22)) == 1
    box.deliver()
    assert box["phone"].titles[0] == ["first"]


def test_messages_of_a_channel_that_is_gone_run_out(post: MakePost, make_context: Callable[..., object]) -> None:
    box = post()
    box.emit("first")
    deliverer = Deliverer(make_context(plugins=()), clock=box.clock)  # type: ignore[arg-type]
    box.clock.move(hours=25)
    deliverer.turn()
    assert box.context.store.outbox.counts() == {"phone": {OutboxState.EXPIRED: 1}}


def test_a_clock_that_was_set_back_makes_nobody_wait_for_days(post: MakePost) -> None:
    box = post()
    box.clock.move(days=30)
    box["phone"].errors = [DeliveryError("502")]
    box.emit("first")
    box.deliver()
    box.clock.move(days=-29)
    box.deliver()
    assert box["phone"].titles == [["first"]]


def test_what_the_database_did_not_take_is_sent_when_it_is_back(
    post: MakePost, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = post()

    def refuse(*_: object) -> None:
        raise StoreAwayError("database: is away")

    with monkeypatch.context() as patch:
        patch.setattr(box.context.store.events, "add", refuse)
        box.emit("the database is away", "health", Severity.ERROR, check="database")
    folder = box.context.paths.state / "alerts"
    (folder / "0.json").write_text("half a fi")
    box.deliver_for(minutes=1)
    assert box["phone"].titles == [["the database is away"]]
    assert box["phone"].messages[0].events[0].fields == {"check": "database"}
    assert list(folder.iterdir()) == []


def test_a_service_that_fails_all_the_time_fills_no_disk_while_the_database_is_away(
    post: MakePost, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    box = post()
    monkeypatch.setattr("huracan.alerts.spool.MOST", 3)

    def refuse(*_: object) -> None:
        raise StoreAwayError("database: is away")

    with monkeypatch.context() as away:
        away.setattr(box.context.store.events, "add", refuse)
        for _ in range(5):
            box.emit("failed")
        assert len(list((box.context.paths.state / "alerts").iterdir())) == 3
        assert "the event test is lost to its channels: too many wait" in caplog.text
        box.emit("trading is stopped", severity=Severity.ERROR)
    box.deliver()
    box.deliver()
    assert ["trading is stopped"] in box["phone"].titles


def test_many_messages_that_grow_are_no_flood_of_nothing_else(post: MakePost) -> None:
    box = post(edits=("phone",), flood=1, run=True, digest=["coin.*", "pair.*"])
    box.emit("a coin", kind="coin.trained")
    box.emit("a pair", kind="pair.chosen")
    box.deliver()
    assert box["phone"].titles == [["a coin"], ["a pair"]]


@pytest.mark.parametrize("seconds", [86_400, 200_000, 1e300])
def test_who_asks_to_wait_for_very_long_is_not_asked_again_at_once(post: MakePost, seconds: float) -> None:
    box = post()
    box["phone"].down = DeliveryError("429", retry_after=seconds)
    for number in range(4):
        box.emit(f"event {number}")
    box.deliver_for(minutes=3)
    assert box["phone"].tried == ["event 0"]


def test_a_failure_comes_through_however_much_waits_for_the_end_of_quiet_hours(
    post: MakePost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "PAGE", 10)
    box = post(channels={"phone": {"quiet": "11:00-13:00"}}, flood=0)
    for number in range(25):
        box.emit(f"chatter {number}")
    box.emit("the disk is full", severity=Severity.ERROR)
    box.deliver()
    assert box["phone"].titles == [["the disk is full"]]
    box.deliver_for(hours=2)
    assert box["phone"].titles[1:] == [[f"chatter {number}"] for number in range(25)]


@pytest.mark.parametrize("error", [RuntimeError("no such section"), SystemExit(3)])
def test_a_channel_that_cannot_say_whether_it_is_set_silences_no_other(
    make_context: Callable[..., Context], clock: MovedClock, error: BaseException
) -> None:
    def is_set(_: Context) -> bool:
        raise error

    phone, other = Channel("phone"), Channel("other")
    notifiers = [Notifier("other", other.deliver, is_set=is_set), Notifier("phone", phone.deliver)]
    plugin = stand_in("channels", huracan_notifiers=hookimpl(lambda: notifiers))
    box = Post(make_context({}, plugins=(), extra=[plugin]), clock, {"phone": phone})
    box.emit("the night failed", severity=Severity.ERROR)
    box.deliver()
    assert (phone.titles, other.titles) == ([["the night failed"]], [])


def test_each_message_is_a_sign_of_life_for_the_watchdog(post: MakePost) -> None:
    box = post(flood=0)
    for number in range(3):
        box.emit(f"event {number}")
    heard: list[str] = []
    Deliverer(box.context, clock=box.clock, alive=heard.append).turn()
    assert heard == ["1 sent to phone", "2 sent to phone", "3 sent to phone"]


def test_the_only_channel_tells_what_was_lost_when_it_is_back(post: MakePost) -> None:
    box = post(expire_hours=2)
    box["phone"].down = DeliveryError("502")
    box.emit("the night failed", severity=Severity.ERROR)
    box.deliver_for(hours=2.2)
    box["phone"].down = None
    box.deliver_for(minutes=10)
    [[title]] = box["phone"].titles
    assert title == "1 message for the channel phone came to be too old: 502"
    assert box["phone"].messages[0].events[0].fields["messages"] == ["the night failed"]


def test_a_clock_that_was_some_hours_ahead_holds_no_message_up(post: MakePost) -> None:
    box = post()
    box.clock.move(hours=8)
    box.emit("the night failed", severity=Severity.ERROR)
    deliverer = box.deliver()
    box["phone"].errors = [DeliveryError("no network yet")]
    box.emit("second")
    while deliverer.turn():
        pass
    box.clock.move(hours=-8)
    deliverer.turn()
    assert box["phone"].titles == [["the night failed"], ["second"]]
    box.emit("the night failed", severity=Severity.ERROR)
    box.deliver()
    assert box["phone"].titles[2:] == [["the night failed"]]


def test_what_was_kept_as_a_file_is_taken_in_after_the_clock_was_set_back(post: MakePost) -> None:
    box = post()
    box.clock.move(days=30)
    deliverer = box.deliver()
    box.clock.move(days=-30)
    event = Event("test", Severity.ERROR, "the database was away", box.clock.now())
    lay_down(box.context.paths.state, event)
    deliverer.turn()
    deliverer.turn()
    assert box["phone"].titles == [["the database was away"]]


def test_who_asks_for_another_attempt_at_once_is_not_flooded(post: MakePost) -> None:
    box = post()
    box["phone"].down = DeliveryError("503", retry_after=0.0)
    box.emit("first")
    box.deliver_for(seconds=20)
    assert len(box["phone"].tried) <= 11


def test_what_a_channel_finds_out_while_it_delivers_is_told_on_all_channels_and_ends(post: MakePost) -> None:
    box = post("phone", "mail", repeat_minutes=0)
    for name, channel in box.channels.items():
        channel.tells = f"{name}.one-is-gone", Severity.ERROR, f"one of several of {name} is gone"
    box.emit("first")
    box.deliver_for(hours=2)
    told = [["one of several of phone is gone"], ["one of several of mail is gone"]]
    assert sorted(box["phone"].titles) == sorted(box["mail"].titles) == sorted([["first"], *told])
    assert {event.fields["channel"] for event in box.context.store.events.recent() if event.kind != "test"} == {
        "phone", "mail",
    }  # fmt: skip


def test_what_a_channel_chatters_while_it_delivers_is_recorded_alone(post: MakePost) -> None:
    box = post()
    box["phone"].tells = "sent", Severity.INFO, "one more is sent"
    box.emit("first")
    box.deliver_for(minutes=5)
    assert box["phone"].titles == [["first"]]
    assert [event.kind for event in box.context.store.events.recent()] == ["sent", "test"]


def test_a_channel_that_asks_for_hours_of_patience_is_told_as_dead_in_time(post: MakePost) -> None:
    box = post("phone", "mail")
    box["phone"].down = DeliveryError("flooded", retry_after=6 * 3600)
    box.emit("first")
    box.deliver_for(minutes=9)
    assert box["mail"].titles == [["first"]]
    box.deliver_for(minutes=2)
    assert box["mail"].titles[1:] == [["the channel phone takes no messages since 12:00Z: flooded"]]
    assert box["phone"].tried == ["first"]


def test_a_machine_that_was_off_during_one_attempt_calls_no_channel_dead(post: MakePost) -> None:
    box = post("phone", "mail")
    box["phone"].errors = [DeliveryError("no network yet", retry_after=1200)]
    box.emit("first")
    box.deliver()
    box.clock.move(hours=8)
    box.deliver()
    assert box["mail"].titles == box["phone"].titles == [["first"]]


def test_a_message_whose_event_was_deleted_is_not_dropped_without_a_word(post: MakePost) -> None:
    box = post("phone", "mail", channels={"mail": {"kinds": ["alerts.*"]}})
    box.emit("first")
    box.context.store.events.prune(box.clock.now() + timedelta(seconds=1))
    box.deliver()
    [[title]] = box["mail"].titles
    assert title == "1 message for the channel phone came to be too old: its event was deleted"


def test_a_kept_event_that_no_database_takes_ends_nobody_again_and_again(
    post: MakePost, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = post()
    state = box.context.paths.state
    lay_down(state, Event("odd", Severity.ERROR, "odd", box.clock.now()))
    lay_down(state, Event("test", Severity.ERROR, "good", box.clock.now() + timedelta(seconds=1)))
    add = box.context.store.events.add

    def picky(event: Event, *rest: object) -> None:
        if event.kind == "odd":
            raise ValueError("embedded null byte")
        add(event, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(box.context.store.events, "add", picky)
    box.deliver_for(minutes=1)
    assert box["phone"].titles == [["good"]]
    assert [path.name for path in (state / "alerts").iterdir()] == ["refused.json"]


def test_what_was_given_up_long_ago_is_not_sent_with_all(post: MakePost) -> None:
    box = post()
    box["phone"].down = DeliveryError("no", permanent=True)
    box.emit("in spring")
    box.deliver()
    box.clock.move(days=100)
    box.emit("yesterday")
    box.deliver()
    box["phone"].down = None
    now = box.clock.now()
    assert box.context.store.outbox.retry(None, now, now + timedelta(days=1), since=now - timedelta(days=7)) == 1
    box.deliver()
    told = [event.title for message in box["phone"].messages for event in message.events]
    assert "yesterday" in told
    assert "in spring" not in told


def test_actions_that_were_kept_as_files_reach_the_audit_table(post: MakePost) -> None:
    box = post()
    state = box.context.paths.state
    assert lay_down_action(state, box.clock.now(), "ann", "command line", "kill", {"reason": "it burns"})
    (state / "audit" / "0.json").write_text("half a fi")
    box.deliver()
    [entry] = box.context.store.audit.recent()
    assert (entry.actor, entry.via, entry.action, entry.arguments) == (
        "ann", "command line", "kill", {"reason": "it burns"},
    )  # fmt: skip
    assert list((state / "audit").iterdir()) == []
