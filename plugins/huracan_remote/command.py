"""``huracan sync``: what is not safe yet, copy it now, bring it back."""

from __future__ import annotations

import argparse
import os
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from huracan.cli.common import console, json_option, open_context, show_json
from huracan.clock import format_instant
from huracan.errors import ExitCode, UsageError
from huracan.run.heartbeat import SilentProgress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rich.status import Status

    from huracan.context import Context, Progress
    from huracan.store import RemoteCopy
    from huracan_remote.tree import Local

__all__ = ["configure", "run"]

MOST_SHOWN = 20
MOST_GONE, FEW_GONE = 0.2, 20


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands and their options."""
    commands = parser.add_subparsers(dest="sync_command", required=True, metavar="COMMAND")
    texts = {
        "status": "which files have no copy yet, and since when",
        "now": "copy everything that changed, then compare both sides by hash",
        "restore": "bring cache, ledger, champions and their models back; what is here stays as it is",
        "prune": "delete the copies of files that are gone here",
    }
    for name, text in texts.items():
        one = commands.add_parser(name, help=text)
        json_option(one)
        if name in ("restore", "prune"):
            one.add_argument("--dry-run", action="store_true", help="say what would happen, and do nothing")
        if name == "prune":
            one.add_argument("--force", action="store_true", help="also where a whole folder or a large share is gone")
        if name == "restore":
            one.add_argument("--all", action="store_true", help="every model, export, report and log as well")


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked. Raises UsageError where no remote store is set."""
    commands: dict[str, Callable[[Context, argparse.Namespace], int]] = {
        "status": _status, "now": _now, "restore": _restore, "prune": _prune,
    }  # fmt: skip
    looks = arguments.sync_command == "status"
    with _shown(arguments) as progress:
        context = open_context(arguments, create=not looks, progress=progress)
        with context.store:
            if context.settings.sections.get("remote") is None:
                raise UsageError("no remote store is set: see remote.name in the settings")
            return commands[arguments.sync_command](context, arguments)


class _OneLine(SilentProgress):
    """Shows the last step in a line that moves, and leaves nothing behind."""

    def __init__(self, status: Status) -> None:
        self._status = status

    def step(self, text: str, *, done: int | None = None, total: int | None = None, item: str | None = None) -> None:
        from rich.markup import escape

        del done, total, item
        self._status.update(escape(text))


@contextmanager
def _shown(arguments: argparse.Namespace) -> Iterator[Progress | None]:
    if arguments.sync_command == "status" or arguments.json or not sys.stderr.isatty():
        yield None
        return
    with console(arguments, stderr=True).status(f"sync {arguments.sync_command}") as status:
        yield _OneLine(status)


def _status(context: Context, arguments: argparse.Namespace) -> int:
    """Compare the workspace with what is known of the copies; the remote store is not asked."""
    from huracan.paths import read_json
    from huracan.remote.opening import open_remote
    from huracan_remote.engine import pending
    from huracan_remote.layout import is_appended
    from huracan_remote.report import REPORT
    from huracan_remote.settings import SyncSettings
    from huracan_remote.tree import scan

    with open_remote(context) as remote:
        identity = remote.identity if remote is not None else ""
    known = context.store.copies.known(identity)
    files = list(scan(context.paths.workspace))
    settings = context.settings.section(SyncSettings)
    fresh = datetime.fromtimestamp(time.time() - 120.0 * settings.reports_minutes, UTC)
    # A log grows all the time: its copy is as new as the last look at it.
    live = {path for path, copy in known.items() if is_appended(path) and copy.copied_at > fresh}
    unsafe = [each for each in pending(files, known) if each.path not in live]
    service = read_json(context.paths.state / REPORT)
    value = {
        "remote": identity,
        "files": len(files),
        "bytes": sum(each.size for each in files),
        "unsafe": [
            {"path": each.path, "bytes": each.size, "since": _iso(each.modified_ns / 1e9), "copied": each.path in known}
            for each in unsafe
        ],
        "last_copy": _iso(max(copy.copied_at for copy in known.values()).timestamp()) if known else None,
        "service": service,
    }
    if arguments.json:
        show_json(value)
    else:
        _show_status(arguments, value, unsafe)
    return int(ExitCode.DONE)


def _show_status(arguments: argparse.Namespace, value: dict[str, Any], unsafe: list[Local]) -> None:
    from rich.text import Text

    from huracan.cli.tables import make_table

    screen = console(arguments)
    safe = value["files"] - len(unsafe)
    screen.print(Text.assemble((f"{safe:,} of {value['files']:,} files are safe", "bold"), f" in {value['remote']}"))
    service = value["service"]
    if service is None:
        screen.print(Text("the service sync has not run here yet: `huracan daemon` keeps it running", "yellow"))
    else:
        colour = "red" if service["state"] in ("offline", "refused") else "green"
        about = f": {service['error']}" if service["error"] else ""
        since = service["since"].replace("T", " ")
        screen.print(Text.assemble("service sync: ", (service["state"], colour), f" since {since}{about}"))
    if not unsafe:
        return
    shown = make_table(["not safe yet", "size", "changed", "copy"], right=["size", "changed"], wide="not safe yet")
    for each, entry in zip(unsafe[:MOST_SHOWN], value["unsafe"], strict=False):
        kept = Text("an older one") if entry["copied"] else Text("none", "yellow")
        shown.add_row(Text(each.path), f"{each.size / 1000:,.1f} kB", f"{_ago(each.modified_ns / 1e9)} ago", kept)
    screen.print()
    screen.print(shown)
    if len(unsafe) > MOST_SHOWN:
        screen.print(f"... and {len(unsafe) - MOST_SHOWN:,} more; --json lists them all")


def _now(context: Context, arguments: argparse.Namespace) -> int:
    from huracan.types import Outcome
    from huracan_remote.finish import run as finish

    result = finish(context)
    if arguments.json:
        show_json({"summary": result.summary, "problems": list(result.problems)})
    else:
        screen = console(arguments)
        screen.print(result.summary, markup=False)
        for line in result.problems:
            screen.print(f"  {line}", markup=False)
    return int(ExitCode.DONE if result.outcome is Outcome.DONE else ExitCode.PARTLY_FAILED)


def _restore(context: Context, arguments: argparse.Namespace) -> int:
    from huracan.remote.opening import open_remote
    from huracan.run.lock import run_lock
    from huracan_remote.restore import restore

    with run_lock(context.paths.state, "huracan sync restore", context.clock.now()), open_remote(context) as remote:
        assert remote is not None  # run() has looked
        found = restore(context, remote, everything=arguments.all, dry_run=arguments.dry_run)
    if arguments.json:
        show_json({**vars(found), "dry_run": arguments.dry_run})
    else:
        screen = console(arguments)
        verb = "would come back" if arguments.dry_run else "came back, compared by hash"
        size, files = f"{found.size / 1e6:,.1f} MB", _count(found.files, "file")
        runs = "" if arguments.dry_run else f"; {_count(found.runs, 'run')} taken into the ledger"
        screen.print(f"{files} ({size}) {verb}; {found.kept:,} were here{runs}")
        for line in found.problems:
            screen.print(f"  {line}", markup=False)
    return int(ExitCode.PARTLY_FAILED if found.problems else ExitCode.DONE)


def _prune(context: Context, arguments: argparse.Namespace) -> int:
    """Delete copies whose file is gone here: the one way in which anything is ever deleted there."""
    from huracan.remote.opening import open_remote
    from huracan_remote.engine import alone
    from huracan_remote.layout import local_path

    with open_remote(context) as remote, alone(context):
        assert remote is not None  # run() has looked
        known = context.store.copies.known(remote.identity)
        gone = [copy for path, copy in sorted(known.items()) if not os.path.lexists(context.paths.workspace / path)]
        if not arguments.force:
            _refuse_a_lost_disk(context, known, gone)
        lost = {copy.path for copy in gone}
        # Of every day: else an older copy would come back as the newest.
        doomed = sorted(file.path for file in remote.list() if local_path(file.path)[0] in lost) if lost else []
        if not arguments.dry_run:
            for path in doomed:
                remote.delete(path)
            context.store.copies.forget(remote.identity, sorted(lost))
    if arguments.json:
        show_json({"deleted": doomed, "dry_run": arguments.dry_run})
    else:
        screen = console(arguments)
        for path in doomed:
            screen.print(f"  {path}", markup=False)
        screen.print(f"{_count(len(doomed), 'copy', 'copies')} {'to delete' if arguments.dry_run else 'deleted'}")
    return int(ExitCode.DONE)


def _refuse_a_lost_disk(context: Context, known: Mapping[str, RemoteCopy], gone: Sequence[RemoteCopy]) -> None:
    """Raise UsageError where more is gone than anybody deletes by hand: a disk that is not mounted looks like it."""
    from huracan_remote.layout import FOLDERS

    for folder in FOLDERS:
        had = any(path.startswith(f"{folder}/") for path in known)
        place = context.paths.workspace / folder
        if had and (place.is_symlink() or not any(path.is_file() for path in place.rglob("*"))):
            raise UsageError(f"sync prune: {place} is empty or not there: mount its disk, or say --force")
    if len(gone) > max(FEW_GONE, MOST_GONE * len(known)):
        raise UsageError(
            f"sync prune: {len(gone):,} of {len(known):,} files are gone here; if that is right, say --force"
        )


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _iso(seconds: float) -> str:
    return format_instant(datetime.fromtimestamp(seconds, UTC))


def _ago(seconds: float) -> str:
    minutes = max(0.0, (time.time() - seconds) / 60)
    if minutes < 100:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.0f} h" if minutes < 48 * 60 else f"{minutes / 1440:.0f} days"
