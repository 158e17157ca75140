"""What a job that failed said last, as a file of its own that a message can carry: ``runs/YYYYMMDDZ/log-JOB.txt``."""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING

from huracan import logs
from huracan.errors import HuracanError
from huracan.paths import write_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from huracan.context import Context

__all__ = ["write_excerpt"]

MOST_BYTES = 4 * 1024 * 1024
"""How far back the log is read."""
MOST_LINES = 400


def write_excerpt(context: Context, job: str) -> str | None:
    """Write the last lines of a job in the current run, and return the file's path in the workspace.

    None where the log holds nothing of it, or the file cannot be written: that fails nothing.
    """
    run = context.current_run
    try:
        lines = _lines_of(context.paths.logs / logs.LOG_FILE, run.run_id, job)
        if not lines:
            return None
        file = context.paths.run_folder(run.run_date) / f"log-{job}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(file, ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace"))
    except (OSError, HuracanError) as error:
        context.log.warning("what %s said last is in the log alone: %s", job, error)
        return None
    return context.paths.relative(file)


def _lines_of(log: Path, run_id: str, job: str) -> list[str]:
    found: deque[str] = deque(maxlen=MOST_LINES)
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - MOST_BYTES))
        for raw in file:
            try:
                line = json.loads(raw)
                if line["run"] != run_id or line["job"] != job:
                    continue
                text = f"{line['time']} {line['level']:<7} {line['message']}"
            except (ValueError, KeyError, TypeError):
                continue  # the first one may be cut, and anybody may write here
            found.append(f"{text}\n{line['exception']}" if line.get("exception") else text)
    return list(found)
