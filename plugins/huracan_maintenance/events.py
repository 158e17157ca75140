"""What maintenance tells of."""

from huracan.alerts.kinds import EventKind
from huracan.types import Severity

__all__ = ["EVENTS"]

_FREED = {"freed": "bytes that were freed"}

EVENTS: tuple[EventKind, ...] = (
    EventKind(
        "report.daily", (Severity.DEBUG, Severity.INFO), "the daily report is written (debug: `report.ready` tells it)",
        {"report": "its file", "sections": "the headline of each section that has one"},
    ),
    EventKind(
        "cleanup.freed", (Severity.INFO,), "clean-up deleted much", {**_FREED, "items": "number of files and folders"}
    ),
    EventKind(
        "cleanup.urgent", (Severity.WARNING,), "the disk was nearly full, and the oldest was deleted before its time",
        {**_FREED, "items": "number of files and folders"},
    ),
    EventKind(
        "cleanup.short", (Severity.ERROR,), "the disk is nearly full, and nothing more may be deleted",
        {**_FREED, "waiting": "number of files that may go once they are copied"},
    ),
    EventKind("self-test.failed", (Severity.ERROR,), "a step of the self-test failed", {"steps": "names of those"}),
    EventKind(
        "vulnerabilities.found", (Severity.WARNING,),
        "installed packages have known vulnerabilities that were not told",
        {"packages": "a line for each"},
    ),
    EventKind(
        "vulnerabilities.unknown", (Severity.WARNING,), "nobody could be asked about vulnerabilities for a long time",
        {"since": "when it last worked"},
    ),
    EventKind(
        "update.available", (Severity.INFO,), "there is a newer release of Huracan",
        {"version": "the newest", "installed": "this one"},
    ),
)  # fmt: skip
