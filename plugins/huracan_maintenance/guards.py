"""What clean-up must not delete, whatever its age: what a champion needs, what is at work, what has no copy yet."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from huracan.context import Context
from huracan.errors import HuracanError
from huracan.paths import CHECKSUM_FILE, read_json
from huracan.remote.opening import open_remote
from huracan.store import FINISHED, RemoteCopy
from huracan_maintenance.kinds import Item

__all__ = ["Copies", "Guard", "guard_of", "is_champion", "known_copies"]

REIGNS = 5
"""How many of the latest champions of a coin stay, for `huracan champions rollback`."""

SETTLED = timedelta(days=1)
"""A model folder without checksums that nobody wrote to for so long was given up."""


@dataclass(frozen=True, slots=True)
class Copies:
    """What lies in the remote store, by path; ``known`` is None where no store is set. ``problem`` says why nobody can
    say, and then nothing that wants a copy may go."""

    identity: str = ""
    known: dict[str, RemoteCopy] | None = None
    problem: str | None = None

    def hold(self, item: Item) -> bool:
        """Say whether every file of an item has a copy of just these bytes, or needs none."""
        if self.problem is not None:
            return False
        if self.known is None:
            return True
        return all(
            (copy := self.known.get(each.path)) is not None
            and (copy.size, copy.modified_ns) == (each.size, each.modified_ns)
            for each in item.files
        )


def known_copies(context: Context) -> Copies:
    """Ask the store what was copied to the remote store of the settings; that store itself is not asked."""
    try:
        with open_remote(context) as remote:
            if remote is None:
                return Copies()
            return Copies(remote.identity, dict(context.store.copies.known(remote.identity)))
    except HuracanError as error:
        return Copies(problem=str(error))


Guard = Callable[[Item], str | None]
"""Says why an item must stay, or None."""


def guard_of(context: Context, now: datetime) -> Guard:
    """Return the guard of this workspace as it is now."""
    pointed, unreadable = _pointed(context)

    def guard(item: Item) -> str | None:
        if item.kind == "models":
            if item.path in pointed:
                return "a champion or the roster needs it"
            symbol = item.path.split("/")[1]
            if "" in unreadable or symbol in unreadable:
                return "who is champion cannot be read"
            complete = any(each.path == f"{item.path}/{CHECKSUM_FILE}" for each in item.files)
            if not complete and now - item.changed < SETTLED:
                return "it is being written"
        if item.kind == "runs" and _is_open(context, Path(item.path).name):
            return "its run has not ended"
        return None

    return guard


def is_champion(context: Context, item: Item) -> bool:
    """Say whether an item is the model that a champion's pointer names at this moment."""
    if item.kind != "models":
        return False
    pointer = read_json(context.paths.champions / f"{item.path.split('/')[1]}.json") or {}
    return str(pointer.get("model_path", "")).strip("/") == item.path


def _pointed(context: Context) -> tuple[set[str], set[str]]:
    """Return the model folders that champions, their histories and the roster name, and the symbols whose files say
    nothing ("" where that is the roster, which is about all)."""
    pointed: set[str] = set()
    unreadable: set[str] = set()
    folder = context.paths.champions
    for file in [*_json_files(folder), *_json_files(folder / "history")]:
        if file == context.paths.roster:
            continue
        document = read_json(file)
        if document is None and file.exists():
            unreadable.add(file.stem)
        pointed.update(_paths(_latest_reigns(document)))
    try:
        pointed.update(_paths(json.loads(context.paths.roster.read_text("utf-8"))))
    except FileNotFoundError:
        pass
    except (OSError, ValueError):
        unreadable.add("")
    return pointed, unreadable


def _latest_reigns(document: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a history cut to those that a person would roll back to; any other document as it is."""
    reigns = None if document is None else document.get("reigns")
    return {"reigns": reigns[-REIGNS:]} if isinstance(reigns, list) else document


def _json_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("[!.]*.json"))


def _paths(value: Any) -> Iterable[str]:
    """Yield every ``model_path`` that a document holds, however deep."""
    if isinstance(value, dict):
        if isinstance(value.get("model_path"), str):
            yield value["model_path"].strip("/")
        for part in value.values():
            yield from _paths(part)
    elif isinstance(value, list):
        for part in value:
            yield from _paths(part)


def _is_open(context: Context, name: str) -> bool:
    """Say whether a job of a run date is not finished as far as the ledger knows: it goes on some day."""
    if not re.fullmatch(r"\d{8}Z", name):
        return False
    try:
        day = date(int(name[:4]), int(name[4:6]), int(name[6:8]))
    except ValueError:
        return False
    row = context.store.ledger.run("nightly", day)
    recent = context.clock.now().date() - day < timedelta(days=3)
    return recent and row is not None and row.state not in FINISHED
