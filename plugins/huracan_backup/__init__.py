"""Backups: everything that cannot be made again, in one encrypted archive, copied elsewhere and tested every night."""

from __future__ import annotations

from collections.abc import Sequence

from huracan import hookimpl
from huracan.types import BackupSource, ChatCommand, Check, Command, Job, Resources, SettingsSection


@hookimpl
def huracan_settings() -> Sequence[SettingsSection]:
    from huracan_backup.settings import BackupSettings

    return [SettingsSection("backup", BackupSettings)]


@hookimpl
def huracan_jobs() -> Sequence[Job]:
    return [
        Job(
            "backup",
            "huracan_backup.job:run",
            "back up store, champions, models, ledger and settings; copy, test and prune",
            after=("report",),
            time_limit=4 * 3600.0,
            stall_limit=600.0,
            always=True,
            resources=Resources(network=True, io_class="idle"),
        )
    ]


@hookimpl
def huracan_commands() -> Sequence[Command]:
    return [Command("backup", "backups: create, list, verify, restore, prune", "huracan_backup.command")]


@hookimpl
def huracan_chat_commands() -> Sequence[ChatCommand]:
    return [ChatCommand("backup", "the last backup, where its copies are, and how old", "huracan_backup.chat:backup")]


@hookimpl
def huracan_checks() -> Sequence[Check]:
    from huracan_backup.check import check_backup

    return [Check("backup", check_backup)]


@hookimpl
def huracan_backup_sources() -> Sequence[BackupSource]:
    from huracan_backup.switches import collect

    return [BackupSource("switches", collect)]
