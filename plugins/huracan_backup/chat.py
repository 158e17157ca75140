"""What ``/backup`` answers: whether there is a fresh backup, where, and since when not."""

from __future__ import annotations

from collections.abc import Sequence

from huracan.context import Context
from huracan.errors import UsageError
from huracan.types import ChatReply
from huracan_backup.check import check_backup
from huracan_backup.report import read_report, size_text

__all__ = ["backup"]


def backup(context: Context, arguments: Sequence[str]) -> ChatReply:
    """Say how the last backup went; ``/backup now`` starts the job. Raises UsageError for other words."""
    if list(arguments) == ["now"]:
        return ChatReply("Start it with the button.", buttons=(("Back up now", "run backup"),))
    if arguments:
        raise UsageError("/backup takes no words, or `now`")
    found = check_backup(context)
    report = read_report(context)
    lines = [f"Backup {found.state.value}: {found.detail}"]
    if found.hint:
        lines.append(found.hint)
    last = report["last"]
    if last is not None:
        lines.append(f"{last['at'].replace('T', ' ')[:16]}Z: {last['files']:,} files, {size_text(last['bytes'])}")
        lines += [str(line) for line in last["problems"][:3]]
    rows = [
        (name, "ok" if not about.get("problem") else "waits", str(about.get("tested_at", "-"))[:16].replace("T", " "))
        for name, about in report["places"].items()
    ]
    table = (("place", "state", "tested"), *rows) if rows else ()
    return ChatReply("\n".join(lines), table=tuple(table), buttons=(("Back up now", "run backup"),))
