"""What training tells of."""

from huracan.alerts.kinds import EventKind
from huracan.types import Severity

__all__ = ["EVENTS"]

_COUNTED = {"done": "coins that were dealt with so far", "total": "all coins of the night"}

EVENTS: tuple[EventKind, ...] = (
    EventKind(
        "model.trained", (Severity.INFO,),
        "a coin has its model; it holds the measures of `metrics.json` as well, and whether all gates were `passed`",
        {**_COUNTED, "seconds": "how long it took"}, more=True,
    ),
    EventKind("model.skipped", (Severity.WARNING,), "a coin has too little to learn from", _COUNTED),
    EventKind("model.failed", (Severity.ERROR,), "a coin failed for good; the others go on", _COUNTED),
    EventKind(
        "champion.rolled_back", (Severity.WARNING,), "a person put an earlier champion back",
        {"left": "id of the model that was champion", "champion": "id of the one that is"},
    ),
    EventKind(
        "roster.past", (Severity.WARNING,), "a night of a past market replaces the roster of a later one",
        {"replaced": "instant of the replaced one"},
    ),
)  # fmt: skip
