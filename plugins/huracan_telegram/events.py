"""What the Telegram bot tells of."""

from huracan.alerts.kinds import EventKind
from huracan.types import Severity

__all__ = ["EVENTS"]

EVENTS: tuple[EventKind, ...] = (
    EventKind(
        "telegram.chat-moved", (Severity.WARNING,), "a group has another id now",
        {"old": "the id that the settings have", "new": "the one to write there"},
    ),
    EventKind(
        "telegram.conflict", (Severity.ERROR,), "somebody else takes the commands of this bot",
        {"detail": "what Telegram says", "hint": "how to mend it"},
    ),
    EventKind(
        "telegram.stranger", (Severity.WARNING,),
        "others than the allowed users wrote to the bot; at most once an hour",
        {"count": "number of messages", "users": "ids of those who wrote"},
    ),
)  # fmt: skip
