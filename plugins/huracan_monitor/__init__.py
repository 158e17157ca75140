"""Watches the machine: health checks, a service that runs them, and a file that keeps every alert."""

from __future__ import annotations

from collections.abc import Sequence

from huracan import hookimpl
from huracan.types import Check, Notifier, Service, SettingsSection, Severity


@hookimpl
def huracan_settings() -> Sequence[SettingsSection]:
    from huracan_monitor.settings import MonitorSettings

    return [SettingsSection("monitor", MonitorSettings)]


@hookimpl
def huracan_checks() -> Sequence[Check]:
    from huracan_monitor import checks

    return [
        Check("workspace", checks.check_workspace),
        Check("disk", checks.check_disk),
        Check("memory", checks.check_memory),
        Check("clock", checks.check_clock),
        Check("database", checks.check_database),
        Check("exchange", checks.check_exchange),
    ]


@hookimpl
def huracan_services() -> Sequence[Service]:
    return [
        Service(
            "monitor",
            "huracan_monitor.service:run",
            "run all health checks now and then and write monitoring/health.json",
            stall_limit=900.0,
        )
    ]


@hookimpl
def huracan_notifiers() -> Sequence[Notifier]:
    from huracan_monitor.alerts_file import append_alert

    return [Notifier("alerts-file", append_alert, Severity.WARNING)]
