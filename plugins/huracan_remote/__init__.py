"""The remote store: tonight's folder in it, copies of everything as it appears, and a comparison at the end."""

from __future__ import annotations

from collections.abc import Sequence

from huracan import hookimpl
from huracan.types import Check, Command, Job, RemoteType, Resources, Service, SettingsSection


@hookimpl
def huracan_remotes() -> Sequence[RemoteType]:
    from huracan_remote.local import LocalSettings, open_local

    return [RemoteType("local", LocalSettings, open_local)]


@hookimpl
def huracan_settings() -> Sequence[SettingsSection]:
    from huracan_remote.settings import SyncSettings

    return [SettingsSection("sync", SyncSettings)]


@hookimpl
def huracan_services() -> Sequence[Service]:
    return [
        Service(
            "sync",
            "huracan_remote.service:run",
            "copy files to the remote store as they appear",
            resources=Resources(network=True, io_class="idle"),
        )
    ]


@hookimpl
def huracan_commands() -> Sequence[Command]:
    return [
        Command("sync", "copies in the remote store: what is not safe, copy now, restore", "huracan_remote.command")
    ]


@hookimpl
def huracan_jobs() -> Sequence[Job]:
    return [
        Job(
            "prepare",
            "huracan_remote.job:prepare",
            "make the remote store's folder of the night",
            time_limit=600.0,
            stall_limit=300.0,
            resources=Resources(network=True),
        ),
        Job(
            "finish",
            "huracan_remote.finish:run",
            "copy what is left to the remote store, and compare both sides by hash",
            after=("backup",),
            time_limit=3 * 3600.0,
            stall_limit=300.0,
            always=True,
            resources=Resources(network=True),
        ),
    ]


@hookimpl
def huracan_checks() -> Sequence[Check]:
    from huracan_remote.job import check_remote, check_sync

    return [Check("remote", check_remote), Check("sync", check_sync)]
