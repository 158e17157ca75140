"""Keeps trading safe: breakers judged from the trades in the store, trades taken in, the file that traders read."""

from __future__ import annotations

from collections.abc import Sequence

from huracan import hookimpl
from huracan.types import ChatCommand, Check, Command, Service, SettingsSection


@hookimpl
def huracan_settings() -> Sequence[SettingsSection]:
    from huracan_safety.settings import SafetySettings

    return [SettingsSection("safety", SafetySettings)]


@hookimpl
def huracan_services() -> Sequence[Service]:
    return [Service("safety", "huracan_safety.service:run", "take in trades, judge the breakers, write trading.json")]


@hookimpl
def huracan_commands() -> Sequence[Command]:
    return [
        Command("trading", "whether trading may go on: kill switch, breakers, history", "huracan_safety.status"),
        Command("trades", "trades that models would have made; closed ones: record, list", "huracan_safety.command"),
    ]


@hookimpl
def huracan_chat_commands() -> Sequence[ChatCommand]:
    kill = "huracan_safety.chat:answer_kill"
    return [ChatCommand("kill", "stop trading at once: /kill REASON", kill, acts=True, confirm=True)]


@hookimpl
def huracan_checks() -> Sequence[Check]:
    from huracan_safety.status import check_trading

    return [Check("trading", check_trading)]
