"""What the command ``huracan alerts`` sends."""

from huracan.alerts.kinds import EventKind
from huracan.types import Severity

__all__ = ["EVENTS"]

EVENTS: tuple[EventKind, ...] = (
    EventKind("alerts.test", (Severity.INFO,), "`huracan alerts test CHANNEL`, to that channel alone"),
)
