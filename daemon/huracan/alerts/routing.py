"""Decides which channels an event goes to, what tells the same, what belongs together and when a channel is quiet."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from huracan.due import time_of_day
from huracan.errors import StopRequested
from huracan.store import Address
from huracan.types import Event, Notifier, Severity

if TYPE_CHECKING:
    from huracan.config import AlertSettings, ChannelSettings
    from huracan.context import Context

__all__ = ["ABOUT_CHANNELS", "addresses", "channel_settings", "channels", "group_of", "quiet_until", "same_key"]

ABOUT_CHANNELS = "alerts."
"""What the kinds of events about channels begin with."""
_NOT_TO_ITSELF = f"{ABOUT_CHANNELS}channel-"
"""That it is dead or back a channel cannot tell of itself. What it lost it tells later: it may be the only one."""

_DURATION = re.compile(r"\d+(?:\.\d+)?(?= (?:s|min|h|ms)\b)")


def channels(context: Context) -> Mapping[str, Notifier]:
    """Return the channels that the settings let something be sent to, by name."""
    return {
        name: notifier
        for name, notifier in context.plugins.notifiers().items()
        if not notifier.immediate
        and channel_settings(context.settings.core.alerts, name).enabled
        and _is_set(context, notifier)
    }


def _is_set(context: Context, notifier: Notifier) -> bool:
    """Ask a channel whether it is set; one that cannot say must not silence the others."""
    try:
        return notifier.is_set is None or notifier.is_set(context)
    except (KeyboardInterrupt, StopRequested):
        raise
    except BaseException:  # a plugin's sys.exit, too
        context.log.exception("the channel %s cannot say whether it is set; nothing is sent there", notifier.name)
        return False


def channel_settings(settings: AlertSettings, name: str) -> ChannelSettings:
    """Return what holds for one channel."""
    from huracan.config import ChannelSettings

    return settings.channels.get(name) or ChannelSettings()


def addresses(settings: AlertSettings, event: Event, known: Iterable[Notifier]) -> list[Address]:
    """Return where an event goes, of these channels."""
    found = []
    for notifier in known:
        name, own = notifier.name, channel_settings(settings, notifier.name)
        if not (_is_wanted(settings, own, notifier, event) and _matches(event, notifier.kinds)) or _is_about(
            event, name
        ):
            continue
        hours = settings.expire_hours if own.expire_hours is None else own.expire_hours
        same = uuid.uuid4().hex if _matches(event, settings.each_time) else same_key(event)
        found.append(Address(name, event.time + timedelta(hours=hours), same, group_of(settings, event)))
    return found


def same_key(event: Event) -> str:
    """Return what is equal for events that tell the same; durations in a title make no difference."""
    title = _DURATION.sub("", event.title)
    told = (event.kind, event.severity.value, title, event.symbol or "", event.run_id or "")
    return hashlib.sha256("\0".join(told).encode("utf-8", "backslashreplace")).hexdigest()[:32]


def group_of(settings: AlertSettings, event: Event) -> str | None:
    """Return the name of the message that an event is a part of, None where it stands for itself."""
    if event.run_id is None:
        return None
    pattern = next((each for each in settings.digest if fnmatchcase(event.kind, each)), None)
    return None if pattern is None else f"{event.run_id}/{pattern}"


def quiet_until(quiet: str, now: datetime) -> datetime | None:
    """Return when the quiet hours end that an instant lies in (``22:00-06:00``, UTC), None outside of them."""
    if not quiet:
        return None
    begins, ends = map(time_of_day, quiet.split("-"))
    at = now.time()
    inside = begins <= at < ends if begins < ends else (at >= begins or at < ends)
    if not inside:
        return None
    end = now.replace(hour=ends.hour, minute=ends.minute, second=0, microsecond=0)
    return end if end > now else end + timedelta(days=1)


def _is_wanted(settings: AlertSettings, own: ChannelSettings, notifier: Notifier, event: Event) -> bool:
    least = Severity(own.least or notifier.least or settings.least)  # a plugin may write the word alone
    if event.severity.level < least.level:
        return False
    return _matches(event, own.kinds) and not _matches(event, own.without)


def _matches(event: Event, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(event.kind, each) for each in patterns)


def _is_about(event: Event, name: str) -> bool:
    return event.kind.startswith(_NOT_TO_ITSELF) and event.fields.get("channel") == name
