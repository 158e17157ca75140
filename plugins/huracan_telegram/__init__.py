"""Tells the owner by Telegram what happens, and does what the owner says there."""

from __future__ import annotations

from collections.abc import Sequence

from huracan import hookimpl
from huracan.types import ChatCommand, Check, Command, Notifier, Resources, Service, SettingsSection

_CHAT = "huracan_telegram.chat"


@hookimpl
def huracan_settings() -> Sequence[SettingsSection]:
    from huracan_telegram.settings import TelegramSettings

    return [SettingsSection("telegram", TelegramSettings)]


@hookimpl
def huracan_notifiers() -> Sequence[Notifier]:
    from huracan_telegram.channel import Channel

    channel = Channel()
    return [Notifier("telegram", channel.deliver, edits=True, check=channel.check, is_set=channel.is_set)]


@hookimpl
def huracan_services() -> Sequence[Service]:
    return [
        Service(
            "telegram",
            "huracan_telegram.service:run",
            "take commands by Telegram from the users that the settings allow",
            stall_limit=180.0,
            resources=Resources(network=True),
        )
    ]


@hookimpl
def huracan_checks() -> Sequence[Check]:
    from huracan_telegram.check import look

    return [Check("telegram", look, interval=900.0)]


@hookimpl
def huracan_commands() -> Sequence[Command]:
    return [Command("telegram", "set Telegram up: find the ids of chats and users", "huracan_telegram.command")]


@hookimpl
def huracan_chat_commands() -> Sequence[ChatCommand]:
    return [
        ChatCommand("status", "what runs, what comes next, what is wrong", f"{_CHAT}:answer_status"),
        ChatCommand("jobs", "the last result of each job", f"{_CHAT}:answer_jobs"),
        ChatCommand("run", "run a pipeline or job: /run nightly", f"{_CHAT}:answer_run", acts=True),
        ChatCommand("pause", "pause the schedule: /pause REASON", f"{_CHAT}:answer_pause", acts=True),
        ChatCommand("resume", "let schedule or trading go on", f"{_CHAT}:answer_resume", acts=True, confirm=True),
        ChatCommand("history", "the last runs", f"{_CHAT}:answer_history"),
        ChatCommand("logs", "the last lines of the log: /logs train", f"{_CHAT}:answer_logs"),
        ChatCommand("doctor", "ask every health check", f"{_CHAT}:answer_doctor"),
        ChatCommand("help", "what you can say here", f"{_CHAT}:answer_help"),
    ]
