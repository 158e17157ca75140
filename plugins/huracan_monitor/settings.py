"""The section ``monitor``."""

from __future__ import annotations

from pydantic import Field

from huracan.config import Section

__all__ = ["MonitorSettings"]


class MonitorSettings(Section):
    """How often health is looked at, and from when on it is bad."""

    interval_seconds: float = Field(300.0, ge=1, le=600, description="Seconds between two rounds of health checks.")
    min_free_disk_gb: float = Field(
        5.0, ge=0, description="Free space of the workspace's disk below which it warns, GB."
    )
    min_free_memory_gb: float = Field(1.0, ge=0, description="Available memory below which it warns, GB.")
