"""The channel ``email``: messages by SMTP over TLS."""

from __future__ import annotations

from collections.abc import Sequence

from huracan import hookimpl
from huracan.types import Notifier, SettingsSection


@hookimpl
def huracan_settings() -> Sequence[SettingsSection]:
    from huracan_email.settings import EmailSettings

    return [SettingsSection("email", EmailSettings)]


@hookimpl
def huracan_notifiers() -> Sequence[Notifier]:
    from huracan_email import notifier

    return [Notifier("email", notifier.Email().deliver, is_set=notifier.is_set, check=notifier.check)]
