"""The command ``huracan report``: writes a report anew, there or elsewhere, and says where it lies."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from huracan.cli.common import console, json_option, open_context, show_json
from huracan.errors import UsageError

if TYPE_CHECKING:
    from huracan.context import Context
    from huracan_reports.made import Made

__all__ = ["KINDS", "configure", "run"]


def _nightly(context: Context, day: date | None, folder: Path | None) -> Made:
    """Report on a night. Raises UsageError where there was none, and where its report would lose what it shows."""
    from huracan_reports.document import some
    from huracan_reports.night import latest_night, read_night
    from huracan_reports.nightly import lost_since, write_nightly

    day = day or latest_night(context)
    night = read_night(context, day) if day else None
    if night is None:
        when = f"on {day}" if day else "yet"
        raise UsageError(f"report: there was no night {when}; `huracan history` lists those that were")
    lost = lost_since(context, night) if folder is None else []
    if lost:
        raise UsageError(
            f"report: that of {day} stays as it is, for the trades of {some(lost)}, which it shows, are no longer kept "
            "(training.library.keep_models); --to FOLDER writes one without them"
        )
    return write_nightly(context, night, folder)


def _period(kind: str, context: Context, day: date | None, folder: Path | None) -> Made:
    """Report on a day, a week or a month. Raises UsageError where a day has no report of its own job."""
    from huracan_reports.periods import Kind
    from huracan_reports.periods_write import made_on_demand

    return made_on_demand(Kind(kind), context, day, folder)


KINDS: Mapping[str, Callable[[Context, date | None, Path | None], Made]] = {
    "nightly": _nightly,
    **{kind: partial(_period, kind) for kind in ("daily", "weekly", "monthly")},
}
"""What can be reported on: function(context, day or None for the latest, folder or None for the workspace's)."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("kind", nargs="?", choices=sorted(KINDS), default="nightly", help="which (default: nightly)")
    parser.add_argument(
        "--date",
        type=_date,
        metavar="DATE",
        help="run date, as 2023-12-30, or a week or month, as 2023-W52 or 2023-12 (default: the last)",
    )
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="write into this folder instead of the workspace")
    json_option(parser)


def _date(text: str) -> date:
    from huracan_reports.periods import read_day

    try:
        return read_day(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; write it as 2023-12-30, 2023-W52 or 2023-12") from None


def run(arguments: argparse.Namespace) -> int:
    """Write a report and print its lines and where it lies."""
    context = open_context(arguments, create=False)
    folder = arguments.to.absolute() if arguments.to else None
    if folder is not None and folder.exists() and not folder.is_dir():
        raise UsageError(f"report --to: {folder} is a file; name a folder")
    with context.store:
        made = KINDS[arguments.kind](context, arguments.date, folder)
    if arguments.json:
        show_json(_as_json(made))
    else:
        _print(arguments, made)
    return 0


def _as_json(made: Made) -> dict[str, object]:
    return {
        "title": made.title,
        "lines": list(made.lines),
        "folder": str(made.folder),
        "page": str(made.page),
        "picture": str(made.picture) if made.picture else None,
        "files": [str(path) for path in made.files],
        "notes": list(made.notes),
    }


def _print(arguments: argparse.Namespace, made: Made) -> None:
    from rich.text import Text

    target = console(arguments)
    target.print(Text(made.title, style="bold"), soft_wrap=True)
    for line in made.lines:
        target.print(Text(line), soft_wrap=True)
    for note in made.notes:
        target.print(Text(note, style="yellow"), soft_wrap=True)
    target.print(Text(f"Page: {made.page}", style="dim"), soft_wrap=True)
