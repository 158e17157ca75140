"""Write exports now: all or some, of the last night or any days, into ``exports/``, any folder, or a pipe.

A name may hold ``*``: ``huracan export 'learning_*'``. Without ``--to`` the files and the index of that night in
``exports/`` are replaced, those of exports that are not named stay.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huracan.cli.common import console, json_option, open_context, show_json
from huracan.errors import ExitCode, UsageError
from huracan.types import Export, ExportScope, TableExport

if TYPE_CHECKING:
    from huracan.context import Context
    from huracan_export.writing import Written

__all__ = ["configure", "run"]

_FORMATS = ("csv", "json", "jsonl", "parquet")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="exports to write (default: all but export.skip)")
    parser.add_argument(
        "--date", type=_scope, metavar="DATE", help="run date, as 2023-12-30, or from..to (default: the last night)"
    )
    parser.add_argument(
        "--format", action="append", choices=_FORMATS, help="of tables; repeatable (default: export.formats)"
    )
    parser.add_argument("--to", metavar="FOLDER", help="write here; - sends one table to standard output")
    parser.add_argument("--list", action="store_true", help="say which exports there are, and write nothing")
    json_option(parser)


def _scope(text: str) -> ExportScope:
    first, _, last = text.partition("..")
    try:
        scope = ExportScope(date.fromisoformat(first), date.fromisoformat(last or first))
        if not 1970 <= scope.first.year <= scope.last.year <= 2999 and scope.first <= scope.last:
            raise ValueError("no night runs then, and days beside it may be in no calendar")
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no date; write it as 2023-12-30, or 2023-12-01..2023-12-30"
        ) from None
    if scope.first > scope.last:
        raise argparse.ArgumentTypeError(f"{text!r} ends before it begins")
    return scope


def run(arguments: argparse.Namespace) -> int:
    """Write or list. Exit code 3 where an export failed or lacks something.

    Raises UsageError for names and dates that are not there.
    """
    context = open_context(arguments, create=False)
    with context.store:
        offered = context.plugins.exports()
        exports = _named(context, offered, arguments.names)
        if arguments.list:
            _list(arguments, exports, offered.owners)
            return int(ExitCode.DONE)
        scope = arguments.date or _last_night(context)
        if arguments.to == "-":
            return _pipe(context, arguments, exports, scope)
        written = _write(context, arguments, exports, offered.owners, scope)
    return int(ExitCode.PARTLY_FAILED if written.problems else ExitCode.DONE)


def _named(context: Context, offered: Mapping[str, Export], names: list[str]) -> dict[str, Export]:
    """Return the exports that are asked for by name, or by a pattern for names."""
    from huracan_export.job import without
    from huracan_export.settings import ExportSettings

    if not names:
        return without(offered, context.settings.section(ExportSettings).skip)
    found: dict[str, Export] = {}
    for name in names:
        fitting = {each: export for each, export in offered.items() if each == name or fnmatchcase(each, name)}
        if not fitting:
            raise UsageError(f"export: there is no export {name}; `huracan export --list` names all")
        found |= fitting
    return dict(sorted(found.items()))


def _last_night(context: Context) -> ExportScope:
    rows = context.store.ledger.runs(limit=200)
    night = max((row.run_date for row in rows if row.pipeline == "nightly"), default=None)
    if night is None:
        raise UsageError("export: no night has run here; say --date")
    return ExportScope(night, night)


def _write(
    context: Context,
    arguments: argparse.Namespace,
    exports: Mapping[str, Export],
    owners: Mapping[str, str],
    scope: ExportScope,
) -> Written:
    from contextlib import nullcontext

    from huracan.run.lock import run_lock
    from huracan_export.settings import ExportSettings
    from huracan_export.writing import write_exports

    formats = arguments.format or context.settings.section(ExportSettings).formats
    if arguments.to is None and scope.first != scope.last:
        raise UsageError("export: several days need a folder of their own; say --to FOLDER")
    folder = Path(arguments.to) if arguments.to else context.paths.exports / f"{scope.last:%Y-%m-%d}"
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"export: --to {folder} is no folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"export: {folder} cannot be made: {error.strerror}; say another --to") from None
    now = context.clock.now()
    with nullcontext() if arguments.to else run_lock(context.paths.state, "huracan export", now):
        written = write_exports(context, exports, owners, scope, formats, folder, others_stay=bool(arguments.names))
    _show(arguments, written, folder)
    return written


def _show(arguments: argparse.Namespace, written: Written, folder: Path) -> None:
    if arguments.json:
        show_json({"folder": str(folder), "exports": written.entries, "problems": written.problems})
        return
    from rich.text import Text

    from huracan.cli.tables import make_table

    screen = console(arguments)
    table = make_table(("file", "rows", "size"), right=("rows", "size"))
    for entry in written.entries:
        table.add_row(Text(entry["file"]), f"{entry['rows']:,}", _size(entry["bytes"]))
    if written.entries:
        screen.print(table)
        screen.print()
    screen.print(Text(f"{written.told()} in {folder}", "bold"), soft_wrap=True)
    for line in written.problems:
        screen.print(Text(line, "red"), soft_wrap=True)


def _size(size: int) -> str:
    if size < 1000:
        return f"{size} B"
    return f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size / 1e3:,.1f} kB"


def _pipe(context: Context, arguments: argparse.Namespace, exports: Mapping[str, Export], scope: ExportScope) -> int:
    """Send one table to standard output; nothing else is written there."""
    from huracan.table_files import stream_table
    from huracan_export.settings import ExportSettings

    form = (arguments.format or context.settings.section(ExportSettings).formats)[0]
    one = next(iter(exports.values())) if len(exports) == 1 else None
    if not isinstance(one, TableExport) or one.parts is not None:
        raise UsageError("export: --to - takes the name of one table; those with * and files need a folder")
    if form == "parquet":
        raise UsageError("export: parquet cannot go through a pipe; say --format csv, json or jsonl")
    lacking = one.lacks(context, scope) if one.lacks else ""
    stream_table(sys.stdout.buffer, form, one.columns, one.batches(context, scope))
    sys.stdout.buffer.flush()
    if lacking:
        print(f"huracan: export {one.name}: {lacking}", file=sys.stderr)
    return int(ExitCode.PARTLY_FAILED if lacking else ExitCode.DONE)


def _list(arguments: argparse.Namespace, exports: Mapping[str, Export], owners: Mapping[str, str]) -> None:
    if arguments.json:
        show_json({"exports": [_about(each, owners[name]) for name, each in exports.items()]})
        return
    from rich.text import Text

    from huracan.cli.tables import make_table

    table = make_table(("export", "columns", "plugin", "what it holds"), right=("columns",), wide="what it holds")
    for name, each in sorted(exports.items()):
        columns = str(len(each.columns)) if isinstance(each, TableExport) else ""
        table.add_row(Text(name), columns, owners[name], Text(each.description))
    console(arguments).print(table)


def _about(export: Export, owner: str) -> dict[str, Any]:
    columns = export.columns if isinstance(export, TableExport) else ()
    return {
        "name": export.name, "plugin": owner, "description": export.description, "version": export.version,
        "columns": [
            {"name": each.name, "kind": each.kind.value, "unit": each.unit, "meaning": each.meaning}
            for each in columns
        ],
    }  # fmt: skip
