"""Keeps a local cache of candles: fetches what is missing, checks it, and never hands out what cannot be."""

from __future__ import annotations

from collections.abc import Sequence

from huracan import hookimpl
from huracan.types import Job, Resources, SettingsSection


@hookimpl
def huracan_settings() -> Sequence[SettingsSection]:
    from huracan_candles.settings import CandleSettings

    return [SettingsSection("candles", CandleSettings)]


@hookimpl
def huracan_jobs() -> Sequence[Job]:
    return [
        Job(
            "candles",
            "huracan_candles.job:run",
            "bring the candles of the selected pairs up to date",
            after=("universe",),
            time_limit=6 * 3600.0,
            stall_limit=300.0,
            resources=Resources(network=True),
        )
    ]
