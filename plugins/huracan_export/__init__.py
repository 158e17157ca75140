"""Writes every export that plugins bring into one dated folder, and an index of them last."""

from __future__ import annotations

from collections.abc import Sequence

from huracan import hookimpl
from huracan.types import Command, Export, Job, SettingsSection


@hookimpl
def huracan_settings() -> Sequence[SettingsSection]:
    from huracan_export.settings import ExportSettings

    return [SettingsSection("export", ExportSettings)]


@hookimpl
def huracan_jobs() -> Sequence[Job]:
    return [
        Job(
            "export",
            "huracan_export.job:run",
            "write tables for people and other programs",
            after=("universe", "roster", "journal"),
            time_limit=1800.0,
            stall_limit=600.0,
        )
    ]


@hookimpl
def huracan_exports() -> Sequence[Export]:
    from huracan_export.models import MODELS
    from huracan_export.records import RECORDS
    from huracan_export.trades import TRADES
    from huracan_export.universe import UNIVERSE_SELECTION

    return [UNIVERSE_SELECTION, *TRADES, *MODELS, *RECORDS]


@hookimpl
def huracan_commands() -> Sequence[Command]:
    return [Command("export", "write exports now: of any days, to any folder, to a pipe", "huracan_export.command")]
