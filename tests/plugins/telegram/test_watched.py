"""A listener that hangs is found and started again, and what was said to it meanwhile is answered."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from huracan.supervise.base import Backoff, Child, Exit, ExitReason, Limits, StopSwitch
from huracan.supervise.process import ProcessSupervisor, keep_running
from servers.base import Fault, once
from servers.telegram import TelegramServer

from .conftest import FAST, OWNER


class Deaf:
    """Watches and says nothing."""

    def line(self, text: str) -> None: ...

    def begun(self) -> None: ...

    def notified(self, notification: Any) -> None: ...

    def tick(self) -> None: ...


def test_a_listener_that_hangs_is_replaced_and_the_command_is_answered(tmp_path: Path, server: TelegramServer) -> None:
    telegram = {"token": server.token, "chats": [OWNER], "allowed_users": [OWNER], "base_url": server.url, **FAST}
    settings = tmp_path / "settings.yaml"
    # The library's own limits, the last resort before the watchdog, are left out of this.
    settings.write_text(json.dumps({"workspace": "work", "telegram": {**telegram, "timeout_seconds": 60}}))
    command = [sys.executable, "-m", "huracan", "-c", str(settings), "service", "telegram", "--log-format", "json"]
    environment = {**os.environ, "HURACAN_PLUGINS_ONLY": "telegram"}
    server.faults.append(once(Fault(delay=300.0, reset_before=True), "getUpdates"))
    stop, exits = StopSwitch(), list[Exit]()
    watched = threading.Thread(
        target=keep_running,
        args=(ProcessSupervisor(), lambda: Child(command, environment, Limits(stall=5.0)), Deaf(), stop,
              Backoff(0.05, 0.05), lambda ended, _: exits.append(ended)),
    )  # fmt: skip
    watched.start()
    try:
        server.waits_for(lambda: server.asked("getUpdates"), 30.0)
        server.says("/help")
        server.waits_for(lambda: [text for text in server.text_of(OWNER) if "/status" in text], 60.0)
    finally:
        stop.ask()
        server.hurry = True
        watched.join(30.0)
        stop.close()
    assert not watched.is_alive()
    assert {each.reason for each in exits} == {ExitReason.STALLED}
    assert len(server.asked("getMe")) == len(exits) + 1
