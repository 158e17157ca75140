"""``huracan backup prune``: deletes what retention does not keep, place by place, where the newest backup is good."""

from __future__ import annotations

import argparse
from pathlib import Path

from huracan.cli.common import console, open_context, show_json
from huracan.context import Context
from huracan.errors import ExitCode, HuracanError
from huracan_backup.copies import Pruned, prune
from huracan_backup.create import alone, work_folder
from huracan_backup.job import machine_now
from huracan_backup.keys import Keys
from huracan_backup.place import HERE, here, opened, place_names
from huracan_backup.report import size_text
from huracan_backup.settings import BackupSettings
from huracan_backup.standing import installation, stand
from huracan_backup.verify import examine

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> int:
    """Prune the place that is named, or all of them."""
    context = open_context(arguments)
    found: dict[str, Pruned] = {}
    problems: list[str] = []
    newest: dict[str, str] = {}
    with context.store, alone(context), work_folder(here(context).folder) as work:
        keys = Keys.of(context.settings.section(BackupSettings))
        for name in [arguments.place] if arguments.place else [*place_names(context), HERE]:
            try:
                pruned = _prune_place(arguments, context, name, keys, work, newest)
            except HuracanError as error:
                if arguments.place:
                    raise
                problems.append(f"{name}: {error}")
                continue
            if isinstance(pruned, str):
                problems.append(f"{name}: {pruned}")
            elif pruned is not None:
                found[name] = pruned
    _show_pruned(arguments, found, problems)
    return int(ExitCode.PARTLY_FAILED if problems else ExitCode.DONE)


def _prune_place(
    arguments: argparse.Namespace, context: Context, name: str, keys: Keys, work: Path, newest: dict[str, str]
) -> Pruned | str | None:
    """Test the newest backup of a place, note it in ``newest``, and prune; a line where nothing may go, None where
    there is nothing."""
    settings = context.settings.section(BackupSettings)
    with opened(context, name) as place:
        listing = place.listing()
        standing = stand(place, keys, work, listing, installation(context))
        if not standing.ours:
            return None if not standing.all() and not standing.unreadable else "no backup of this installation is there"
        latest = max(standing.ours)
        budget = settings.sample_megabytes * 1e6
        examine(place, latest, keys, work, context.progress.step, listing=listing, budget=budget)
        few = None
        if name == HERE and (elsewhere := place_names(context)):
            if lacking := [each for each in elsewhere if newest.get(each) != latest]:
                return f"nothing is deleted: {latest}, the newest here, was not found in {', '.join(lacking)}"
            few = settings.keep_here
        newest[name] = latest
        return prune(
            context, place, keys, work, machine_now(), listing, newest_only=few, unencrypted=arguments.unencrypted,
            dry_run=arguments.dry_run,
        )  # fmt: skip


def _show_pruned(arguments: argparse.Namespace, found: dict[str, Pruned], problems: list[str]) -> None:
    if arguments.json:
        places = {name: vars(each) for name, each in found.items()}
        show_json({"dry_run": arguments.dry_run, "places": places, "problems": problems})
        return
    screen = console(arguments)
    verb = "would go" if arguments.dry_run else "deleted"
    for name, each in found.items():
        for backup in each.backups:
            screen.print(f"  {backup}", markup=False, soft_wrap=True)
        count = len(each.backups)
        words = f"{count} backup{'' if count == 1 else 's'} and {each.packs} packs ({size_text(each.size)})"
        others = f"; {len(each.others)} of other installations stay" if each.others else ""
        screen.print(f"{name}: {words} {verb}{others}", markup=False, soft_wrap=True)
        for line in each.problems():
            screen.print(f"  {line}", markup=False, soft_wrap=True, style="yellow")
    for line in problems:
        screen.print(line, markup=False, soft_wrap=True, style="yellow")
