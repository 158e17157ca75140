"""How `huracan backup` opens settings, keys and places where the workspace may be what was lost."""

from __future__ import annotations

import argparse
import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from huracan.app import assemble
from huracan.cli.common import load
from huracan.clock import SystemClock
from huracan.context import Context
from huracan.errors import SettingsError, TryAgainError, UsageError
from huracan.store import Store
from huracan_backup.job import machine_now
from huracan_backup.keys import Keys, read_identities
from huracan_backup.place import HERE, Place, folder_place, opened, place_names
from huracan_backup.settings import BackupSettings

__all__ = ["look", "one_backup", "place_of", "places"]


@contextmanager
def look(arguments: argparse.Namespace) -> Iterator[tuple[Context, Keys, Path]]:
    """Open settings and keys without the workspace and its database, which may be what was lost."""

    settings, plugins = load(arguments, require_good_settings=False)
    if "backup" not in settings.sections and settings.mistakes:
        raise SettingsError("\n".join(settings.mistakes))
    with Store.open("sqlite://", lock_folder=None) as store, _work() as work:
        context = assemble(settings, plugins, store, SystemClock())
        if arguments.identity is not None:
            try:
                text = arguments.identity.read_text("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise UsageError(f"--identity {arguments.identity}: cannot be read: {error}") from None
            keys = Keys(read_identities(text, f"--identity {arguments.identity}"))
        else:
            keys = Keys.of(settings.section(BackupSettings))
        yield context, keys, work


@contextmanager
def _work() -> Iterator[Path]:
    """Give a folder on disk, which /tmp often is not: a database of some gigabytes passes through it."""
    with tempfile.TemporaryDirectory(prefix="huracan-", dir="/var/tmp" if Path("/var/tmp").is_dir() else None) as work:
        try:
            yield Path(work)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            raise TryAgainError(f"{work}: {os.strerror(error.errno)}; free some space, then start again") from None


def places(arguments: argparse.Namespace, context: Context) -> list[str]:

    if arguments.source is not None:
        return [str(arguments.source)]
    return [arguments.place] if arguments.place else [HERE, *place_names(context)]


@contextmanager
def place_of(arguments: argparse.Namespace, context: Context, name: str) -> Iterator[Place]:

    if arguments.source is not None:
        yield folder_place(arguments.source.absolute())
        return
    with opened(context, name) as place:
        yield place


@contextmanager
def one_backup(
    arguments: argparse.Namespace, context: Context, where: str | None = None
) -> Iterator[tuple[Place, str]]:
    """Give the backup that was asked for, the newest without, and the first place in which it lies."""
    tried = []
    tomorrow = f"{machine_now() + timedelta(days=1):%Y%m%d}"
    for name in [where] if where else places(arguments, context):
        with place_of(arguments, context, name) as place:
            ids = place.ids()
            # A clock that was wrong makes backups of days to come: they are no newest ones, unless asked for.
            past = [each for each in ids if each[:8] <= tomorrow]
            chosen = arguments.id if arguments.id in ids else (past or ids)[-1] if ids and not arguments.id else None
            if chosen is not None:
                yield place, chosen
                return
        tried.append(name)
    wanted = f"no backup {arguments.id}" if arguments.id else "no backup"
    raise UsageError(
        f"{', '.join(tried)}: {wanted} there; `huracan backup list` names all, --from FOLDER looks elsewhere"
    )
