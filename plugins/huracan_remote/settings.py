"""The section ``sync``."""

from __future__ import annotations

from pydantic import Field

from huracan.config import Section

__all__ = ["SyncSettings"]


class SyncSettings(Section):
    """How the remote store is kept up to date. Files are copied as they appear; the intervals catch what was missed."""

    watch: bool = Field(True, description="Copy files within seconds of their change, where the system tells of it.")
    settle_seconds: float = Field(
        2.0, ge=0, le=60, description="A file that changed less long ago is not copied yet: somebody may still write."
    )
    learning_minutes: float = Field(
        5.0, gt=0, le=1440, description="Between two looks at runs, champions, summary and learning."
    )
    reports_minutes: float = Field(
        5.0, gt=0, le=1440, description="Between two looks at logs, monitoring, reports and config."
    )
    models_minutes: float = Field(30.0, gt=0, le=1440, description="Between two looks at models, meta and exports.")
    candles_new_minutes: float = Field(5.0, gt=0, le=1440, description="Between two looks for new candle files.")
    candles_all_minutes: float = Field(120.0, gt=0, le=1440, description="Between two looks at all candle files.")
    kilobytes_per_second: float = Field(
        0.0, ge=0, description="Most that is sent, kB/s; 0: as fast as the line allows."
    )
    alert_minutes: float = Field(
        30.0, ge=0, description="How long the remote store may be away before an event says so."
    )
