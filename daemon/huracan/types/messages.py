"""Events, and the talk with the owner: what channels deliver and what commands answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from huracan.context import Context
    from huracan.types.health import CheckResult

__all__ = [
    "ChatCommand",
    "ChatReply",
    "Event",
    "Message",
    "Notifier",
    "Severity",
]


class Severity(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    @property
    def level(self) -> int:
        """Return its place in this order: what is graver has the higher one."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Event:
    """A fact worth telling; alerts and logs are views of events. ``fields`` hold JSON values, never secrets."""

    kind: str
    severity: Severity
    title: str
    time: datetime
    fields: Mapping[str, Any] = field(default_factory=dict)
    run_id: str | None = None
    job: str | None = None
    symbol: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What a channel is to deliver: one event, or those of a digest, oldest first.

    ``key`` stays the same over all attempts: a channel whose other side can drop doubles hands it on. ``replaces`` is
    the receipt of the message which this one is the grown version of, for a channel that edits in place. ``repeated``
    says that an earlier attempt may have arrived already (the process died between sending and noting it): mark it,
    but where it is edited in place, which looks the same done twice.
    """

    key: str
    events: tuple[Event, ...]
    replaces: str | None = None
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Notifier:
    """A channel that carries events to a person.

    ``deliver`` sends a message and returns a receipt by which it can be edited later, None where there is none. It
    raises :class:`huracan.errors.DeliveryError`, which says whether a later attempt may help. It is called by one
    process at a time, in the order in which the events happened. What it emits meanwhile as a warning or an error (one
    of several recipients is gone) is sent too, by all channels; anything less is recorded alone. ``check`` says how the
    channel is, without a message.
    """

    name: str
    deliver: Callable[[Context, Message], str | None]
    edits: bool = False
    """Whether a message that was delivered can be replaced by its grown version."""
    pause: float = 0.0
    """Least seconds between two messages."""
    check: Callable[[Context], CheckResult] | None = None
    is_set: Callable[[Context], bool] | None = None
    """Whether the settings say where to send to; until then nothing is kept for the channel. None: it needs no more."""
    kinds: tuple[str, ...] = ("*",)
    """Kinds of events that mean something to it; the settings choose among those."""
    least: Severity | None = None
    """Least severity that it needs whatever ``alerts.least`` says: a dead-man's switch wants good news. Settings of its
    own go before that."""
    immediate: bool = False
    """Give it every event at once, in the process where it happens, past the outbox: for files of this machine."""


# ------------------------------------------------------------------------------------------------- talk with the owner


@dataclass(frozen=True, slots=True)
class ChatReply:
    """What a chat command answers: lines of plain text, and what goes with them.

    ``table`` are rows of cells that a channel aligns (the first row is the heading), ``picture`` and ``file`` paths
    of this machine, ``buttons`` pairs of a label and the command that it gives (``("Log", "logs train")``).
    """

    text: str
    table: tuple[tuple[str, ...], ...] = ()
    picture: Path | None = None
    file: Path | None = None
    buttons: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ChatCommand:
    """A command that the owner gives by chat, as ``/coin BTC``.

    ``run`` is a reference to ``function(context, arguments) -> ChatReply``, arguments being the words behind the name;
    it raises HuracanError for what a person can mend. One that ``acts`` changes something; ``confirm`` asks first.
    """

    name: str
    help: str
    run: str
    acts: bool = False
    confirm: bool = False
