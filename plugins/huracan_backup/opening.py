"""How `huracan backup` opens settings, keys and places where the workspace may be what was lost."""

from __future__ import annotations

import argparse
import errno
import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from huracan.app import assemble
from huracan.cli.common import load
from huracan.clock import SystemClock
from huracan.context import Context
from huracan.errors import DataError, HuracanError, SettingsError, TryAgainError, UsageError
from huracan.store import Store
from huracan_backup.job import machine_now
from huracan_backup.keys import Keys, read_identities
from huracan_backup.place import HERE, Place, folder_place, opened, place_names
from huracan_backup.settings import BackupSettings
from huracan_backup.standing import Whose, installation, look_at

__all__ = ["Chosen", "look", "one_backup", "place_of", "places"]

_BASE = Path("/var/tmp")
_PREFIX = "huracan-backup-"
_YOUNG = 60.0
"""Seconds in which a folder for work may not be locked yet by who made it."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A backup and the place it is read from; a line for each place before it that was away."""

    place: Place
    name: str
    away: tuple[str, ...] = ()


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
        yield context, replace(keys, accepts_plain=arguments.allow_unencrypted), work


@contextmanager
def _work() -> Iterator[Path]:
    """Give a folder on disk, which /tmp often is not: a database of some gigabytes passes through it."""
    base = _BASE if _BASE.is_dir() else Path(tempfile.gettempdir())
    _sweep(base)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=base) as work, _held(Path(work)):
        try:
            yield Path(work)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            raise TryAgainError(f"{work}: {os.strerror(error.errno)}; free some space, then start again") from None


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Lock a folder as long as somebody works in it. Raises BlockingIOError where somebody else does."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def _sweep(base: Path) -> None:
    """Delete what killed commands of this user left: decrypted packs."""
    for folder in base.glob(f"{_PREFIX}*"):
        try:
            about = folder.lstat()
            if stat.S_ISDIR(about.st_mode) and about.st_uid == os.geteuid() and time.time() - about.st_mtime > _YOUNG:
                with _held(folder):
                    shutil.rmtree(folder)
        except OSError:
            continue  # somebody works there, or has deleted it meanwhile


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
    arguments: argparse.Namespace, context: Context, keys: Keys, work: Path, where: str | None = None
) -> Iterator[Chosen]:
    """Give the backup that was asked for, the newest without, from the first place that answers and holds it.

    Raises UsageError where none does, or where several installations share the place and none was named; what the place
    raises where there is but one.
    """
    names = [where] if where else places(arguments, context)
    empty, away = [], []
    for name in names:
        with ExitStack() as stack:
            try:
                place = stack.enter_context(place_of(arguments, context, name))
                chosen = _choose(place, place.ids(), arguments.id, keys, work, installation(context))
            except (HuracanError, OSError) as error:
                if len(names) == 1 or isinstance(error, _SeveralError):
                    raise
                away.append(f"{name} is passed over: {error}")
                continue
            if chosen is not None:
                yield Chosen(place, chosen, tuple(away))
                return
        empty.append(name)
    wanted = f"no backup {arguments.id}" if arguments.id else "no backup"
    if not empty:
        raise TryAgainError("; ".join(away))
    found = "; ".join([f"{', '.join(empty)}: {wanted} there", *away])
    raise UsageError(f"{found}; `huracan backup list` names all, --from FOLDER looks elsewhere")


class _SeveralError(UsageError):
    """A place holds backups of several installations, and it was not said whose is meant."""


def _choose(place: Place, ids: Sequence[str], wanted: str | None, keys: Keys, work: Path, me: str) -> str | None:
    """Return the backup that was asked for, or the newest of this installation; None where there is none.

    A machine that is made anew has no name yet: then that of the only installation there. A newest one that cannot be
    read, or has no seal, is returned as well, so that who reads it says what is wrong with it.
    """
    if wanted or not ids:
        return wanted if wanted in ids else None
    tomorrow = f"{machine_now() + timedelta(days=1):%Y%m%d}"
    # A clock that was wrong makes backups of days to come: they are no newest ones, unless asked for.
    past = [each for each in ids if each[:8] <= tomorrow] or ids
    others: dict[str, str] = {}
    for name in reversed(past):
        try:
            whose, snapshot = look_at(place, name, keys, work, me)
        except (DataError, FileNotFoundError):
            if me or not others:
                return name
            continue
        if whose is Whose.ANOTHERS:
            others.setdefault(snapshot.installation, name)
        elif whose is not Whose.STRANGERS and (me or not others):
            return name
    if len(others) > 1:
        each = ", ".join(f"{name} of {whose}" for whose, name in others.items())
        raise _SeveralError(f"{place.name}: several installations keep backups there; name one: {each}")
    return next(iter(others.values()), past[-1])
