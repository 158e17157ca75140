"""One POST with a time limit for the whole of it, and what its answer means. The only file that speaks HTTP."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING

from huracan.errors import DeliveryError

if TYPE_CHECKING:
    import ssl

__all__ = ["post"]

MOST_BYTES = 64 * 1024
"""Of an answer; nobody needs more to know whether it was a good one."""
GRACE = 0.5
"""Seconds beyond the library's own limits, each of which is for one step: a server that drips keeps within those."""
NOT_LET_IN = 300.0
"""Seconds until a login that was refused is tried again: its owner can mend it, the message is as good as before."""
_TRANSIENT = frozenset({408, 425, 429})


def post(
    url: str, content: bytes, headers: Mapping[str, str], *, timeout: float, ca_file: Path | None = None, what: str
) -> None:
    """Send ``content`` within ``timeout`` seconds. Raises DeliveryError; its text never shows the address."""
    import httpx

    # It logs every address, and ours are secrets.
    logging.getLogger("httpx").setLevel(logging.WARNING)

    async def exchange() -> None:
        # What is set in the environment (proxies, .netrc) is no setting of this program.
        async with (
            asyncio.timeout(timeout + GRACE),
            httpx.AsyncClient(verify=trusted, timeout=timeout, trust_env=False) as client,
            client.stream("POST", url, content=content, headers=dict(headers)) as answer,
        ):
            await _read(answer.aiter_raw())
            _judge(answer.status_code, answer.headers, what)

    trusted = _trusted(ca_file)
    try:
        asyncio.run(exchange())
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise DeliveryError(f"{what} cannot be reached: {_words(error)}") from None
    except (httpx.TransportError, TimeoutError) as error:
        raise DeliveryError(f"{what} did not answer: {_words(error)}", uncertain=True) from None
    except (httpx.InvalidURL, httpx.HTTPError, ValueError) as error:
        raise DeliveryError(f"{what} cannot be used: {type(error).__name__}", permanent=True) from None


def _trusted(ca_file: Path | None) -> ssl.SSLContext | bool:
    import ssl

    if ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except OSError as error:
        raise DeliveryError(f"ca_file {ca_file} cannot be read: {error.strerror or error}") from None


async def _read(parts: AsyncIterator[bytes]) -> None:
    """Read the answer so that the connection ends well; one that never ends is cut off."""
    size = 0
    async for part in parts:
        size += len(part)
        if size > MOST_BYTES:
            return


def _judge(status: int, headers: Mapping[str, str], what: str) -> None:
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise DeliveryError(f"{what} answers {status}: it has moved; write its new address", permanent=True)
    said = f"{what} answers {status}"
    if status in (401, 403):
        raise DeliveryError(f"{said}: it does not let us in", retry_after=NOT_LET_IN)
    if status in _TRANSIENT or status >= 500:
        raise DeliveryError(said, retry_after=_retry_after(headers), uncertain=status in (500, 502, 504))
    raise DeliveryError(said, permanent=True)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Read Retry-After, seconds or a date (RFC 9110, 10.2.3); None for what makes no sense."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(min(int(text), 86_400))
    try:
        at = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(0.0, (at - datetime.now(UTC)).total_seconds()), 86_400.0)


def _words(error: BaseException) -> str:
    return " ".join(str(error).split()) or (
        "it took too long" if isinstance(error, TimeoutError) else type(error).__name__
    )
