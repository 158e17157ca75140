"""The remote store: chooses it, makes tonight's folder in it before anything else, and watches that it is there."""

from __future__ import annotations

from collections.abc import Sequence

from huracan import hookimpl
from huracan.types import Check, Job, RemoteType


@hookimpl
def huracan_remotes() -> Sequence[RemoteType]:
    from huracan_remote.local import LocalSettings, open_local

    return [RemoteType("local", LocalSettings, open_local)]


@hookimpl
def huracan_jobs() -> Sequence[Job]:
    return [
        Job(
            "prepare",
            "huracan_remote.job:prepare",
            "make the remote store's folder of the night",
            time_limit=600.0,
            stall_limit=300.0,
        )
    ]


@hookimpl
def huracan_checks() -> Sequence[Check]:
    from huracan_remote.job import check_remote

    return [Check("remote", check_remote)]
