"""The alert channel `stranger`: posts each message as JSON to a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from huracan.clock import format_instant
from huracan.context import Context
from huracan.errors import DeliveryError
from huracan.types import Event, Message

from huracan_stranger.settings import Settings

if TYPE_CHECKING:
    import httpx

__all__ = ["deliver", "is_set"]

MAY_PASS = frozenset({401, 403, 408, 425, 429})
"""Answers below 500 after which the same message may be taken later; 401 and 403 until the owner mends the token."""


def is_set(context: Context) -> bool:
    """Say whether the settings name a server: until then nothing is kept for this channel."""
    return bool(context.settings.section(Settings).url)


def deliver(context: Context, message: Message) -> None:
    """Post a message. Raises DeliveryError, which says whether a later attempt may help; no secret stands in it."""
    import httpx  # the daemon knows this channel without it

    settings = context.settings.section(Settings)
    headers = {"Idempotency-Key": message.key}
    if token := settings.token.get_secret_value():
        headers["Authorization"] = f"Bearer {token}"
    body = {"repeated": message.repeated, "events": [_told(event) for event in message.events]}
    try:
        with httpx.Client(timeout=settings.timeout_seconds, trust_env=False) as client:
            answer = client.post(settings.url, json=body, headers=headers)
    except (httpx.ConnectError, httpx.ConnectTimeout):
        raise DeliveryError("the server cannot be reached") from None
    except httpx.TransportError as error:
        raise DeliveryError(f"the server did not answer ({type(error).__name__})", uncertain=True) from None
    if not answer.is_success:
        raise _refused(answer)


def _told(event: Event) -> dict[str, Any]:
    return {
        "time": format_instant(event.time),
        "kind": event.kind,
        "severity": event.severity.value,
        "title": event.title,
        "symbol": event.symbol,
        "fields": dict(event.fields),
    }


def _refused(answer: httpx.Response) -> DeliveryError:
    said = f"the server answers {answer.status_code}"
    if answer.status_code < 500 and answer.status_code not in MAY_PASS:
        return DeliveryError(said, permanent=True)
    wait = answer.headers.get("Retry-After", "")
    return DeliveryError(said, retry_after=float(wait) if wait.isascii() and wait.isdigit() else None)
