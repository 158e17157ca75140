"""The job ``export``: ``exports/YYYY-MM-DD/NAME_YYYYMMDD.SUFFIX`` for each export, then their index."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from huracan.context import Context
from huracan.errors import DataError
from huracan.paths import sha256_of, write_atomically, write_json
from huracan.types import Export, JobResult, Outcome

__all__ = ["INDEX", "run"]

INDEX = "performance_summary"


def run(context: Context) -> JobResult:
    """Write every export and, last, the index that lists them. Partly failed where one of them failed."""
    run_date = context.current_run.run_date
    folder = context.paths.exports / f"{run_date:%Y-%m-%d}"
    exports = context.plugins.exports()
    written: list[dict[str, Any]] = []
    problems: list[str] = []
    for number, (name, export) in enumerate(exports.items(), 1):
        path = folder / f"{name}_{run_date:%Y%m%d}.{export.suffix}"
        try:
            rows = _write(context, export, path)
        except Exception as error:
            owner = exports.owners[name]
            context.log.exception("export %s failed", name, extra={"plugin": owner})
            problems.append(f"export {name} (plugin {owner}) failed: {type(error).__name__}: {error}")
        else:
            entry = {"name": name, "file": path.name, "rows": rows, "bytes": path.stat().st_size}
            written.append({**entry, "sha256": sha256_of(path)})
        context.progress.step(f"export {number}/{len(exports)} {name}", done=number, total=len(exports), item=name)
    index = {"schema": 1, "run_date": run_date.isoformat(), "exports": written, "problems": problems}
    write_json(folder / f"{INDEX}_{run_date:%Y%m%d}.json", index)
    summary = f"{len(written)} of {len(exports)} exports in {context.paths.relative(folder)}"
    if exports and not written:
        return JobResult(Outcome.FAILED, summary, tuple(problems))
    return JobResult(Outcome.PARTLY_FAILED if problems else Outcome.DONE, summary, tuple(problems))


def _write(context: Context, export: Export, path: Path) -> int:
    rows: list[int] = []
    write_atomically(path, lambda temporary: rows.append(export.write(context, temporary)))
    if not isinstance(rows[0], int):
        raise DataError(export.name, f"returned {rows[0]!r} in place of the number of rows")
    return rows[0]
