"""Writes planned exports into a folder, their index last, and takes away what an earlier write left there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from huracan.context import Context
from huracan.errors import HuracanError, PluginError, StoreAwayError, TryAgainError
from huracan.masking import mask
from huracan.paths import sha256_of, write_atomically
from huracan.table_files import write_table
from huracan.types import Export, ExportScope, FileExport, TableExport
from huracan_export.folder import Folder
from huracan_export.plan import PlannedFile, plan_export

__all__ = ["Written", "write_exports"]

_TOLD_EVERY = 200_000
"""Rows after which a long table shows a sign of life."""


@dataclass(slots=True)
class Written:
    """What became of a write: an entry of the index per file, a line per problem, the exports that failed."""

    exports: int
    entries: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    failed: set[str] = field(default_factory=set)
    may_pass: str = ""
    """The first problem that a later attempt may not meet."""

    def told(self) -> str:
        """Return what was written in a few words."""
        files, exports = len(self.entries), self.exports - len(self.failed)
        text = f"{files} {'file' if files == 1 else 'files'} of {exports} {'export' if exports == 1 else 'exports'}"
        return text + (f", {len(self.failed)} failed," if self.failed else "")


def write_exports(
    context: Context,
    exports: Mapping[str, Export],
    owners: Mapping[str, str],
    scope: ExportScope,
    formats: Sequence[str],
    where: Path,
    *,
    others_stay: bool = False,
) -> Written:
    """Write ``exports`` into the folder ``where`` and, last, the index that lists every file.

    What fails is named in the index and costs nothing but itself. Where less is known than once was, that is named as
    well, and files of an earlier write stay. With ``others_stay`` the index keeps what it said of other exports, else
    their files of an earlier write are removed. Killed at any point, the same call mends it.
    """
    written = Written(len(exports))
    folder = Folder.open(where, scope)
    planned = _plan(context, exports, owners, scope, formats, written)
    fuller = _fuller(context, exports, owners, scope, folder, written)
    planned = [each for each in planned if each.file not in {entry["file"] for entry in fuller}]
    stay = folder.entries_but(exports) if others_stay else []
    folder.begin([each.file for each in planned])
    for number, each in enumerate(planned, 1):
        name = each.export.name
        with _guarded(context, written, name, owners[name]):
            written.entries.append(_write(context, each, where / each.file, f"export {number}/{len(planned)}"))
        context.progress.step(
            f"export {number}/{len(planned)} {each.file}", done=number, total=len(planned), item=each.file
        )
    kept, changed = folder.verified(stay)
    written.problems += changed
    folder.finish([*kept, *fuller, *written.entries], written.problems, written.failed)
    return written


def _fuller(
    context: Context,
    exports: Mapping[str, Export],
    owners: Mapping[str, str],
    scope: ExportScope,
    folder: Folder,
    written: Written,
) -> list[dict[str, Any]]:
    """Note what exports lack, and return the entries of their whole older files: those were written of more."""
    fuller: list[dict[str, Any]] = []
    for name, export in sorted(exports.items()):
        if export.lacks is None:
            continue
        with _guarded(context, written, name, owners[name]):
            line = export.lacks(context, scope)
            if line:
                whole, _ = folder.verified(folder.entries_of({name}))
                fuller += whole
                outcome = "what an earlier write has stays" if whole else "the rest is written"
                written.problems.append(f"export {name}: {line}; {outcome}")
    return fuller


def _plan(
    context: Context,
    exports: Mapping[str, Export],
    owners: Mapping[str, str],
    scope: ExportScope,
    formats: Sequence[str],
    written: Written,
) -> list[PlannedFile]:
    planned: list[PlannedFile] = []
    for name, export in sorted(exports.items()):
        with _guarded(context, written, name, owners[name]):
            planned += plan_export(context, export, scope, formats, {each.file for each in planned})
    return planned


@contextmanager
def _guarded(context: Context, written: Written, name: str, owner: str) -> Iterator[None]:
    from polars.exceptions import PanicException

    try:
        yield
    except (Exception, SystemExit, PanicException) as error:  # a panic of polars is no Exception
        known = isinstance(error, HuracanError)
        # It goes into the index, which is sent away with the files.
        line = mask(" ".join((str(error) if known else f"{type(error).__name__}: {error}").split()))
        written.problems.append(f"export {name} (plugin {owner}) failed: {line}")
        if known:
            context.log.error("%s", written.problems[-1], extra={"plugin": owner})
        else:
            context.log.exception("export %s failed", name, extra={"plugin": owner})
        written.failed.add(name)
        if isinstance(error, TryAgainError | StoreAwayError) and not written.may_pass:
            written.may_pass = written.problems[-1]


def _write(context: Context, planned: PlannedFile, path: Path, step: str) -> dict[str, Any]:
    """Write one file atomically; what breaks its promise does not replace an older file."""
    export, rows = planned.export, [0]

    def tick(count: int) -> None:
        if count // _TOLD_EVERY > rows[0] // _TOLD_EVERY:
            context.progress.step(f"{step} {planned.file}: {count:,} rows", item=planned.file)
        rows[0] = count

    def fill(temporary: Path) -> None:
        if isinstance(export, TableExport):
            batches = export.batches(context, planned.scope)
            rows[0] = write_table(temporary, planned.form, export.columns, batches, tick)
        elif isinstance(export, FileExport):
            rows[0] = export.write(context, temporary, planned.scope)
        if not isinstance(rows[0], int):
            raise PluginError(f"it returned {rows[0]!r} in place of the number of rows")

    write_atomically(path, fill)
    columns = [each.name for each in export.columns] if isinstance(export, TableExport) else None
    return {
        "name": export.name, "part": planned.scope.part or None, "file": planned.file, "format": planned.form,
        "version": export.version, "rows": rows[0], "columns": columns, "bytes": path.stat().st_size,
        "sha256": sha256_of(path),
    }  # fmt: skip
