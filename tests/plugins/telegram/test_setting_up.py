"""Setting it up: the ids of chats and users, and the health check."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from forked import run_huracan
from huracan.context import Context
from huracan.types import CheckState
from huracan_telegram.check import look
from huracan_telegram.state import remember_chat
from servers.base import Fault, once
from servers.telegram import TelegramServer

from .conftest import GROUP, OWNER

Bot = Callable[..., Context]


def find_chat(folder: Path, server: TelegramServer, *options: str) -> subprocess.CompletedProcess[str]:
    settings = {"workspace": str(folder / "work"), "telegram": {"token": server.token, "base_url": server.url}}
    file = folder / "settings.yaml"
    file.write_text(json.dumps(settings), "utf-8")
    return run_huracan("-c", str(file), "telegram", "find-chat", *options, timeout=60)


def test_find_chat_shows_who_writes_and_what_to_write_into_the_settings(tmp_path: Path, server: TelegramServer) -> None:
    threading.Timer(1.0, lambda: server.says("hello", chat=GROUP)).start()
    done = find_chat(tmp_path, server, "--seconds", "30")
    assert done.returncode == 0, done.stderr
    assert "Write anything to @huracan_bot" in done.stdout
    assert done.stdout.endswith(f"telegram:\n  chats: [{GROUP}]\n  allowed_users: [{OWNER}]\n")
    assert not server.confirmed  # the service sees it as well
    assert server.token not in done.stdout + done.stderr
    again = find_chat(tmp_path, server, "--json", "--seconds", "5")
    expected = {"chat": GROUP, "chat_name": "Traders", "user": OWNER, "name": f"Person {OWNER}"}
    assert json.loads(again.stdout) == {"found": [expected]}


def test_find_chat_says_why_it_hears_nothing(tmp_path: Path, server: TelegramServer) -> None:
    server.webhook = "https://elsewhere.example"
    done = find_chat(tmp_path, server, "--seconds", "1")
    assert done.returncode == 75
    assert "somebody else listens to this bot" in done.stderr
    server.webhook, server.token = "", ""
    assert "telegram.token is not set" in find_chat(tmp_path, server).stderr


def test_the_check_names_the_chats_and_what_is_wrong(bot: Bot, server: TelegramServer) -> None:
    fine = look(bot(chats=[OWNER, GROUP]))
    assert (fine.state, fine.detail) == (
        CheckState.OK, f"@huracan_bot writes to Person {OWNER}, Traders and obeys 1 user",
    )  # fmt: skip
    assert look(bot(chats=[])).state is CheckState.WARNING
    assert "not set up" in look(bot(token="")).detail
    wrong = look(bot(token="1:wrong"))
    assert (wrong.state, wrong.hint) == (CheckState.FAILED, "mend telegram.token")
    assert "cannot write to chat 5: Telegram refuses: Chat not found" in look(bot(chats=[5])).detail
    context = bot(chats=[OWNER, -501])
    server.chats[-100501] = "supergroup"
    remember_chat(context.paths, -501, -100501)
    moved = look(context)
    assert (moved.state, moved.hint) == (CheckState.WARNING, "write that into telegram.chats")
    assert "the group -501 has the id -100501 now" in moved.detail
    server.webhook = "https://elsewhere.example"
    assert "webhook elsewhere" in look(bot()).detail
    server.faults.append(once(Fault(reset_before=True), times=9))
    assert look(bot()).state is CheckState.FAILED


@pytest.mark.parametrize("missing", ["token", "allowed_users"])
def test_the_service_rests_where_nothing_is_set(
    bot: Bot, server: TelegramServer, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from huracan.errors import StopRequested
    from huracan.testing import RecordingProgress
    from huracan_telegram import service

    def stop(_: float) -> None:
        raise StopRequested

    monkeypatch.setattr(time, "sleep", stop)
    progress = RecordingProgress()
    context = bot(**{missing: "" if missing == "token" else []})
    with pytest.raises(StopRequested):
        service.run(replace(context, progress=progress))
    assert progress.steps == [f"telegram.{missing} is not set: no commands by Telegram"]
    assert server.requests == []
