"""Selects the coins worth studying, and remembers why the others were dropped."""

from __future__ import annotations

from collections.abc import Sequence

from huracan import hookimpl
from huracan.types import ChatCommand, Command, Job, Resources, SettingsSection, UniverseRule


@hookimpl
def huracan_settings() -> Sequence[SettingsSection]:
    from huracan_universe.settings import UniverseSettings

    return [SettingsSection("universe", UniverseSettings)]


@hookimpl
def huracan_jobs() -> Sequence[Job]:
    return [
        Job(
            "universe",
            "huracan_universe.job:run",
            "select the pairs worth studying, with reasons",
            after=("prepare",),
            time_limit=1800.0,
            stall_limit=600.0,
            resources=Resources(network=True),
        )
    ]


@hookimpl
def huracan_universe_rules() -> Sequence[UniverseRule]:
    from huracan_universe.rules import RULES

    return RULES


@hookimpl
def huracan_commands() -> Sequence[Command]:
    return [Command("universe", "show which pairs were selected, and why the others were not", "huracan_universe.show")]


@hookimpl
def huracan_chat_commands() -> Sequence[ChatCommand]:
    return [ChatCommand("universe", "the coins of the last selection", "huracan_universe.chat:answer_universe")]
