"""What ``/report`` answers by chat: a night, day, week or month in a few lines, with picture and page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from huracan.errors import UsageError
from huracan.types import ChatReply
from huracan_reports.periods import Kind

if TYPE_CHECKING:
    from huracan.context import Context

__all__ = ["report"]


def report(context: Context, arguments: Sequence[str]) -> ChatReply:
    """Answer ``/report``, ``/report 2023-12-30`` or ``/report weekly`` from what jobs wrote; nothing is made anew.

    Raises UsageError for a word that is no date, and where there is no such report.
    """
    from huracan.paths import read_json
    from huracan_reports.folders import nightly_folder
    from huracan_reports.night import latest_night
    from huracan_reports.nightly import DOCUMENT, PAGE, PDF, PICTURE

    if len(arguments) > 1:
        raise UsageError("write /report, /report 2023-12-30 for an earlier night, or /report daily, weekly or monthly")
    if arguments and arguments[0].lower() in list(Kind):
        from huracan_reports.periods_chat import answer

        return answer(context, Kind(arguments[0].lower()))
    day = _day(arguments[0]) if arguments else latest_night(context)
    folder = nightly_folder(context.paths, day) if day else None
    document = read_json(folder / DOCUMENT) if folder else None
    if folder is None or document is None:
        raise UsageError(f"there is no report {f'of {day}' if day else 'yet'}; the job `report` writes one each night")
    text = "\n".join([f"Night of {document['run_date']}: {document['headline']}", *document["lines"]])
    picture = folder / PICTURE
    file = next((path for path in (folder / PDF, folder / PAGE) if path.is_file()), None)
    return ChatReply(text, picture=picture if picture.is_file() else None, file=file)


def _day(word: str) -> date:
    try:
        return date.fromisoformat(word)
    except ValueError:
        raise UsageError(f"{word!r} is no date; write it as 2023-12-30") from None
