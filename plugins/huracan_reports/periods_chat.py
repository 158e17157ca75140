"""What ``/report weekly`` and the like answer by chat: the newest report of its kind, as it was written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from huracan.errors import UsageError
from huracan.types import ChatReply

if TYPE_CHECKING:
    from huracan.context import Context
    from huracan_reports.periods import Kind

__all__ = ["answer"]


def answer(context: Context, kind: Kind) -> ChatReply:
    """Answer with the newest report of a kind; nothing is made anew. Raises UsageError where there is none."""
    from huracan.paths import read_json
    from huracan_reports.periods_write import phone_lines

    folder = context.paths.workspace / "reports" / kind.value
    # The document is written last; a day has one before it has a page.
    whole = [file for file in folder.glob("20*.json") if file.with_suffix(".html").is_file()]
    newest = max(whole, default=None)
    report = read_json(newest) if newest else None
    if newest is None or report is None:
        raise UsageError(f"there is no {kind} report yet; the job `period-reports` of the maintenance writes them")
    text = "\n".join([f"{newest.stem}: {report.get('headline')}", *phone_lines(report)])
    picture = newest.with_suffix(".png")
    file = next(path for path in map(newest.with_suffix, (".pdf", ".html")) if path.is_file())
    return ChatReply(text, picture=picture if picture.is_file() else None, file=file)
