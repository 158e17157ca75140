"""The service that takes commands: what it does once, what it does not do, and what it survives."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from huracan import hookimpl
from huracan.context import Context
from huracan.errors import UsageError
from huracan.testing import RecordingProgress, StandInEntryPoint, stand_in
from huracan.types import ChatCommand, ChatReply
from huracan_telegram.client import Update
from huracan_telegram.service import Listener
from huracan_telegram.state import Inbox, Taken
from servers.base import Fault, Reply, once
from servers.telegram import Sent, TelegramServer

from .conftest import GROUP, OWNER

Bot = Callable[..., Context]
HERE = "tests_telegram_commands"


class Book:
    """Commands of another plugin that write down what they did."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.go = threading.Event()
        self.go.set()

    def act(self, context: Context, arguments: tuple[str, ...]) -> ChatReply:
        self.done.append(" ".join(arguments))
        self.go.wait(20)
        return ChatReply(f"did {' '.join(arguments)}", buttons=(("Again", "act again"),))

    def refuse(self, context: Context, arguments: tuple[str, ...]) -> ChatReply:
        raise UsageError("that cannot be done; say something else")

    def stumble(self, context: Context, arguments: tuple[str, ...]) -> ChatReply:
        raise RuntimeError("a bug with 4242:AAtoken")

    def leave(self, context: Context, arguments: tuple[str, ...]) -> ChatReply:
        raise SystemExit(3)

    def table(self, context: Context, arguments: tuple[str, ...]) -> ChatReply:
        return ChatReply("a table", table=(("coin", "n"), ("BTC", "1"), ("LONGER", "12")))

    def plugin(self) -> StandInEntryPoint:
        commands = [
            ChatCommand("act", "do it", f"{HERE}:act", acts=True),
            ChatCommand("sure", "do it for sure", f"{HERE}:act", acts=True, confirm=True),
            ChatCommand("refuse", "say no", f"{HERE}:refuse"),
            ChatCommand("stumble", "raise", f"{HERE}:stumble"),
            ChatCommand("leave", "exit", f"{HERE}:leave", acts=True),
            ChatCommand("table", "show a table", f"{HERE}:table"),
        ]
        return stand_in("book", huracan_chat_commands=hookimpl(lambda: commands))


@pytest.fixture
def book(monkeypatch: pytest.MonkeyPatch) -> Book:
    import sys
    from types import ModuleType

    one, module = Book(), ModuleType(HERE)
    for name in ("act", "refuse", "stumble", "leave", "table"):
        setattr(module, name, getattr(one, name))
    monkeypatch.setitem(sys.modules, HERE, module)
    return one


@contextmanager
def listening(
    server: TelegramServer, context: Context, progress: RecordingProgress | None = None
) -> Iterator[Listener]:
    """Let a service listen in a thread, until the end of the block."""
    listener = Listener(replace(context, progress=progress or RecordingProgress()))
    ended = threading.Event()

    def loop() -> None:
        listener.begin()
        while not ended.is_set():
            listener.turn()

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield listener
    finally:
        ended.set()
        server.hurry = True
        thread.join(15)
        server.hurry = False
        listener.end()
        assert not thread.is_alive()


def last(server: TelegramServer) -> Sent | None:
    return server.sent[-1] if server.sent else None


def read(server: TelegramServer, words: str) -> Sent:
    """Wait until a message with these words arrived."""
    found = server.waits_for(lambda: [each for each in server.sent if words in each.text])
    one: Sent = found[-1]
    return one


def test_a_command_is_answered_with_its_table_and_buttons(bot: Bot, server: TelegramServer, book: Book) -> None:
    context = bot([book.plugin()])
    with listening(server, context):
        server.says("/table")
        assert read(server, "a table").text == "a table\ncoin     n\nBTC      1\nLONGER  12"
        server.says("/ACT@huracan_bot one  two")
        assert read(server, "did one two").buttons == [[{"text": "Again", "callback_data": "act again"}]]
    assert book.done == ["one two"]
    entries = context.store.audit.recent()
    assert [(e.actor, e.via, e.action, e.arguments["words"], e.outcome) for e in entries] == [
        (str(OWNER), "telegram", "act", ["one", "two"], "done"), (str(OWNER), "telegram", "table", [], "done"),
    ]  # fmt: skip


def test_the_menu_holds_every_command(bot: Bot, server: TelegramServer, book: Book) -> None:
    with listening(server, bot([book.plugin()])):
        server.waits_for(lambda: server.commands)
    assert {"command": "act", "description": "do it"} in server.commands


def test_strangers_are_met_with_silence_and_counted(bot: Bot, server: TelegramServer, book: Book) -> None:
    context = bot([book.plugin()])
    server.says("/act", user=666)
    server.says("/act", user=666, chat=GROUP)
    server.says("/act", user=OWNER, chat=-999)  # a group that the owner was lured into
    server.says("/act forwarded", extra={"forward_origin": {"type": "hidden_user", "sender_user_name": "x", "date": 1}})
    server.presses("act", user=666)
    with listening(server, context):
        server.says("/table")
        read(server, "a table")
    assert book.done == []
    assert [each.chat for each in server.sent] == [OWNER]
    assert server.answered == []
    (told,) = [event for event in context.store.events.recent() if event.kind == "telegram.stranger"]
    assert told.fields == {"count": 5, "users": [666, OWNER]}


def test_what_cannot_be_done_is_said_in_one_line_and_a_bug_says_nothing_secret(
    bot: Bot, server: TelegramServer, book: Book
) -> None:
    with listening(server, bot([book.plugin()])):
        server.says("/refuse")
        read(server, "❌ that cannot be done; say something else")
        server.says("/stumble")
        assert "AAtoken" not in read(server, "RuntimeError").text
        server.says("/unheard")
        read(server, "There is no /unheard")
        server.says("just talking")
        server.says("/table@another_bot")
        server.says("/table")
        read(server, "a table")
    assert len(server.sent) == 4


def test_a_command_that_asks_first_is_done_once_by_who_asked_and_in_time(
    bot: Bot, server: TelegramServer, book: Book
) -> None:
    with listening(server, bot([book.plugin()], allowed_users=[OWNER, 78], chats=[GROUP])):
        server.says("/sure now", chat=GROUP)
        yes, no = (each["callback_data"] for each in read(server, "Really /sure now?").buttons[0])
        assert book.done == []
        server.presses(yes, user=78, message=last(server))
        server.waits_for(lambda: [each for each in server.answered if "Only who asked" in each.get("text", "")])
        server.presses(yes, message=last(server))
        server.presses(yes, message=last(server))
        read(server, "did now")
        server.waits_for(lambda: [each for each in server.answered if "answered already" in each.get("text", "")])
        server.presses(no, message=last(server))
        server.says("/table", chat=GROUP)
        read(server, "a table")
    assert book.done == ["now"]


def test_a_button_that_confirms_too_late_is_worth_nothing(bot: Bot, server: TelegramServer, book: Book) -> None:
    with listening(server, bot([book.plugin()], confirm_seconds=0.1)):
        server.says("/sure now")
        yes = read(server, "Really").buttons[0][0]["callback_data"]
        time.sleep(0.2)
        server.presses(yes)
        server.waits_for(lambda: [each for each in server.answered if "Too late" in each.get("text", "")])
    assert book.done == []


def test_a_no_is_a_no(bot: Bot, server: TelegramServer, book: Book) -> None:
    with listening(server, bot([book.plugin()])):
        server.says("/sure now")
        yes, no = (each["callback_data"] for each in read(server, "Really").buttons[0])
        server.presses(no)
        server.waits_for(lambda: [each for each in server.answered if "Not done" in each.get("text", "")])
        server.presses(yes)
        server.waits_for(lambda: [each for each in server.answered if "answered already" in each.get("text", "")])
    assert book.done == []


def test_a_button_of_a_command_that_acts_asks_first(bot: Bot, server: TelegramServer, book: Book) -> None:
    with listening(server, bot([book.plugin()])):
        server.says("/table")
        server.presses("act again", message=read(server, "a table"))
        yes = read(server, "Really /act again?").buttons[0][0]["callback_data"]
        assert book.done == []
        server.presses(yes, message=last(server))
        read(server, "did again")
    assert book.done == ["again"]


def test_an_order_that_waited_too_long_is_not_done(bot: Bot, server: TelegramServer, book: Book) -> None:
    server.says("/act old", ago=7200)
    server.says("/table", ago=7200)
    with listening(server, bot([book.plugin()])):
        read(server, "/act old is 2 h old")
        read(server, "a table")
    assert book.done == []


def test_an_order_that_asks_first_is_possible_although_the_clock_of_this_machine_is_wrong(
    bot: Bot, server: TelegramServer, book: Book
) -> None:
    server.says("/sure now", ago=7200)
    with listening(server, bot([book.plugin()])):
        yes = read(server, "Really /sure now?").buttons[0][0]["callback_data"]
        assert book.done == []
        server.presses(yes)
        read(server, "did now")
    assert book.done == ["now"]


def test_what_was_taken_and_not_begun_is_done_by_the_next_process(bot: Bot, server: TelegramServer, book: Book) -> None:
    context = bot([book.plugin()])
    now = datetime.now(UTC)
    Inbox(5, (Taken(4, OWNER, OWNER, ("act", "later"), now),)).write(context.paths)
    with listening(server, context):
        read(server, "did later")
    assert book.done == ["later"]
    assert Inbox.read(context.paths).taken == ()


def test_what_telegram_tells_twice_is_done_once(bot: Bot, server: TelegramServer, book: Book) -> None:
    listener = Listener(bot([book.plugin()]))
    update = Update(5, OWNER, "", OWNER, "", "/act once", datetime.now(UTC))
    for _ in range(2):
        listener._take([update])
        listener._answers.work()
        server.waits_for(lambda: not listener._answers.inbox.taken)
    listener.end()
    assert book.done == ["once"]


def test_what_was_begun_is_not_done_again_and_the_owner_is_told(bot: Bot, server: TelegramServer, book: Book) -> None:
    context = bot([book.plugin()])
    Inbox(5, (Taken(4, OWNER, OWNER, ("act", "x"), datetime.now(UTC), begun=True),)).write(context.paths)
    with listening(server, context):
        read(server, "I was ended while I did /act x: it may be done, or not")
    assert book.done == []


def test_a_slow_command_keeps_nobody_waiting(bot: Bot, server: TelegramServer, book: Book) -> None:
    book.go.clear()
    with listening(server, bot([book.plugin()], command_seconds=0.3)):
        server.says("/act slow")
        read(server, "takes longer than 0.3 s")
        server.says("/table")
        read(server, "a table")
        book.go.set()
        read(server, "did slow")


def test_somebody_else_who_polls_is_told_once(bot: Bot, server: TelegramServer, book: Book) -> None:
    context, progress = bot([book.plugin()]), RecordingProgress()
    server.webhook = "https://elsewhere.example"
    with listening(server, context, progress):
        server.waits_for(lambda: len(server.asked("getUpdates")) >= 3)
        server.webhook = ""
        server.says("/table")
        read(server, "a table")
    assert [event.kind for event in context.store.events.recent()] == ["telegram.conflict"]
    assert any("somebody else" in step for step in progress.steps)


def test_it_lives_through_resets_and_garbage_and_shows_life_by_each_answer(
    bot: Bot, server: TelegramServer, book: Book
) -> None:
    progress = RecordingProgress()
    for fault in (Fault(reset_before=True), Fault(reset_after=True), Fault(cut_after=10)):
        server.faults.append(once(fault, "getUpdates"))
    with listening(server, bot([book.plugin()]), progress):
        server.says("/act")
        read(server, "did")
    assert book.done == [""]
    assert sum("tried" in step for step in progress.steps) >= 3
    asked = len(server.asked("getUpdates"))
    assert len(progress.steps) <= asked + 1


def test_an_answer_is_sent_again_until_it_arrives(bot: Bot, server: TelegramServer, book: Book) -> None:
    server.faults.append(once(Fault(reset_before=True), "sendMessage"))
    with listening(server, bot([book.plugin()])):
        server.says("/act")
        read(server, "did")
    assert (book.done, len(server.sent)) == ([""], 1)


def test_a_full_disk_does_not_stop_an_order(
    bot: Bot, server: TelegramServer, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huracan.errors import TryAgainError

    def full(*_: Any) -> None:
        raise TryAgainError("the disk is full")

    monkeypatch.setattr("huracan_telegram.state.write_json", full)
    with listening(server, bot([book.plugin()])):
        server.says("/act")
        read(server, "did")
    assert book.done == [""]


def test_an_inbox_that_was_damaged_is_begun_anew(bot: Bot, server: TelegramServer, book: Book) -> None:
    context = bot([book.plugin()])
    file = context.paths.state / "telegram" / "inbox.json"
    file.parent.mkdir(parents=True)
    for text in ("{", "[]", '{"offset": "x", "taken": [], "pending": []}', '{"offset": 1, "taken": [{}]}'):
        file.write_text(text, "utf-8")
        assert Inbox.read(context.paths) == Inbox()


def test_what_the_inbox_holds_survives_writing(tmp_path: Path) -> None:
    from huracan.paths import Paths
    from huracan_telegram.state import Pending, Strangers

    now = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
    taken = Taken(9, 1, -2, ("run", "nightly"), now, begun=True, confirmed=True, by_button=True)
    inbox = Inbox(10, (taken,), {"n": Pending("n", 1, -2, ("kill",), now, 7)}, now, Strangers(9, (5, 6), now))
    inbox.write(Paths(tmp_path))
    assert Inbox.read(Paths(tmp_path)) == inbox


def test_the_owner_is_heard_after_a_week_of_silence_although_numbers_begin_anew(
    bot: Bot, server: TelegramServer, book: Book
) -> None:
    context = bot([book.plugin()])
    Inbox(9_000_000, heard_at=datetime.now(UTC) - timedelta(days=6)).write(context.paths)
    with listening(server, context):
        server.says("/act at last")
        read(server, "did at last")
    assert server.asked("getUpdates")[0].body.find(b"offset=9000000") == -1
    assert Inbox.read(context.paths).offset < 9_000_000


def test_an_update_that_nobody_understands_stops_nothing(bot: Bot, server: TelegramServer, book: Book) -> None:
    context = bot([book.plugin()])
    server.says("/act one", extra={"chat": {"id": OWNER, "type": "something new"}, "from": None})
    server.faults.append(
        once(Fault(reply=Reply(200, b'{"ok":true,"result":[{"update_id":1,"message":{}}]}')), "getUpdates")
    )
    with listening(server, context):
        server.says("/act two")
        read(server, "did two")


def test_what_telegram_asks_to_wait_is_waited(bot: Bot, server: TelegramServer, book: Book) -> None:
    body = b'{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":2}}'
    server.faults.append(once(Fault(reply=Reply(429, body)), "getUpdates"))
    begun = time.monotonic()
    with listening(server, bot([book.plugin()])):
        server.waits_for(lambda: len(server.asked("getUpdates")) >= 2)
        assert time.monotonic() - begun >= 2.0


def test_a_command_that_exits_is_answered_and_audited(bot: Bot, server: TelegramServer, book: Book) -> None:
    context = bot([book.plugin()])
    with listening(server, context):
        server.says("/leave")
        read(server, "❌ /leave failed: SystemExit")
    assert [(entry.action, entry.outcome) for entry in context.store.audit.recent()] == [
        ("leave", "failed: SystemExit")
    ]


def test_half_a_letter_ends_nobody(bot: Bot, server: TelegramServer, book: Book) -> None:
    with listening(server, bot([book.plugin()])):
        server.says("/act \ud83d one")
        assert read(server, "did").text == "did ? one"


def test_strangers_are_counted_over_a_kill_and_told_once_an_hour(bot: Bot, server: TelegramServer) -> None:
    context = bot()

    def hears(*users: int) -> None:
        """Take what strangers write, and be gone."""
        listener = Listener(context)
        number = listener._answers.inbox.offset
        listener._take([
            Update(number + each, user, "", user, "", "/kill", datetime.now(UTC)) for each, user in enumerate(users)
        ])  # fmt: skip
        listener.end()

    def tells() -> list[int]:
        listener = Listener(context)
        listener._tell_of_strangers()
        listener.end()
        return [event.fields["count"] for event in context.store.events.recent()][::-1]

    hears(666, 667)
    hears(666)
    assert tells() == [3]
    hears(668)
    assert tells() == [3]
    strangers = Inbox.read(context.paths).strangers
    assert (strangers.count, strangers.users) == (1, (668,))
    assert strangers.told_at is not None
    earlier = replace(strangers, told_at=strangers.told_at - timedelta(hours=1))
    replace(Inbox.read(context.paths), strangers=earlier).write(context.paths)
    assert tells() == [3, 1]


def test_questions_that_nobody_answered_do_not_pile_up(bot: Bot, server: TelegramServer, book: Book) -> None:
    from huracan_telegram.state import Pending

    context, now = bot([book.plugin()]), datetime.now(UTC)
    old = {f"n{day}": Pending(f"n{day}", OWNER, OWNER, ("sure",), now - timedelta(days=day)) for day in range(1, 9)}
    Inbox(5, (Taken(4, OWNER, OWNER, ("sure", "now"), now),), old).write(context.paths)
    with listening(server, context):
        read(server, "Really /sure now?")
    assert [each.words for each in Inbox.read(context.paths).pending.values()] == [("sure", "now")]


def test_the_audit_waits_for_a_database_that_is_away(
    bot: Bot, server: TelegramServer, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huracan.audit_spool import take_in_actions
    from huracan.errors import StoreAwayError

    context = bot([book.plugin()])

    def refuse(_: object) -> None:
        raise StoreAwayError("database: is away")

    with monkeypatch.context() as patch:
        patch.setattr(context.store.audit, "add", refuse)
        with listening(server, context):
            server.says("/act one two")
            read(server, "did one two")
    assert take_in_actions(context) == 1
    [entry] = context.store.audit.recent()
    assert (entry.actor, entry.via, entry.action, entry.arguments["words"], entry.outcome) == (
        str(OWNER), "telegram", "act", ["one", "two"], "done",
    )  # fmt: skip
