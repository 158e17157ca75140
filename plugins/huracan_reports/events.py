"""What reports tell of."""

from huracan.alerts.kinds import EventKind
from huracan.types import Severity

__all__ = ["EVENTS"]

EVENTS: tuple[EventKind, ...] = (
    EventKind(
        "report.ready", (Severity.INFO,), "the report of a night, day, week or month is there",
        {
            "lines": "what stands in it, in a few lines", "picture": "file of its picture, null where there is none",
            "files": "its page and its PDF",
        },
    ),
)  # fmt: skip
