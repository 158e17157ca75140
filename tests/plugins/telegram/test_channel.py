"""The channel, with the real library against a Bot API on loopback."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from huracan.alerts.delivery import Deliverer
from huracan.context import Context
from huracan.errors import DeliveryError
from huracan.types import Message, Severity
from huracan_telegram.channel import Channel
from servers.base import Fault, Reply, once
from servers.telegram import TelegramServer

from .conftest import GROUP, OWNER, a_message, an_event

PICTURE = b"\x89PNG\r\n\x1a\nand so on"
NIGHT = datetime(2026, 11, 21, 2, tzinfo=UTC)

Bot = Callable[..., Context]


def deliver(context: Context, message: Message | None = None) -> str | None:
    """Deliver as a process that only does that: what the next one knows is on disk."""
    channel = Channel()
    try:
        return channel.deliver(context, message or a_message())
    finally:
        channel.close()


def test_an_event_arrives_with_its_title_in_bold(bot: Bot, server: TelegramServer) -> None:
    receipt = deliver(bot(), a_message(an_event("5 < 6 & <b>rest</b>", severity=Severity.WARNING)))
    (sent,) = server.sent
    assert sent.text == "⚠️ 5 < 6 & <b>rest</b>"
    assert sent.raw.startswith("<b>")
    assert receipt == f"{OWNER}:{sent.message_id}"


def test_a_long_message_comes_in_parts_that_each_can_be_read(bot: Bot, server: TelegramServer) -> None:
    lines = [f"<{number}> & so on " + "x" * 280 for number in range(12)]
    receipt = deliver(bot(), a_message(*(an_event(title, lines=lines) for title in ("first", "second"))))
    assert len(server.sent) == 2
    assert server.sent[0].text.startswith("🔹 first")
    assert receipt == f"{OWNER}:{server.sent[0].message_id}"
    assert sum(text.count("& so on") for text in server.text_of()) == 24


def test_what_telegram_cannot_parse_goes_as_plain_text(bot: Bot, server: TelegramServer) -> None:
    server.refuse_entities = True
    deliver(bot(), a_message(an_event("a title")))
    assert server.text_of() == ["🔹 a title"]
    assert server.sent[0].raw == "🔹 a title"


@pytest.mark.parametrize(
    ("trouble", "permanent", "wait", "words"),
    [
        ("blocked", True, None, "blocked by the user"),
        ("unknown chat", True, None, "chat not found"),
        ("wrong token", False, 300.0, "does not know this token"),
        ("429", False, 7.0, "wait"),
        ("502", False, None, "away"),
        ("reset", False, None, "away"),
        ("silence", False, None, "away"),
    ],
)
def test_errors_say_whether_to_try_again(
    bot: Bot, server: TelegramServer, trouble: str, permanent: bool, wait: float | None, words: str
) -> None:
    options: dict[str, Any] = {}
    if trouble == "blocked":
        server.blocked.add(OWNER)
    elif trouble == "unknown chat":
        options["chats"] = [123]
    elif trouble == "wrong token":
        options["token"] = "4242:other"
    else:
        body = b'{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":7}}'
        faults = {
            "429": Fault(reply=Reply(429, body)), "502": Fault(reply=Reply(502, b"<html>Bad Gateway</html>")),
            "reset": Fault(reset_before=True), "silence": Fault(delay=1.0),
        }  # fmt: skip
        options["timeout_seconds"] = 0.5
        server.faults.append(once(faults[trouble], "sendMessage"))
    with pytest.raises(DeliveryError) as caught:
        deliver(bot(**options))
    assert (caught.value.permanent, caught.value.retry_after) == (permanent, wait)
    assert caught.value.uncertain == (words == "away")
    assert words in str(caught.value).lower()
    assert "AAtoken" not in str(caught.value)


def test_a_message_grows_in_place_and_is_sent_anew_where_it_was_deleted(bot: Bot, server: TelegramServer) -> None:
    context = bot()
    first = an_event("night of 21 Nov", "run.started", total=9)
    coins = [
        an_event(
            "x",
            "model.trained",
            symbol="BTC-USDT",
            sharpe=1.234,
            hit_rate=0.57,
            net_pnl=0.123,
            done=1,
            total=20,
            passed=True,
        ),
        an_event("ETH-USDT failed: no candles since March", "model.failed", Severity.ERROR, symbol="ETH-USDT", done=2),
    ]
    receipt = deliver(context, a_message(first))
    grown = deliver(context, a_message(first, *coins, key="m2", replaces=receipt))
    assert grown == receipt
    assert (len(server.sent), server.sent[0].edits) == (1, 1)
    assert "▰▱▱▱▱▱▱▱▱▱ 2/20" in server.sent[0].text
    assert "BTC     1.23  57%  +12.3%  ✓" in server.sent[0].text
    assert "❌ ETH-USDT failed: no candles since March" in server.sent[0].text
    # The same once more is no error, and no second message.
    assert deliver(context, a_message(first, *coins, key="m2", replaces=receipt)) == receipt
    server.sent.clear()
    anew = deliver(context, a_message(first, key="m3", replaces=receipt))
    assert anew == f"{OWNER}:{server.sent[0].message_id}"


def test_a_message_that_may_have_arrived_before_says_so(bot: Bot, server: TelegramServer) -> None:
    deliver(bot(), a_message(an_event("twice"), repeated=True))
    assert server.text_of() == ["↻ perhaps sent before\n🔹 twice"]


def test_each_chat_gets_what_it_has_not_got_yet(bot: Bot, server: TelegramServer) -> None:
    context = bot(chats=[OWNER, GROUP])
    server.faults.append(lambda request: Fault(reset_before=True) if f"={GROUP}" in request.body.decode() else None)
    with pytest.raises(DeliveryError):
        deliver(context)
    server.faults.clear()
    # Another process goes on: what it knows is on disk.
    receipt = deliver(bot(chats=[OWNER, GROUP]))
    assert [sent.chat for sent in server.sent] == [OWNER, GROUP]
    assert receipt == ",".join(f"{sent.chat}:{sent.message_id}" for sent in server.sent)


def test_one_chat_that_refuses_keeps_nothing_from_the_others(bot: Bot, server: TelegramServer) -> None:
    server.blocked.add(OWNER)
    assert deliver(bot(chats=[OWNER, GROUP])) == f"{GROUP}:{server.sent[0].message_id}"


def test_a_group_that_became_a_supergroup_is_followed_for_ever(bot: Bot, server: TelegramServer) -> None:
    server.migrated[GROUP], server.chats[-100500] = -100500, "supergroup"
    told: list[str] = []
    context = replace(bot(chats=[GROUP]), emit=lambda kind, severity, title, **fields: told.append(f"{kind}: {title}"))
    deliver(context)
    deliver(context, a_message(key="m2"))
    assert [sent.chat for sent in server.sent] == [-100500, -100500]
    assert len([each for each in server.asked("sendMessage") if f"={GROUP}&" in each.body.decode()]) == 1
    assert told == [
        "telegram.chat-moved: the Telegram group -500 has the id -100500 now; write that into telegram.chats"
    ]


def test_pictures_and_files_follow_the_text(bot: Bot, server: TelegramServer) -> None:
    context = bot()
    folder = context.paths.workspace / "reports"
    folder.mkdir()
    (folder / "equity.png").write_bytes(b"\x89PNG\r\n\x1a\nand so on")
    (folder / "broken.png").write_bytes(b"no picture")
    (folder / "report.pdf").write_bytes(b"%PDF")
    event = an_event(
        "the report", "report.ready", picture="reports/equity.png", files=["reports/report.pdf", "gone.csv"]
    )
    deliver(context, a_message(event, an_event("another", picture="reports/broken.png")))
    assert [(sent.method, sent.file_name) for sent in server.sent[1:]] == [
        ("sendPhoto", "equity.png"), ("sendDocument", "report.pdf"), ("sendDocument", "broken.png"),
    ]  # fmt: skip


def test_a_failure_has_one_line_and_a_button_for_its_log(bot: Bot, server: TelegramServer) -> None:
    title = "train failed: the disk is full\n/var has 0 bytes"
    event = an_event(title, "job.failed", Severity.ERROR, failed_job="train", log="runs/20240102Z/log-train.txt")
    deliver(bot(), a_message(event))
    (sent,) = server.sent
    assert sent.text == "❌ train failed: the disk is full\n/var has 0 bytes"
    assert sent.buttons == [[{"text": "Log", "callback_data": "logs train"}]]


def test_what_comes_late_says_when_it_happened(bot: Bot, server: TelegramServer) -> None:
    deliver(bot(), a_message(an_event("old news", time=datetime.now(UTC) - timedelta(hours=3))))
    assert "UTC" in server.text_of()[0]


def test_the_pace_that_telegram_allows_is_kept(bot: Bot, server: TelegramServer) -> None:
    context = bot(per_second_in_chat=4, per_minute_in_group=600, chats=[OWNER, GROUP])
    begun = time.monotonic()
    channel = Channel()
    for number in range(6):
        channel.deliver(context, a_message(key=f"m{number}"))
    channel.close()
    assert time.monotonic() - begun >= 1.25


def test_all_who_write_share_one_pace(bot: Bot, server: TelegramServer) -> None:
    context = bot(per_second_in_chat=10)
    channels = [Channel(), Channel()]

    def write(number: int) -> None:
        for part in range(4):
            channels[number].deliver(context, a_message(key=f"m{number}{part}"))

    threads = [threading.Thread(target=write, args=(number,)) for number in (0, 1)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - begun >= 0.7
    assert len(server.sent) == 8
    for channel in channels:
        channel.close()


def test_the_pace_of_the_bot_holds_over_all_chats(bot: Bot, server: TelegramServer) -> None:
    context = bot(per_second=10, chats=[OWNER, GROUP])
    begun, channel = time.monotonic(), Channel()
    for number in range(4):
        channel.deliver(context, a_message(key=f"m{number}"))
    channel.close()
    assert time.monotonic() - begun >= 0.7


def test_the_token_is_in_no_log(bot: Bot, server: TelegramServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    context = bot()
    deliver(context)
    server.faults.append(once(Fault(reset_before=True)))
    with pytest.raises(DeliveryError):
        deliver(context, a_message(key="m2"))
    assert "AAtoken" not in caplog.text


def test_without_a_chat_a_message_is_refused_for_good(bot: Bot) -> None:
    with pytest.raises(DeliveryError, match=r"telegram\.chats") as caught:
        deliver(bot(chats=[]))
    assert caught.value.permanent


def test_many_events_are_a_line_each_and_the_gravest_are_never_left_out(bot: Bot, server: TelegramServer) -> None:
    events = [an_event(f"event {number}", "noise") for number in range(100)]
    events[3] = an_event("the disk is full", "job.failed", Severity.ERROR)
    deliver(bot(), a_message(*events))
    (sent,) = server.sent
    assert sent.text.startswith("100 messages\n❌ ")
    assert "the disk is full" in sent.text
    assert "event 99" in sent.text
    assert sent.text.endswith("… and noise ×70")


def test_of_a_grown_message_that_is_too_long_the_end_is_shown(bot: Bot, server: TelegramServer) -> None:
    context = bot()
    receipt = deliver(context)
    long = [an_event(f"part {number}", lines=["y" * 290] * 12) for number in range(3)]
    assert deliver(context, a_message(*long, key="m2", replaces=receipt)) == receipt
    (sent,) = server.sent
    assert sent.text.startswith("…\n")
    assert sent.text.endswith("y" * 290)


def test_what_lies_outside_of_the_workspace_is_not_sent(bot: Bot, server: TelegramServer) -> None:
    context = bot()
    (context.paths.workspace.parent / "secret.txt").write_text("secret", "utf-8")
    (context.paths.workspace / "link.txt").symlink_to("../secret.txt")
    deliver(context, a_message(an_event("x", files=["../secret.txt", "link.txt", "/etc/passwd"])))
    assert len(server.sent) == 1


def test_what_tells_the_same_many_times_is_told_once(bot: Bot, server: TelegramServer) -> None:
    deliver(bot(), a_message(*(an_event("the network is away", "sync.away") for _ in range(9))))
    assert server.text_of() == ["🔹 the network is away (again, 9 times)"]


def test_a_chat_that_is_full_for_a_while_keeps_nothing_from_the_others(bot: Bot, server: TelegramServer) -> None:
    body = b'{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":70}}'
    server.faults.append(once(Fault(reply=Reply(429, body)), "sendMessage"))
    context = bot(chats=[GROUP, OWNER])
    with pytest.raises(DeliveryError) as caught:
        deliver(context)
    assert caught.value.retry_after == 70
    assert [sent.chat for sent in server.sent] == [OWNER]
    # Another process, as the one that answers commands, knows of it and does not even ask.
    asked = len(server.asked("sendMessage"))
    with pytest.raises(DeliveryError) as caught:
        deliver(context)
    assert 60 < (caught.value.retry_after or 0) <= 70
    assert len(server.asked("sendMessage")) == asked
    (context.paths.state / "telegram" / "pace.json").unlink()
    deliver(context)
    assert [sent.chat for sent in server.sent] == [OWNER, GROUP]


def by_outbox(context: Context, turns: int = 4) -> None:
    """Deliver what waits, and what is told because of it, as the service does."""
    deliverer = Deliverer(context)
    for _ in range(turns):
        while deliverer.turn():
            pass
    deliverer._channels["telegram"].deliver.__self__.close()  # type: ignore[attr-defined]


def test_that_a_group_has_moved_reaches_the_owner(bot: Bot, server: TelegramServer) -> None:
    server.migrated[GROUP], server.chats[-100500] = -100500, "supergroup"
    context = bot(chats=[GROUP])
    context.emit("test", Severity.INFO, "first")
    by_outbox(context)
    assert server.text_of() == [
        "🔹 first",
        "⚠️ the Telegram group -500 has the id -100500 now; write that into telegram.chats",
    ]


def test_one_dead_chat_of_several_is_told_in_the_others_and_not_for_ever(bot: Bot, server: TelegramServer) -> None:
    server.blocked.add(OWNER)
    context = bot(chats=[OWNER, GROUP])
    context.emit("test", Severity.INFO, "first")
    by_outbox(context, turns=9)
    first, told = server.text_of(GROUP)
    assert first == "🔹 first"
    assert told.startswith("❌ the chat 77 of the channel telegram refuses what the others get: Telegram refuses: ")
    assert "let the bot write there" in told
    assert [event.kind for event in context.store.events.recent()].count("alerts.refused") == 2
    assert context.store.outbox.open("telegram") == []


def test_what_steps_aside_for_others_is_not_sent_twice_where_it_arrived(bot: Bot, server: TelegramServer) -> None:
    chats = {"chats": [OWNER, GROUP]}
    server.faults.append(lambda request: Fault(reset_before=True) if f"={GROUP}" in request.body.decode() else None)
    for key in ("m1", "m2", "m1", "m2"):
        with pytest.raises(DeliveryError):
            deliver(bot(**chats), a_message(an_event(key), key=key))
    server.faults.clear()
    context, channel = bot(**chats), Channel()
    for key in ("m2", "m1", "m3"):
        channel.deliver(context, a_message(an_event(key), key=key))
    channel.close()
    assert server.text_of(OWNER) == ["🔹 m1", "🔹 m2", "🔹 m3"]
    assert server.text_of(GROUP) == ["🔹 m2", "🔹 m1", "🔹 m3"]
    # Of the last one nobody has said yet that it is noted.
    assert [path.stem for path in (context.paths.state / "telegram" / "deliveries").iterdir()] == ["m3"]


def test_what_arrived_is_not_sent_again_because_that_could_not_be_noted(bot: Bot, server: TelegramServer) -> None:
    context, channel = bot(), Channel()
    first = channel.deliver(context, a_message())
    assert channel.deliver(context, a_message(repeated=True)) == first
    channel.close()
    assert len(server.sent) == 1


def test_only_what_is_sent_anew_is_marked_and_not_what_is_edited(bot: Bot, server: TelegramServer) -> None:
    context = bot()
    receipt = deliver(context)
    deliver(context, a_message(an_event("grown"), key="m2", replaces=receipt, repeated=True))
    assert server.text_of() == ["🔹 grown"]
    server.sent.clear()
    deliver(context, a_message(an_event("grown"), key="m3", replaces=receipt, repeated=True))
    assert server.text_of() == ["↻ perhaps sent before\n🔹 grown"]


def test_a_coin_that_failed_has_a_button_for_its_log(bot: Bot, server: TelegramServer) -> None:
    failed = an_event(
        "ETH-USDT failed: the disk is full", "model.failed", Severity.ERROR, symbol="ETH-USDT", job="train"
    )
    trained = an_event("BTC-USDT passed", "model.trained", symbol="BTC-USDT", done=1, total=2)
    deliver(bot(), a_message(trained, failed))
    (sent,) = server.sent
    assert sent.buttons == [[{"text": "Log", "callback_data": "logs train"}]]


def test_that_a_night_begins_is_a_message_of_its_own(bot: Bot, server: TelegramServer) -> None:
    context = bot(as_of=NIGHT)
    context.emit("run.started", Severity.INFO, "nightly 2026-11-21 starts", pipeline="nightly", total=9)
    context.emit("model.trained", Severity.INFO, "BTC-USDT passed", symbol="BTC-USDT", done=1, total=20)
    by_outbox(context)
    started, coins = server.sent
    assert (started.text, started.buttons[0][0]["text"]) == ("🌙 nightly 2026-11-21 starts", "Status")
    assert "1/20" in coins.text


@pytest.mark.parametrize(
    ("without", "under"), [([], "🏁 nightly: 7 champions"), (["run.ended"], "📊 Night of 2026-11-21")]
)
def test_the_chart_of_a_night_comes_once_under_its_end(
    bot: Bot, server: TelegramServer, without: list[str], under: str
) -> None:
    context = bot(as_of=NIGHT, alerts={"channels": {"telegram": {"without": without}}})
    (context.paths.workspace / "equity.png").write_bytes(PICTURE)
    context.emit("report.ready", Severity.INFO, "Night of 2026-11-21", picture="equity.png")
    by_outbox(context)
    context.emit("run.ended", Severity.INFO, "nightly: 7 champions", pipeline="nightly", exit_code=0)
    by_outbox(context)
    methods = [sent.method for sent in server.sent]
    assert methods.count("sendPhoto") == 1
    assert server.sent[methods.index("sendPhoto") - 1].text == under


def test_a_report_outside_of_a_night_has_its_picture_itself(bot: Bot, server: TelegramServer) -> None:
    context = bot()
    (context.paths.workspace / "equity.png").write_bytes(PICTURE)
    context.emit("report.ready", Severity.INFO, "The week", picture="equity.png")
    by_outbox(context)
    assert [sent.method for sent in server.sent] == ["sendMessage", "sendPhoto"]
