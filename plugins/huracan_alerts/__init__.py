"""Takes alerts to their channels: a service that delivers, the channels webhook and command, and dead-man pings."""

from __future__ import annotations

from collections.abc import Sequence

from huracan import hookimpl
from huracan.types import Check, Command, Notifier, Resources, Service, SettingsSection, Severity


@hookimpl
def huracan_settings() -> Sequence[SettingsSection]:
    from huracan_alerts.settings import AlertCommandSettings, PingSettings, WebhookSettings

    return [
        SettingsSection("webhook", WebhookSettings),
        SettingsSection("alert_command", AlertCommandSettings),
        SettingsSection("pings", PingSettings),
    ]


@hookimpl
def huracan_services() -> Sequence[Service]:
    return [
        Service(
            "alerts",
            "huracan_alerts.service:run",
            "take messages from the outbox to their channels",
            stall_limit=300.0,
            resources=Resources(network=True),
        )
    ]


@hookimpl
def huracan_notifiers() -> Sequence[Notifier]:
    from huracan_alerts import pings, program, webhook

    return [
        Notifier("webhook", webhook.deliver, is_set=webhook.is_set),
        Notifier("command", program.deliver, is_set=program.is_set, check=program.check),
        Notifier("pings", pings.deliver, is_set=pings.is_set, kinds=pings.KINDS, least=Severity.DEBUG),
    ]


@hookimpl
def huracan_checks() -> Sequence[Check]:
    from huracan_alerts.checks import check_channels

    return [Check("channels", check_channels, interval=600.0)]


@hookimpl
def huracan_commands() -> Sequence[Command]:
    return [Command("alerts", "messages that wait or failed, channels, a test message", "huracan_alerts.command")]
