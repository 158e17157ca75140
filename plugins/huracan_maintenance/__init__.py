"""Looks after the installation: clean-up, known vulnerabilities, newer versions, self-test, and a report of the day."""

from __future__ import annotations

from collections.abc import Sequence

from huracan import hookimpl
from huracan.types import Command, Job, ReportSection, Resources, SettingsSection

_PIPELINE = "maintenance"


@hookimpl
def huracan_settings() -> Sequence[SettingsSection]:
    from huracan_maintenance.settings import MaintenanceSettings

    return [SettingsSection("maintenance", MaintenanceSettings)]


@hookimpl
def huracan_jobs() -> Sequence[Job]:
    return [
        Job(
            "cleanup",
            "huracan_maintenance.cleanup:run",
            "delete what is old or too much, and nothing that is needed or has no copy",
            pipeline=_PIPELINE,
            stall_limit=600.0,
            resources=Resources(io_class="idle"),
        ),
        Job(
            "vulnerabilities",
            "huracan_maintenance.vulnerabilities:run",
            "look for known vulnerabilities in the installed packages (pip-audit)",
            pipeline=_PIPELINE,
            time_limit=1800.0,
            resources=Resources(network=True),
        ),
        Job(
            "self-test",
            "huracan_maintenance.selftest:run",
            "play a small night in a folder of its own and look at what came of it",
            pipeline=_PIPELINE,
            time_limit=1200.0,
            retries=1,
            resources=Resources(cpu_weight=50),
        ),
        Job(
            "update-check",
            "huracan_maintenance.updates:run",
            "ask the package index for a newer Huracan",
            pipeline=_PIPELINE,
            time_limit=120.0,
            retries=0,
            resources=Resources(network=True),
        ),
        Job(
            "daily-report",
            "huracan_maintenance.report:run",
            "write what the last day brought to reports/daily",
            pipeline=_PIPELINE,
            after=("cleanup", "vulnerabilities", "self-test", "update-check"),
            time_limit=600.0,
            always=True,
        ),
    ]


@hookimpl
def huracan_report_sections() -> Sequence[ReportSection]:
    from huracan_maintenance import sections

    return [
        ReportSection("runs", sections.runs),
        ReportSection("champions", sections.champions),
        ReportSection("health", sections.health),
        ReportSection("disk", sections.disk),
        ReportSection("events", sections.events),
        ReportSection("security", sections.security),
        ReportSection("next", sections.coming),
    ]


@hookimpl
def huracan_commands() -> Sequence[Command]:
    return [
        Command("cleanup", "delete what is old or too much; --dry-run names it", "huracan_maintenance.cleanup_command"),
        Command("self-test", "play a small night in a folder of its own", "huracan_maintenance.selftest_command"),
    ]
