"""The channel, with the real library against a Bot API on loopback."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from huracan.context import Context
from huracan.errors import DeliveryError
from huracan.types import Message, Severity
from huracan_telegram.channel import Channel
from servers.base import Fault, Reply, once
from servers.telegram import TelegramServer

from .conftest import GROUP, OWNER, a_message, an_event

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
    deliver(context)
    assert [sent.chat for sent in server.sent] == [OWNER, GROUP]
