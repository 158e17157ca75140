"""What the plugin declares: it speaks SMTP only once a letter is to go. Whoever asks for channels loads no TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from huracan.context import Context
from huracan.types import CheckResult, Message
from huracan_email.settings import EmailSettings

if TYPE_CHECKING:
    from huracan_email.channel import Channel

__all__ = ["Email", "check", "is_set"]


def is_set(context: Context) -> bool:
    """Say whether the settings name a server and somebody to write to."""
    settings = context.settings.section(EmailSettings)
    return bool(settings.host and settings.to)


def check(context: Context) -> CheckResult:
    """Does the server let us in? No letter is sent."""
    from huracan_email import channel

    return channel.check(context)


class Email:
    """The channel, made when the first message is to go."""

    def __init__(self) -> None:
        self._channel: Channel | None = None

    def deliver(self, context: Context, message: Message) -> None:
        """Send a message as a letter to all recipients. Raises DeliveryError."""
        from huracan_email.channel import Channel

        if self._channel is None:
            self._channel = Channel()
        self._channel.deliver(context, message)
