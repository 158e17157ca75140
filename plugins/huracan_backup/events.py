"""What backups tell of."""

from huracan.alerts.kinds import EventKind
from huracan.types import Severity

__all__ = ["EVENTS"]

EVENTS: tuple[EventKind, ...] = (
    EventKind(
        "backup.done", (Severity.INFO,), "a backup was made, copied to every place and tested",
        {
            "id": "its name", "bytes": "its size", "added": "bytes that were new", "seconds": "how long it took",
            "places": "where its copies are",
        },
    ),
    EventKind(
        "backup.failed", (Severity.WARNING, Severity.ERROR),
        "something is wrong with a backup that was made (warning), or none could be made (error)",
        {"id": "its name", "problems": "a line each", "summary": "what was done"},
    ),
)  # fmt: skip
