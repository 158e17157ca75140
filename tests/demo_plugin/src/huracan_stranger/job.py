"""The job `stranger-diary`: writes the last nights down for other programs."""

from __future__ import annotations

from pathlib import Path

from huracan.clock import format_instant
from huracan.context import Context
from huracan.paths import write_json
from huracan.types import JobResult

from huracan_stranger.nights import past_nights
from huracan_stranger.place import own_folder

__all__ = ["diary_file", "keep_diary"]

KEPT = 30


def diary_file(context: Context) -> Path:
    return own_folder(context) / "diary.json"


def keep_diary(context: Context) -> JobResult:
    """Write the last nights, the newest first, into ``stranger/diary.json`` of the workspace."""
    nights = past_nights(context, most=KEPT)
    context.progress.step(f"{len(nights)} nights read")
    told = {"as_of": format_instant(context.clock.now()), "nights": [night.as_json() for night in nights]}
    write_json(diary_file(context), told)
    return JobResult(summary=f"{len(nights)} nights written down")
