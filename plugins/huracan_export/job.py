"""The job ``export``: every export as ``exports/YYYY-MM-DD/NAME_YYYYMMDD.FORMAT``, then their index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from huracan.context import Context
from huracan.errors import TryAgainError
from huracan.types import Export, ExportScope, JobResult, Outcome
from huracan_export.settings import ExportSettings
from huracan_export.writing import write_exports

__all__ = ["run", "without"]


def run(context: Context) -> JobResult:
    """Write every export and, last, the index that lists them. Partly failed where one of them failed.

    Raises TryAgainError, once the index is written, where what one failed of may pass.
    """
    run_date = context.current_run.run_date
    folder = context.paths.exports / f"{run_date:%Y-%m-%d}"
    offered = context.plugins.exports()
    settings = context.settings.section(ExportSettings)
    exports = without(offered, settings.skip)
    scope = ExportScope(run_date, run_date)
    written = write_exports(context, exports, offered.owners, scope, settings.formats, folder)
    if written.may_pass:
        raise TryAgainError(written.may_pass)
    summary = f"{written.told()} in {context.paths.relative(folder)}"
    problems = tuple(written.problems)
    if exports and len(written.failed) == len(exports):
        return JobResult(Outcome.FAILED, summary, problems)
    return JobResult(Outcome.PARTLY_FAILED if problems else Outcome.DONE, summary, problems)


def without(offered: Mapping[str, Export], skip: Sequence[str]) -> dict[str, Export]:
    """Return the exports that ``skip`` does not name."""
    return {name: each for name, each in offered.items() if not any(fnmatchcase(name, one) for one in skip)}
