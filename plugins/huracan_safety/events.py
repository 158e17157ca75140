"""What the breakers tell of besides their own changes, which the core tells (``breaker.*``, ``kill.*``)."""

from huracan.alerts.kinds import EventKind
from huracan.types import Severity

__all__ = ["EVENTS"]

EVENTS: tuple[EventKind, ...] = (
    EventKind("kill.gone", (Severity.ERROR,), "the file of the kill switch is gone, and it was on: it is thrown anew"),
    EventKind("safety.blind", (Severity.ERROR,), "the breakers cannot be judged, or do not see new trades"),
    EventKind("safety.sees", (Severity.INFO,), "the breakers are judged again"),
    EventKind(
        "trades.refused", (Severity.ERROR,), "a file of trades cannot be used and was set aside",
        {"file": "where it is, with a text that says why"},
    ),
)  # fmt: skip
