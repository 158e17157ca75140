"""Which files there are to write: exports times formats, those of many parts a file each, under names that are safe."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from huracan.context import Context
from huracan.errors import PluginError
from huracan.types import Export, ExportScope, FileExport, TableExport

__all__ = ["INDEX", "PlannedFile", "index_name", "plan_export", "stamp"]

INDEX = "performance_summary"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\*?[A-Za-z0-9_-]*")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\.[A-Za-z0-9]+")
_COLUMN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_LONGEST_PART = 60


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file that is to be written: ``form`` is a format of tables, or the suffix of a file with its own form."""

    export: Export
    scope: ExportScope
    form: str
    file: str


def stamp(scope: ExportScope) -> str:
    """Return how files are dated: ``20231230``, or ``20231201-20231230`` for more than a day."""
    last = f"{scope.last:%Y%m%d}"
    return last if scope.first == scope.last else f"{scope.first:%Y%m%d}-{last}"


def index_name(scope: ExportScope) -> str:
    return f"{INDEX}_{stamp(scope)}.json"


def plan_export(
    context: Context, export: Export, scope: ExportScope, formats: Sequence[str], taken: Collection[str]
) -> list[PlannedFile]:
    """Return the files of one export. Raises PluginError for a name that no file can have or that is ``taken``."""
    forms = _forms(export, formats)
    if not _NAME.fullmatch(export.name) or ("*" in export.name) != (export.parts is not None):
        raise PluginError(f"{export.name!r} cannot be the name of an export")
    parts: Mapping[str, str] = {"": ""}
    if export.parts is not None:
        parts = _safe_parts(export.parts(context, scope))
    planned = []
    for part, safe in sorted(parts.items()):
        for form in forms:
            file = f"{export.name.replace('*', safe)}_{stamp(scope)}.{form}"
            if not _FILE.fullmatch(file) or file in taken or file == index_name(scope):
                raise PluginError(f"{file!r} cannot be the name of an export's file, or another one has it")
            planned.append(PlannedFile(export, replace(scope, part=part), form, file))
    return planned


def _forms(export: Export, formats: Sequence[str]) -> Sequence[str]:
    if isinstance(export, FileExport):
        return [export.suffix.removeprefix(".")]
    if not isinstance(export, TableExport):
        raise PluginError("it is neither a TableExport nor a FileExport")
    names = [each.name for each in export.columns]
    odd = [name for name in names if not _COLUMN.fullmatch(name)]
    if not names or odd or len({*names}) < len(names):
        raise PluginError(f"its columns {odd or names} are not distinct plain names")
    return formats


def _safe_parts(parts: object) -> dict[str, str]:
    """Return what stands for each part in a file name: letters, digits, ``.``, ``-`` and ``_``, distinct in any case.

    A part that had to be changed carries the beginning of its SHA-256, so that two never meet.
    """
    found: dict[str, str] = {}
    for part in sorted({*parts}):  # type: ignore[misc]
        safe = re.sub(r"[^A-Za-z0-9._-]", "_", part)[:_LONGEST_PART].lstrip(".")
        if safe != part or not safe or safe.casefold() in {each.casefold() for each in found.values()}:
            safe = f"{safe}~{sha256(part.encode('utf-8', 'backslashreplace')).hexdigest()[:8]}".replace("~", "_")
        found[part] = safe
    return found
