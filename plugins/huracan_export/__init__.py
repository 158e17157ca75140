"""Writes every export that plugins bring into one dated folder, and an index of them last."""

from __future__ import annotations

from collections.abc import Sequence

from huracan import hookimpl
from huracan.types import Export, Job


@hookimpl
def huracan_jobs() -> Sequence[Job]:
    return [
        Job(
            "export",
            "huracan_export.job:run",
            "write tables for people and other programs",
            after=("universe", "roster"),
            time_limit=1800.0,
            stall_limit=600.0,
        )
    ]


@hookimpl
def huracan_exports() -> Sequence[Export]:
    from huracan_export.universe import write_universe_selection

    return [Export("universe_selection", "csv", write_universe_selection)]
