"""``check_export``: what every export must do, as numbered rules. For tests of plugins that bring one.

====  ==============================================================================================================
rule  what must hold
====  ==============================================================================================================
E1    name, columns, version and suffix can be those of files, and ``parts`` are there where the name has a ``*``
E2    the parts of a scope are distinct texts
E3    it can be written: a table in every format, with as many rows in each, a file with a number of rows
E4    the same scope gives the same bytes
E5    no portion of a table holds more than fifty thousand rows
E6    days without any data are no error
E7    nothing in the workspace changes
====  ==============================================================================================================
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

from huracan.context import Context
from huracan.table_files import FORMATS, write_table
from huracan.testing.rules import Rule, RuleResult, ask_rules, assert_rules
from huracan.types import Column, ColumnKind, Export, ExportScope, FileExport, TableExport

__all__ = ["assert_export", "check_export"]

MOST_ROWS = 50_000
MOST_PARTS = 3
"""Of an export with parts, so many are written."""
NO_DATA = date(1971, 1, 1)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\*?[A-Za-z0-9_-]*")
_COLUMN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_SUFFIX = re.compile(r"\.?[A-Za-z0-9]+")


def check_export(
    export: Export, context: Context, scope: ExportScope, *, skip: Mapping[str, str] | None = None
) -> list[RuleResult]:
    """Hold an export against every rule, for the days of ``scope`` in the workspace of ``context``.

    ``skip`` names rules that are not asked, each with a reason.
    """
    with tempfile.TemporaryDirectory(prefix="huracan-kit-") as folder:
        return ask_rules(_rules(_Check(export, context, scope, Path(folder))), skip)


def assert_export(
    export: Export, context: Context, scope: ExportScope, *, skip: Mapping[str, str] | None = None
) -> None:
    """Fail with every broken rule in one message."""
    assert_rules(f"export {export.name}", check_export(export, context, scope, skip=skip))


def _rules(check: _Check) -> Iterator[Rule]:
    yield "E1", "declared as files need it", check.declared
    yield "E2", "parts", check.parts
    yield "E3", "can be written", check.written
    yield "E4", "same bytes", check.same_bytes
    yield "E5", "in portions", check.portions
    yield "E6", "days without data", check.without_data
    yield "E7", "changes nothing", check.changes_nothing


class _Check:
    """The questions, in the order of the table."""

    def __init__(self, export: Export, context: Context, scope: ExportScope, folder: Path) -> None:
        self._export, self._context, self._scope, self._folder = export, context, scope, folder
        self._before = _tree(context.paths.workspace)

    def _scopes(self, scope: ExportScope | None = None) -> Iterator[ExportScope]:
        """Yield what is written: the scope, or that of its first parts."""
        scope = scope or self._scope
        if self._export.parts is None:
            yield scope
            return
        for part in islice(sorted(self._export.parts(self._context, scope)), MOST_PARTS):
            yield replace(scope, part=part)

    def _write(self, scope: ExportScope, form: str) -> tuple[bytes, int]:
        path = self._folder / f"written.{form}"
        export = self._export
        if isinstance(export, TableExport):
            rows = write_table(path, form, export.columns, export.batches(self._context, scope))
        else:
            assert isinstance(export, FileExport)
            rows = export.write(self._context, path, scope)
        content = path.read_bytes()
        path.unlink()
        return content, rows

    def _forms(self) -> Iterable[str]:
        return FORMATS if isinstance(self._export, TableExport) else ["file"]

    def declared(self) -> str | None:
        export = self._export
        if not _NAME.fullmatch(export.name):
            return f"{export.name!r} cannot be the name of a file"
        if ("*" in export.name) != (export.parts is not None):
            return "a * in the name and parts belong together"
        version: Any = export.version
        if not isinstance(version, int) or version < 1:
            return f"its version is {version!r}"
        if isinstance(export, FileExport):
            return None if _SUFFIX.fullmatch(export.suffix) else f"its suffix is {export.suffix!r}"
        if not isinstance(export, TableExport):
            return "it is neither a TableExport nor a FileExport"
        return _bad_columns(export.columns)

    def parts(self) -> str | None:
        if self._export.parts is None:
            return None
        found: list[Any] = list(self._export.parts(self._context, self._scope))
        odd = [each for each in found if not isinstance(each, str) or not each]
        if odd:
            return f"{odd[0]!r} is no part"
        return None if len(set(found)) == len(found) else "a part comes twice"

    def written(self) -> str | None:
        for scope in self._scopes():
            counts: dict[str, Any] = {}
            for form in self._forms():
                content, counts[form] = self._write(scope, form)
                if not isinstance(counts[form], int) or counts[form] < 0:
                    return f"it says that it wrote {counts[form]!r} rows"
                if not content and (form == "file" and counts[form]):
                    return f"it says that it wrote {counts[form]} rows, and the file is empty"
            if len({*counts.values()}) > 1:
                return f"its formats have different rows: {counts}"
        return None

    def same_bytes(self) -> str | None:
        form = next(iter(self._forms()))
        for scope in self._scopes():
            if self._write(scope, form)[0] != self._write(scope, form)[0]:
                return "written twice it has other bytes"
        return None

    def portions(self) -> str | None:
        if not isinstance(self._export, TableExport):
            return None
        for scope in self._scopes():
            most = max((len(batch) for batch in self._export.batches(self._context, scope)), default=0)
            if most > MOST_ROWS:
                return f"a portion holds {most} rows"
        return None

    def without_data(self) -> str | None:
        for scope in self._scopes(ExportScope(NO_DATA, NO_DATA)):
            self._write(scope, next(iter(self._forms())))
        return None

    def changes_nothing(self) -> str | None:
        changed = self._before.symmetric_difference(_tree(self._context.paths.workspace))
        return f"it changes {sorted(changed)[0][0]}" if changed else None


def _bad_columns(columns: Any) -> str | None:
    if not columns or not all(isinstance(each, Column) for each in columns):
        return "it has no columns" if not columns else "its columns are no values of Column"
    names = [each.name for each in columns]
    odd = [name for name in names if not _COLUMN.fullmatch(name)]
    if odd:
        return f"{odd[0]!r} cannot be the name of a column"
    if twice := [name for name in names if names.count(name) > 1]:
        return f"the column {twice[0]} is there twice"
    wrong = [each.name for each in columns if not isinstance(each.kind, ColumnKind)]
    return f"the kind of column {wrong[0]} is no ColumnKind" if wrong else None


def _tree(folder: Path) -> set[tuple[str, int, int]]:
    """Return files with size and time of change; the database and its logs are the reader's own matter."""
    found = ((path, path.stat()) for path in folder.rglob("*") if path.is_file())
    return {
        (path.relative_to(folder).as_posix(), about.st_size, about.st_mtime_ns)
        for path, about in found
        if "huracan.db" not in path.name
    }
