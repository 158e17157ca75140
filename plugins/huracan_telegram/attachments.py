"""Which files go with a message. The chart of a night stands under its end, beside the roster, and comes once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from huracan.alerts.routing import addresses
from huracan.context import Context
from huracan.types import Event, Severity

__all__ = ["WITH_ROSTER", "Attachment", "attachments_of"]

WITH_ROSTER = ("nightly", "train", "roster")
"""Runs of which the roster is the result."""
REPORT, ENDS = "report.ready", ("run.ended", "run.given-up")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of this machine, its path below the workspace or absolute; a ``picture`` is shown, not only offered."""

    path: str
    picture: bool = False


def attachments_of(context: Context, event: Event) -> Iterator[Attachment]:
    """Yield what an event names; the picture of a report waits for the end of its night, where that will be told."""
    picture = event.fields.get("picture")
    if event.kind in ENDS and not picture and _has_roster(context, event):
        picture = _of_report(context, event)
    elif event.kind == REPORT and _has_roster(context, event) and _is_told_of_ends(context, event):
        picture = None
    if isinstance(picture, str) and picture:
        yield Attachment(picture, picture=True)
    files = event.fields.get("files")
    for path in files if isinstance(files, (list, tuple)) else ():
        yield Attachment(str(path))


def _has_roster(context: Context, event: Event) -> bool:
    run = None if event.run_id is None else context.store.ledger.run_by_id(event.run_id)
    return run is not None and run.pipeline in WITH_ROSTER


def _of_report(context: Context, event: Event) -> object:
    """Return the picture that the newest report of a run named."""
    assert event.run_id is not None
    found = context.store.events.newest_of_run(event.run_id, REPORT)
    return None if found is None else found.fields.get("picture")


def _is_told_of_ends(context: Context, event: Event) -> bool:
    """Say whether the settings let this channel hear how the run ended."""
    channel = context.plugins.notifiers().get("telegram")
    end = replace(event, kind=ENDS[0], severity=Severity.INFO)
    return channel is not None and bool(addresses(context.settings.core.alerts, end, [channel]))
