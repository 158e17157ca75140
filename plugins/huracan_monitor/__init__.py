"""Watches the machine: health checks, a service that runs them, and a file that keeps every alert."""

from __future__ import annotations

from collections.abc import Sequence

from huracan import hookimpl
from huracan.types import Check, Notifier, Resources, Service, SettingsSection


@hookimpl
def huracan_settings() -> Sequence[SettingsSection]:
    from huracan_monitor.settings import MonitorSettings

    return [SettingsSection("monitor", MonitorSettings)]


@hookimpl
def huracan_checks() -> Sequence[Check]:
    from huracan_monitor import checks

    return [
        Check("workspace", checks.check_workspace),
        Check("disk", checks.check_disk, interval=60.0),
        Check("memory", checks.check_memory, interval=60.0),
        Check("clock", checks.check_clock),
        Check("database", checks.check_database),
        Check("exchange", checks.check_exchange),
        Check("alerts", checks.check_alerts),
        Check("services", checks.check_services, interval=60.0),
    ]


@hookimpl
def huracan_services() -> Sequence[Service]:
    return [
        Service(
            "monitor",
            "huracan_monitor.service:run",
            "run each health check when it is due, keep its history and write monitoring/health.json",
            stall_limit=300.0,
            resources=Resources(network=True),
        )
    ]


@hookimpl
def huracan_notifiers() -> Sequence[Notifier]:
    from huracan_monitor.alerts_file import append_alerts

    return [Notifier("alerts-file", append_alerts, immediate=True)]
