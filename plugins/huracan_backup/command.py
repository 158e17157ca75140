"""``huracan backup``: create, list, verify, restore, prune, and the key."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huracan.cli.common import console, json_option, open_context, show_json
from huracan.errors import ExitCode, HuracanError, UsageError
from huracan_backup.report import size_text

if TYPE_CHECKING:
    from huracan.context import Context
    from huracan_backup.keys import Keys
    from huracan_backup.restore import Restored
    from huracan_backup.snapshots import Snapshot

__all__ = ["configure", "run"]

_FROM = "a folder that holds backups, as a stick or what was downloaded; no settings are needed then"
_PLAIN = "take one without encryption and seal although there is a key: made before there was, if you know that"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands and their options."""
    commands = parser.add_subparsers(dest="backup_command", required=True, metavar="COMMAND")
    create = commands.add_parser("create", help="make a backup now, copy and test it")
    create.add_argument("--here", action="store_true", help="on this machine alone; copies follow with the next night")
    show = commands.add_parser("list", help="which backups there are; with ID, its files")
    verify = commands.add_parser("verify", help="open backups and compare every file with its hash")
    verify.add_argument("--sample", action="store_true", help="the database and a random part, as each night does")
    restore = commands.add_parser("restore", help="bring a workspace, a file or the database back")
    restore.add_argument("--to", type=Path, metavar="PATH", help="where to; without, the workspace of the settings")
    parts = restore.add_mutually_exclusive_group()
    parts.add_argument("--file", metavar="PATH", help="one file of the backup, as `list ID` names it")
    parts.add_argument("--only", choices=("database",), help="the database alone, into --database URL")
    restore.add_argument("--database", metavar="URL", help="make the database there: a new file, or an empty database")
    prune = commands.add_parser("prune", help="delete what retention does not keep, where the newest is good")
    prune.add_argument("--dry-run", action="store_true", help="say what would go, and delete nothing")
    prune.add_argument("--unencrypted", action="store_true", help="also all that was made before there was a key")
    for one in (show, verify, restore):
        one.add_argument("id", nargs="?", metavar="ID", help="which backup, as `list` names it; the newest without")
    for one in (show, verify, restore, prune):
        one.add_argument("--place", metavar="NAME", help="here, disk, remote or one of backup.remotes")
    for one in (show, verify, restore):
        one.add_argument("--from", type=Path, dest="source", metavar="FOLDER", help=_FROM)
        one.add_argument("--identity", type=Path, metavar="FILE", help="secret keys; without, those of the settings")
        one.add_argument("--allow-unencrypted", action="store_true", help=_PLAIN)
    key = commands.add_parser("key", help="make a key that encrypts backups, and print it")
    for one in (create, show, verify, restore, prune, key):
        json_option(one)


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked."""
    commands: dict[str, Callable[[argparse.Namespace], int]] = {
        "create": _create, "list": _list, "verify": _verify, "restore": _restore, "prune": _prune, "key": _key,
    }  # fmt: skip
    return commands[arguments.backup_command](arguments)


# -------------------------------------------------------------------------------------------------------------- create


def _create(arguments: argparse.Namespace) -> int:
    from huracan_backup.job import backup, sentence

    context = open_context(arguments)
    with context.store:
        done = backup(context, send=not arguments.here)
    if arguments.json:
        show_json({**_as_json(done.snapshot), "problems": done.problems, "left_out": list(done.index.left_out),
                   "seconds": round(done.seconds, 1), "places": sorted(done.places)})  # fmt: skip
    else:
        screen = console(arguments)
        screen.print(f"{done.snapshot.id}: {sentence(done)}", markup=False, soft_wrap=True)
        for line in done.problems:
            screen.print(f"  {line}", markup=False, soft_wrap=True, style="yellow")
        for line in done.index.left_out:
            screen.print(f"  left out: {line}", markup=False, soft_wrap=True)
    return int(ExitCode.PARTLY_FAILED if done.problems else ExitCode.DONE)


# ---------------------------------------------------------------------------------------------------------------- list


def _list(arguments: argparse.Namespace) -> int:
    from huracan_backup.opening import look

    with look(arguments) as (context, keys, work):
        if arguments.id is not None:
            return _list_files(arguments, context, keys, work)
        rows, problems = _rows(arguments, context, keys, work)
    if arguments.json:
        show_json({"backups": rows, "problems": problems})
    else:
        _show_rows(arguments, rows, problems)
    return int(ExitCode.PARTLY_FAILED if problems else ExitCode.DONE)


def _rows(
    arguments: argparse.Namespace, context: Context, keys: Keys, work: Path
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the backups of all places, the newest first, each with the places that hold it whole."""
    from huracan_backup.opening import place_of, places
    from huracan_backup.verify import missing

    rows: dict[str, dict[str, Any]] = {}
    problems: list[str] = []
    for name in places(arguments, context):
        try:
            with place_of(arguments, context, name) as place:
                listing = place.listing()
                for each in place.ids(listing):
                    try:
                        snapshot = place.manifest(each, keys, work)
                    except HuracanError as error:
                        problems.append(f"{name}: {error}")
                        continue
                    row = rows.setdefault(each, {**_as_json(snapshot), "places": []})
                    if (fault := missing(snapshot, listing)) is None:
                        row["places"].append(name)
                    else:
                        problems.append(f"{name}: backup {each}: {fault}")
        except HuracanError as error:
            problems.append(f"{name}: {error}")
    return [rows[name] for name in sorted(rows, reverse=True)], problems


def _show_rows(arguments: argparse.Namespace, rows: list[dict[str, Any]], problems: list[str]) -> None:
    from rich.text import Text

    from huracan.cli.tables import make_table

    screen = console(arguments)
    numbers = ("size", "stored", "new")
    several = len({row["installation"] for row in rows}) > 1
    table = make_table(("backup", *(["of"] if several else []), *numbers, "key", "where"), right=numbers, wide="where")
    for row in rows:
        where = Text(", ".join(row["places"])) if row["places"] else Text("nowhere whole", "red")
        table.add_row(
            row["id"], *([Text(row["installation"] or "-")] if several else []),
            *(size_text(row[name]) for name in ("bytes", "stored", "added")),
            "age" if row["encrypted"] else Text("none", "yellow"), where,
        )  # fmt: skip
    if rows:
        screen.print(table)
    elif not problems:
        screen.print("There is no backup yet: `huracan backup create` makes one.")
    for line in problems:
        screen.print(f"  {line}", markup=False, soft_wrap=True, style="red")


def _list_files(arguments: argparse.Namespace, context: Context, keys: Keys, work: Path) -> int:
    from huracan_backup.opening import one_backup

    with one_backup(arguments, context, keys, work) as chosen:
        name, place = chosen.name, chosen.place
        index = place.index(place.manifest(name, keys, work), keys, work)
    members = sorted(index.members(), key=lambda member: member.path)
    if arguments.json:
        show_json({"id": name, "left_out": list(index.left_out), "problems": list(index.problems),
                   "files": [{"path": m.path, "bytes": m.size, "sha256": m.sha256} for m in members]})  # fmt: skip
        return int(ExitCode.DONE)
    screen = console(arguments)
    for member in members:
        screen.print(f"{member.size:>14,}  {member.path}", markup=False, soft_wrap=True)
    for line in (*index.left_out, *index.problems):
        screen.print(f"  not in it: {line}", markup=False, soft_wrap=True, style="yellow")
    return int(ExitCode.DONE)


# -------------------------------------------------------------------------------------------------------------- verify


def _verify(arguments: argparse.Namespace) -> int:
    from huracan_backup.opening import look, one_backup, places
    from huracan_backup.settings import BackupSettings
    from huracan_backup.verify import examine

    results, wrong = [], 0
    with look(arguments) as (context, keys, work):
        budget = context.settings.section(BackupSettings).sample_megabytes * 1e6 if arguments.sample else None
        names = [arguments.place or places(arguments, context)[0]] if arguments.id else places(arguments, context)
        for where in names:
            row: dict[str, Any] = {"place": where, "id": arguments.id}
            try:
                with one_backup(arguments, context, keys, work, where) as chosen:
                    row["id"] = chosen.name
                    tested = examine(chosen.place, chosen.name, keys, work, context.progress.step, budget=budget)
                row |= {"state": "ok", "packs": tested.packs, "bytes": tested.size}
            except HuracanError as error:
                row |= {"state": "failed", "error": str(error)}
                wrong += 1
            results.append(row)
    if arguments.json:
        show_json({"tested": results})
    else:
        screen = console(arguments)
        for row in results:
            read = f"({row['packs']} packs, {size_text(row['bytes'])})" if "packs" in row else ""
            said = f"opened, every file as it was {read}" if read else ""
            style = "red" if row["state"] == "failed" else None
            screen.print(
                f"{row['place']}: {row['id'] or '-'}: {said or row['error']}", markup=False, soft_wrap=True, style=style
            )
    return int(ExitCode.PARTLY_FAILED if wrong else ExitCode.DONE)


# ------------------------------------------------------------------------------------------------------------- restore


def _restore(arguments: argparse.Namespace) -> int:
    from huracan_backup.opening import look, one_backup
    from huracan_backup.restore import restore_all, restore_database, restore_file

    if arguments.only and not arguments.database:
        raise UsageError("--only database: needs --database URL, a new file or an empty database")
    with look(arguments) as (context, keys, work), one_backup(arguments, context, keys, work) as chosen:
        place, name = chosen.place, chosen.name
        if arguments.file:
            target = arguments.to or Path.cwd()
            result = restore_file(place, name, keys, work, arguments.file, target.absolute())
        elif arguments.only:
            result = restore_database(place, name, keys, work, arguments.database)
        else:
            target = (arguments.to or context.settings.core.workspace).absolute()
            url = arguments.database or (context.settings.core.database if arguments.to is None else "") or None
            result = restore_all(context, place, name, keys, work, target, url, context.progress.step)
            result.notes.append(f"in {target}; settings lie in restored/settings")
        result.notes += chosen.away
    _show_restored(arguments, result)
    return int(ExitCode.DONE)


def _show_restored(arguments: argparse.Namespace, result: Restored) -> None:
    if arguments.json:
        show_json({"id": result.id, "files": result.files, "bytes": result.size, "notes": result.notes})
        return
    screen = console(arguments)
    words = f"{result.files:,} file{'' if result.files == 1 else 's'} ({size_text(result.size)})"
    screen.print(f"{words} of {result.id} came back, each compared with its hash", markup=False, soft_wrap=True)
    for line in result.notes:
        screen.print(f"  {line}", markup=False, soft_wrap=True)


# --------------------------------------------------------------------------------------------------------- prune, key


def _prune(arguments: argparse.Namespace) -> int:
    from huracan_backup.prune_command import run as prune

    return prune(arguments)


def _key(arguments: argparse.Namespace) -> int:
    """Print a new key as an age identity file; nothing is written anywhere."""
    from huracan_backup.keys import new_identity

    secret, public = new_identity()
    if arguments.json:
        show_json({"identity": secret, "public": public})
    else:
        print(f"# public key: {public}\n{secret}")
    return int(ExitCode.DONE)


def _as_json(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "id": snapshot.id, "created": snapshot.created.isoformat(timespec="seconds"), "files": snapshot.files,
        "bytes": snapshot.size, "stored": snapshot.stored, "added": snapshot.added, "encrypted": snapshot.encrypted,
        "program": snapshot.program, "database": snapshot.database, "schema": snapshot.schema,
        "installation": snapshot.installation,
    }  # fmt: skip
