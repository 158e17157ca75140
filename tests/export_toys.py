"""Small exports for tests, and the plugins that bring them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from huracan import hookimpl
from huracan.context import Context
from huracan.testing import StandInEntryPoint, stand_in
from huracan.types import Column, ColumnKind, Export, ExportScope, FileExport, SettingsSection, TableExport

AS_OF = datetime(2023, 12, 30, 4, 5, tzinfo=UTC)
TOY = (
    Column("symbol", ColumnKind.TEXT, "pair"),
    Column("net", ColumnKind.NUMBER, "what it earned", "bps"),
)


def plugin_of(*exports: Export) -> StandInEntryPoint:
    """Make a plugin with these exports."""
    name = "".join(each for each in exports[0].name if each.isalnum()) or "odd"
    return stand_in(f"{name}-plugin", huracan_exports=hookimpl(lambda: list(exports)))


def only(*exports: Export) -> list[StandInEntryPoint]:
    """Return plugins with these exports, and the settings of the export job without the exports that are bundled."""
    from huracan_export.settings import ExportSettings

    section = SettingsSection("export", ExportSettings)
    settings = stand_in("export-settings", huracan_settings=hookimpl(lambda: [section]))
    return [settings, *map(plugin_of, exports)]


def toy(name: str, rows: Sequence[Sequence[Any]] | Callable[[], Iterable[Any]], **more: Any) -> TableExport:
    """Make a table of two columns."""

    def batches(context: Context, scope: ExportScope) -> Iterable[Any]:
        return rows() if callable(rows) else [rows]

    return TableExport(name, "a toy", TOY, batches, **more)


def three_rows(context: Context, path: Path, scope: ExportScope) -> int:
    path.write_text("[1, 2, 3]")
    return 3


def document(name: str, write: Callable[[Context, Path, ExportScope], Any] = three_rows) -> FileExport:
    return FileExport(name, "a document", "json", write)
