"""The section ``monitor``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from huracan.config import Section
from huracan.health import TIME_LIMIT

__all__ = ["MonitorSettings"]

Seconds = Annotated[float, Field(ge=1, le=86400)]


class MonitorSettings(Section):
    """How often health is looked at, what is kept of it, and from when on it is bad."""

    interval_seconds: Seconds | None = Field(
        None, description="Seconds between two looks of every check; empty: each check's own interval."
    )
    intervals: Mapping[str, Seconds] = Field(
        {}, description="Seconds between two looks of single checks, by name: {exchange: 600}; comes first."
    )
    time_limit_seconds: float = Field(
        TIME_LIMIT, gt=0, le=600, description="How long one check may take, seconds; then it has failed."
    )
    confirm: int = Field(
        2, ge=1, le=100, description="Looks in a row that must find a change before an event tells of it."
    )
    keep_days: int = Field(30, ge=1, le=3660, description="Days for which the results of health checks are kept.")
    min_free_disk_gb: float = Field(
        5.0, ge=0, description="Free space of the workspace's disk below which it warns, GB."
    )
    min_free_memory_gb: float = Field(1.0, ge=0, description="Available memory below which it warns, GB.")
