"""Whose the backups of a place are: several installations may share one, and none deletes what another one made."""

from __future__ import annotations

import re
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from huracan.context import Context
from huracan.errors import DataError
from huracan.paths import write_bytes
from huracan.remote.base import RemoteFile
from huracan_backup.keys import Keys, no_keys
from huracan_backup.place import Place, here
from huracan_backup.settings import INSTALLATION, BackupSettings
from huracan_backup.snapshots import Snapshot, UnsealedError

__all__ = ["Standing", "Whose", "installation", "look_at", "named_installation", "stand"]

_FILE = "installation"
"""Beside the backups of this machine: it stays as long as they do."""


class Whose(Enum):
    """Who made a backup.

    This installation or another one; where there is a key that did not seal it, anybody (who says it is ours) or a
    stranger (who says it is not).
    """

    OURS = "ours"
    ANOTHERS = "another's"
    ANYBODYS = "anybody's"
    STRANGERS = "a stranger's"


@dataclass
class Standing:
    """The backups of a place by who made them; ``unreadable`` are those whose manifest says nothing."""

    ours: dict[str, Snapshot] = field(default_factory=dict)
    others: dict[str, Snapshot] = field(default_factory=dict)
    unsealed: dict[str, Snapshot] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)

    def all(self) -> dict[str, Snapshot]:
        return {**self.ours, **self.others, **self.unsealed}


def installation(context: Context) -> str:
    """Return the name of this installation, empty where it has none yet."""
    if chosen := context.settings.section(BackupSettings).installation:
        return chosen
    try:
        text = (here(context).folder / _FILE).read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
    return text if INSTALLATION.fullmatch(text) else ""


def named_installation(context: Context) -> str:
    """Return the name of this installation, and make one where it has none. Raises TryAgainError for a full disk."""
    if found := installation(context):
        return found
    host = re.sub(r"[^A-Za-z0-9]+", "-", socket.gethostname()).strip("-")[:40] or "huracan"
    name = f"{host}-{secrets.token_hex(3)}"
    write_bytes(here(context).folder / _FILE, f"{name}\n".encode())
    return name


def look_at(place: Place, name: str, keys: Keys, work: Path, me: str) -> tuple[Whose, Snapshot]:
    """Read a manifest and say whose it is. Raises DataError where it cannot be read, FileNotFoundError without one."""
    try:
        snapshot = place.manifest(name, keys, work)
    except DataError as error:
        # What it says of itself is believed in one thing: that it is no concern of ours, so that it stays.
        snapshot = place.manifest(name, no_keys(), work)
        if snapshot.installation not in ("", me):
            return Whose.STRANGERS, snapshot
        if isinstance(error, UnsealedError):
            return Whose.ANYBODYS, snapshot
        raise
    return (Whose.OURS if snapshot.installation in ("", me) else Whose.ANOTHERS), snapshot


def stand(place: Place, keys: Keys, work: Path, listing: Mapping[str, RemoteFile], me: str) -> Standing:
    """Read every manifest of a place."""
    found = Standing()
    groups = {
        Whose.OURS: found.ours, Whose.ANOTHERS: found.others, Whose.STRANGERS: found.others,
        Whose.ANYBODYS: found.unsealed,
    }  # fmt: skip
    for name in place.ids(listing):
        try:
            whose, snapshot = look_at(place, name, keys, work, me)
        except FileNotFoundError:
            continue  # deleted meanwhile
        except DataError:
            found.unreadable.append(name)
        else:
            groups[whose][name] = snapshot
    return found
