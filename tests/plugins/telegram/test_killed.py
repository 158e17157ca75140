"""Real processes, killed with kill -9 while Telegram misbehaves: nothing is lost, and orders are done once at most."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from huracan.context import Context
from huracan.store import OPEN
from huracan.types import Severity
from servers.base import Fault, Reply, chaos, once
from servers.telegram import TelegramServer

from .conftest import FAST, OWNER

DELIVERS = """
import json, sys, time
from pathlib import Path
from huracan.alerts import delivery
from huracan.testing import make_context

delivery.FIRST_PAUSE, delivery.LONGEST_PAUSE = 0.002, 0.02  # what fails is tried again at once: order may not change
context = make_context(Path(sys.argv[1]), json.loads(sys.argv[2]), plugins=("telegram",))
deliverer = delivery.Deliverer(context)
while True:
    if not deliverer.turn():
        time.sleep(max(0.002, deliverer.seconds_to_wait(0.05)))
"""

OBEYS = """
import json, sys
from pathlib import Path
from types import ModuleType
from huracan import hookimpl
from huracan.testing import make_context, stand_in
from huracan.types import ChatCommand, ChatReply
from huracan_telegram.service import Listener

def act(context, arguments):
    with (context.paths.workspace / "done.txt").open("a") as file:
        file.write(arguments[0] + "\\n")
    return ChatReply(f"did {arguments[0]}")

sys.modules["orders"] = module = ModuleType("orders")
module.act = act
commands = [ChatCommand("act", "do it", "orders:act", acts=True)]
plugin = stand_in("orders", huracan_chat_commands=hookimpl(lambda: commands))
context = make_context(Path(sys.argv[1]), json.loads(sys.argv[2]), plugins=("telegram",), extra=[plugin])
listener = Listener(context)
listener.begin()
while True:
    listener.turn()
"""


def _settings(server: TelegramServer) -> dict[str, Any]:
    telegram = {
        "token": server.token, "chats": [OWNER], "allowed_users": [OWNER], "base_url": server.url,
        **FAST, "timeout_seconds": 5,
    }  # fmt: skip
    return {"telegram": telegram, "alerts": {"flood": 0, "repeat_minutes": 0}}


@contextmanager
def _process(program: str, folder: Path, settings: Mapping[str, Any]) -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen([sys.executable, "-c", program, str(folder), json.dumps(settings)])
    try:
        yield child
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()


def _faults(seed: int) -> list[Callable[[Any], Fault | None]]:
    """30 of 100 requests go wrong, of which Telegram had done a few all the same."""
    busy = {"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 1}}
    return [
        chaos(
            seed,
            [
                (0.11, Fault(reset_before=True)),
                (0.09, Fault(reply=Reply(502, b"<html>Bad Gateway</html>"))),
                (0.04, Fault(reply=Reply(500, b'{"ok":false,"error_code":500,"description":"Internal Server Error"}'))),
                (0.05, Fault(delay=0.05)),
                (0.01, Fault(reply=Reply(429, json.dumps(busy).encode(), {"Content-Type": "application/json"}))),
                (0.0003, Fault(reset_after=True)),
            ],
        )
    ]


def _deliver_under_fire(
    context: Context, server: TelegramServer, count: int, kills: int, seed: int, longest_delay: float
) -> dict[str, Any]:
    """Emit ``count`` events and let processes deliver them; return what arrived.

    Each process is killed up to ``longest_delay`` seconds after a message arrived: with a short delay kills are aimed
    at the instant between the sending and its note, where a double is due.
    """
    dice = random.Random(seed)
    for number in range(count):
        context.emit("test", Severity.INFO, f"event {number:06d}")
    server.faults += _faults(seed)
    begun = time.monotonic()
    for kill in range(kills + 1):
        share = count * (kill + 1) // (kills + 1)
        with _process(DELIVERS, context.paths.workspace, _settings(server)):
            last = kill == kills
            while len(server.sent) < share if not last else context.store.outbox.counts()["telegram"].keys() & OPEN:
                assert time.monotonic() - begun < 60 + count * 0.3, f"{len(server.sent)} of {count} arrived"
                time.sleep(0.02 if not last else 0.2)
            time.sleep(dice.uniform(0.0, longest_delay))
    seen: list[str] = []
    doubles = unmarked = 0
    for text in server.text_of(OWNER):
        (title,) = re.findall(r"event \d{6}", text)
        if title in seen[-50:]:
            doubles += 1
            unmarked += "↻" not in text
        else:
            seen.append(title)
    marked = sum("↻" in text for text in server.text_of(OWNER))
    requests = len(server.asked("sendMessage"))
    return {"seen": seen, "doubles": doubles, "unmarked": unmarked, "marked": marked, "requests": requests}


@pytest.mark.slow
def test_messages_arrive_in_order_through_faults_and_kills_and_doubles_are_marked(
    bot: Callable[..., Context], server: TelegramServer
) -> None:
    context, count, kills = bot(), 300, 4
    server.faults.append(once(Fault(reset_after=True), "sendMessage"))
    found = _deliver_under_fire(context, server, count, kills, seed=3, longest_delay=0.02)
    assert found["seen"] == [f"event {number:06d}" for number in range(count)]
    # One answer was lost on purpose; a kill may fall between the sending and its note.
    assert 1 <= found["doubles"] <= 1 + kills
    assert found["unmarked"] == 0


@pytest.mark.soak
def test_ten_thousand_messages_through_faults_and_kills(bot: Callable[..., Context], server: TelegramServer) -> None:
    context, count = bot(), 10_000
    found = _deliver_under_fire(context, server, count, kills=25, seed=11, longest_delay=1.0)
    print({key: value for key, value in found.items() if key != "seen"})
    assert found["seen"] == [f"event {number:06d}" for number in range(count)]
    assert found["doubles"] < count * 0.001
    assert found["unmarked"] == 0


@pytest.mark.slow
def test_orders_are_done_once_or_not_known_through_kills(bot: Callable[..., Context], server: TelegramServer) -> None:
    context, dice, given = bot(), random.Random(5), 0
    for _ in range(5):
        with _process(OBEYS, context.paths.workspace, _settings(server)):
            asked = len(server.asked("getUpdates"))
            server.waits_for(lambda: len(server.asked("getUpdates")) > asked, 20.0)  # noqa: B023 - called at once
            for _ in range(6):
                server.says(f"/act order-{given:02d}")
                given += 1
                time.sleep(dice.uniform(0.0, 0.03))
    with _process(OBEYS, context.paths.workspace, _settings(server)):
        server.waits_for(lambda: all(_is_told(server, number) for number in range(given)), 30.0)
    done = (context.paths.workspace / "done.txt").read_text("utf-8").split()
    assert len(done) == len(set(done))
    for number in range(given):
        name = f"order-{number:02d}"
        assert name in done or any("may be done, or not" in text and name in text for text in server.text_of())


def _is_told(server: TelegramServer, number: int) -> bool:
    return any(f"order-{number:02d}" in text for text in server.text_of())
