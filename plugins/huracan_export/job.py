"""The job ``export``: ``exports/YYYY-MM-DD/NAME_YYYYMMDD.SUFFIX`` for each export, then their index."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from huracan.context import Context
from huracan.errors import PluginError
from huracan.paths import sha256_of, write_atomically, write_json
from huracan.types import Export, JobResult, Outcome

__all__ = ["INDEX", "run"]

INDEX = "performance_summary"

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9]+)+")


def run(context: Context) -> JobResult:
    """Write every export and, last, the index that lists them. Partly failed where one of them failed."""
    run_date = context.current_run.run_date
    folder = context.paths.exports / f"{run_date:%Y-%m-%d}"
    exports = context.plugins.exports()
    index_path = folder / f"{INDEX}_{run_date:%Y%m%d}.json"
    written: list[dict[str, Any]] = []
    problems: list[str] = []
    for number, (name, export) in enumerate(sorted(exports.items()), 1):
        path = folder / f"{name}_{run_date:%Y%m%d}.{export.suffix}"
        try:
            if not _PLAIN.fullmatch(f"{name}.{export.suffix}") or path == index_path:
                raise PluginError(f"{path.name!r} cannot be the name of an export")
            rows = _write(context, export, path)
        except (Exception, SystemExit) as error:
            owner = exports.owners[name]
            context.log.exception("export %s failed", name, extra={"plugin": owner})
            problems.append(f"export {name} (plugin {owner}) failed: {type(error).__name__}: {error}")
        else:
            entry = {"name": name, "file": path.name, "rows": rows, "bytes": path.stat().st_size}
            written.append({**entry, "sha256": sha256_of(path)})
        context.progress.step(f"export {number}/{len(exports)} {name}", done=number, total=len(exports), item=name)
    index = {"schema": 1, "run_date": run_date.isoformat(), "exports": written, "problems": problems}
    write_json(index_path, index)
    summary = f"{len(written)} of {len(exports)} exports in {context.paths.relative(folder)}"
    if exports and not written:
        return JobResult(Outcome.FAILED, summary, tuple(problems))
    return JobResult(Outcome.PARTLY_FAILED if problems else Outcome.DONE, summary, tuple(problems))


def _write(context: Context, export: Export, path: Path) -> int:
    """Write one export atomically; what breaks its promise does not replace an older file."""
    rows: list[int] = []

    def fill(temporary: Path) -> None:
        rows.append(export.write(context, temporary))
        if not isinstance(rows[0], int):
            raise PluginError(f"it returned {rows[0]!r} in place of the number of rows")

    write_atomically(path, fill)
    return rows[0]
