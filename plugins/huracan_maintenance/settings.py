"""The section ``maintenance``."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from huracan.config import Section

__all__ = ["Keep", "KeepModels", "MaintenanceSettings"]

_DAYS = "Days after its last change at which it goes; 0: never for its age."
_GIGABYTES = "Most that all of it may take, GB; the oldest goes first. 0: no limit."
_NEWEST = "The newest so many stay, whatever their age and size."


class Keep(Section):
    """How long one kind of artefacts is kept, and how much of it."""

    days: float = Field(365.0, ge=0, description=_DAYS)
    gigabytes: float = Field(2.0, ge=0, description=_GIGABYTES)
    newest: int = Field(7, ge=1, description=_NEWEST)


class KeepModels(Keep):
    """Model folders. One that a champion, the roster or the history of champions needs stays anyway."""

    days: float = Field(30.0, ge=0, description=_DAYS)
    gigabytes: float = Field(20.0, ge=0, description=_GIGABYTES)
    newest: int = Field(3, ge=1, description="The newest so many of each symbol stay, whatever their age and size.")


class KeepRuns(Keep):
    """What a night left about itself (runs/): universe, candles, status."""

    days: float = Field(90.0, ge=0, description=_DAYS)


class KeepSummaries(Keep):
    """Summaries of nights (summary/)."""


class KeepExports(Keep):
    """Tables for people and other programs (exports/)."""

    days: float = Field(30.0, ge=0, description=_DAYS)
    gigabytes: float = Field(5.0, ge=0, description=_GIGABYTES)


class KeepLearning(Keep):
    """Comparisons of models (learning/)."""

    days: float = Field(90.0, ge=0, description=_DAYS)


class KeepMeta(Keep):
    """Shared encoders (meta/); models hold the numbers that they need themselves."""

    days: float = Field(30.0, ge=0, description=_DAYS)
    gigabytes: float = Field(5.0, ge=0, description=_GIGABYTES)


class KeepReports(Keep):
    """Reports: the newest of each sort stay (reports/daily/, reports/nightly/)."""


class KeepLogs(Keep):
    """Rotated logs (logs/huracan.jsonl.1 and so on); logging.file_count limits them besides."""

    days: float = Field(30.0, ge=0, description=_DAYS)
    newest: int = Field(1, ge=1, description=_NEWEST)


class KeepQuarantine(Keep):
    """Damaged candle files that were set aside (data/quarantine/)."""

    days: float = Field(30.0, ge=0, description=_DAYS)
    newest: int = Field(1, ge=1, description=_NEWEST)


class KeepAlerts(Keep):
    """Alert files that were rotated (monitoring/alerts-*.jsonl)."""

    days: float = Field(180.0, ge=0, description=_DAYS)
    newest: int = Field(1, ge=1, description=_NEWEST)


class KeepTrades(Keep):
    """Trade files that were taken into the store (trading/done/)."""

    days: float = Field(30.0, ge=0, description=_DAYS)
    newest: int = Field(1, ge=1, description=_NEWEST)


class MaintenanceSettings(Section):
    """What is kept and for how long, and what is looked at besides: vulnerabilities, newer versions."""

    models: KeepModels = Field(default_factory=KeepModels, description="Model folders.")
    runs: KeepRuns = Field(default_factory=KeepRuns, description="What nights left about themselves.")
    summary: KeepSummaries = Field(default_factory=KeepSummaries, description="Summaries of nights.")
    exports: KeepExports = Field(default_factory=KeepExports, description="Tables for people and programs.")
    learning: KeepLearning = Field(default_factory=KeepLearning, description="Comparisons of models.")
    meta: KeepMeta = Field(default_factory=KeepMeta, description="Shared encoders.")
    reports: KeepReports = Field(default_factory=KeepReports, description="Reports, each sort by itself.")
    logs: KeepLogs = Field(default_factory=KeepLogs, description="Rotated logs.")
    quarantine: KeepQuarantine = Field(default_factory=KeepQuarantine, description="Damaged files set aside.")
    alerts: KeepAlerts = Field(default_factory=KeepAlerts, description="Rotated alert files.")
    trades: KeepTrades = Field(default_factory=KeepTrades, description="Trade files that were taken in.")
    alerts_megabytes: float = Field(
        20.0, gt=0, description="Size at which monitoring/alerts.jsonl is set aside and begun anew, MB."
    )
    events_days: float = Field(365.0, ge=0, description="Days after which events leave the store; 0: never.")
    min_free_gb: float = Field(
        1.0, ge=0, description="Free space below which the oldest of all goes first, whatever its age, GB; 0: never."
    )
    vulnerability_service: Literal["pypi", "osv"] = Field(
        "pypi", description="Whom pip-audit asks: pypi (pypi.org) or osv (osv.dev, or osv_url)."
    )
    osv_url: str = Field("https://api.osv.dev/v1/query", description="Where OSV's questions are sent to.")
    scan_max_age_days: float = Field(
        7.0, gt=0, description="An event warns when no scan for vulnerabilities has worked for so many days."
    )
    scan_minutes: float = Field(10.0, gt=0, le=25, description="A scan that takes longer is given up, minutes.")
    ignore_vulnerabilities: dict[str, str] = Field(
        default_factory=dict, description="Findings that are no matter here: id, as PYSEC-2024-1, with the reason why."
    )
    index_url: str = Field(
        "https://pypi.org", description="Package index that is asked for newer versions; empty: none is asked."
    )

    @field_validator("osv_url", "index_url")
    @classmethod
    def _an_address_without_secrets(cls, value: str) -> str:
        if not value:
            return value
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("write an address as https://pypi.org")
        if parts.username or parts.password:
            raise ValueError("an address must not hold a name or a password; it would be seen in reports")
        return value.rstrip("/")

    @field_validator("ignore_vulnerabilities", mode="before")
    @classmethod
    def _each_with_a_reason(cls, value: Any) -> Any:
        if isinstance(value, dict) and any(not isinstance(each, str) or not each.strip() for each in value.values()):
            raise ValueError("say a reason for each id, as {PYSEC-2024-1: we never parse such files}")
        return value
