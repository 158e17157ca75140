"""What the health checks tell of."""

from huracan.alerts.kinds import EventKind
from huracan.types import Severity

__all__ = ["EVENTS"]

EVENTS: tuple[EventKind, ...] = (
    EventKind(
        "health", (Severity.INFO, Severity.WARNING, Severity.ERROR),
        "a check changed its state and kept to it: ok (info), warning, or failed (error)",
        {
            "check": "its name", "before": "the state that was", "state": "the state that is",
            "bad_seconds": "how long it was not well", "hint": "how to mend it",
        },
    ),
)  # fmt: skip
