"""The channel ``pings``: tells a dead-man's switch when a run starts and how it ended, as Healthchecks wants it.

``URL/start``, then ``URL/0`` or ``URL/EXIT-STATUS``, each with ``rid=`` the run as a UUID and the summary as body
(healthchecks.io/docs/http_api). They go through the outbox as all messages do: an outage delays them, and no night.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from urllib.parse import urlencode

from huracan import __version__
from huracan.alerts.wording import word
from huracan.context import Context
from huracan.errors import DeliveryError, ExitCode
from huracan.types import Event, Message
from huracan_alerts.posting import post
from huracan_alerts.settings import PingSettings

__all__ = ["KINDS", "deliver", "is_set", "run_as_uuid"]

KINDS = ("run.started", "run.ended", "run.given-up")
START_IS_OLD = timedelta(minutes=10)
"""A start that could not be told in time would be taken for another run."""
_WELL = (int(ExitCode.DONE), int(ExitCode.NOTHING_TO_DO))


def is_set(context: Context) -> bool:
    """Say whether a pipeline has an address."""
    return bool(context.settings.section(PingSettings).pipelines)


def deliver(context: Context, message: Message) -> None:
    """Ping for each event of a message, oldest first. Raises DeliveryError."""
    settings = context.settings.section(PingSettings)
    for event in message.events:
        url = settings.pipelines.get(str(event.fields.get("pipeline", "")))
        ending = _ending(context, event)
        if url is None or ending is None:
            continue
        address = url.get_secret_value() + ending
        if event.run_id is not None:
            address += "?" + urlencode({"rid": run_as_uuid(event.run_id)})
        body = word(context.paths.workspace, Message(message.key, (event,))).text.encode("utf-8", "backslashreplace")
        headers = {"Content-Type": "text/plain; charset=utf-8", "User-Agent": f"huracan/{__version__}"}
        try:
            post(
                address, body, headers, timeout=settings.timeout_seconds, ca_file=settings.ca_file,
                what=f"the ping of {event.fields['pipeline']}",
            )  # fmt: skip
        except DeliveryError as error:
            # A ping that arrives twice does no harm.
            error.uncertain = False
            raise


def run_as_uuid(run_id: str) -> str:
    """Return the UUID that stands for a run: the same for its start and its end."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"huracan:run:{run_id}"))


def _ending(context: Context, event: Event) -> str | None:
    if event.kind == "run.started":
        return "/start" if context.clock.now() - event.time < START_IS_OLD else None
    code = event.fields.get("exit_code")
    if not isinstance(code, int):
        return "/fail"
    return "/0" if code in _WELL else f"/{min(max(code, 1), 255)}"
