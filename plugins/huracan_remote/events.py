"""What copies tell of."""

from huracan.alerts.kinds import EventKind
from huracan.types import Severity

__all__ = ["EVENTS"]

EVENTS: tuple[EventKind, ...] = (
    EventKind("remote.away", (Severity.WARNING,), "at the beginning of a night the remote store cannot be used"),
    EventKind(
        "sync.away", (Severity.WARNING, Severity.ERROR),
        "copies have waited for `sync.alert_minutes`, or the store refuses us (error, at once)",
        {"refused": "whether it refuses us"},
    ),
    EventKind("sync.back", (Severity.INFO,), "the remote store is back, and copies are up to date"),
    EventKind(
        "sync.lost", (Severity.WARNING,), "copies were gone or damaged over there; they are made again",
        {"lost": "a line each, the first fifty"},
    ),
)  # fmt: skip
