"""The channel ``webhook``: each message as JSON by POST, signed, with a key by which the other side drops doubles.

``X-Huracan-Signature: t=SECONDS,v1=HEX`` is HMAC-SHA256 of ``SECONDS.BODY`` with the shared secret.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

from huracan import __version__
from huracan.context import Context
from huracan.types import Message
from huracan_alerts.document import as_bytes
from huracan_alerts.posting import post
from huracan_alerts.settings import WebhookSettings

__all__ = ["deliver", "is_set", "signature"]


def is_set(context: Context) -> bool:
    """Say whether the settings name an address."""
    return bool(context.settings.section(WebhookSettings).url.get_secret_value())


def deliver(context: Context, message: Message) -> None:
    """Post a message. Raises DeliveryError."""
    settings = context.settings.section(WebhookSettings)
    body = as_bytes(context, message)
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": message.key,
        "User-Agent": f"huracan/{__version__}",
    }
    if secret := settings.secret.get_secret_value():
        headers["X-Huracan-Signature"] = signature(secret, body, context.clock.now())
    url = settings.url.get_secret_value()
    post(url, body, headers, timeout=settings.timeout_seconds, ca_file=settings.ca_file, what="the webhook")


def signature(secret: str, body: bytes, at: datetime) -> str:
    """Return the header that proves who sent ``body`` and when."""
    seconds = int(at.timestamp())
    digest = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256)
    return f"t={seconds},v1={digest.hexdigest()}"
