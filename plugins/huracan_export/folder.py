"""A folder of exports: its index says what is in it, a hidden journal whose files these are while it is written."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from huracan.paths import read_json, sha256_of, write_json
from huracan.types import ExportScope
from huracan_export.plan import index_name

__all__ = ["Folder"]

SCHEMA = 2
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(slots=True)
class Folder:
    """The files of one scope in a folder. An index is there only while all that it says is true.

    ``entries`` are those of the last index, ``ours`` the names of all files that earlier writes made or meant to.
    """

    path: Path
    scope: ExportScope
    entries: Sequence[dict[str, Any]]
    ours: set[str] = field(default_factory=set)
    interrupted: bool = False

    @classmethod
    def open(cls, path: Path, scope: ExportScope) -> Folder:
        """Read what an earlier write of the same scope left, also one that was killed."""
        journal = read_json(path / _journal_name(scope))
        known = read_json(path / index_name(scope)) or journal or {}
        entries = [each for each in _list(known, "exports") if isinstance(each, dict) and _plain(each.get("file"))]
        ours = {each["file"] for each in entries} | {name for name in _list(journal or {}, "files") if _plain(name)}
        return cls(path, scope, entries, ours, journal is not None)

    @property
    def index(self) -> Path:
        return self.path / index_name(self.scope)

    def entries_but(self, names: Collection[str]) -> list[dict[str, Any]]:
        """Return what the last index said of exports other than ``names``."""
        return [each for each in self.entries if each.get("name") not in names]

    def entries_of(self, names: Collection[str]) -> list[dict[str, Any]]:
        """Return what the last index said of the exports ``names``."""
        return [each for each in self.entries if each.get("name") in names]

    def begin(self, files: Iterable[str]) -> None:
        """Note which files are about to be written; the index goes until it is true again."""
        self.ours |= {*files}
        write_json(self.path / _journal_name(self.scope), {"exports": self.entries, "files": sorted(self.ours)})
        self.index.unlink(missing_ok=True)

    def verified(self, entries: Iterable[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
        """Return those entries whose files are as they were, and a line for each that is not.

        Only after a write that was killed does that take a look into the files.
        """
        whole, problems = [], []
        for each in entries:
            file = self.path / each["file"]
            if file.is_file() and (not self.interrupted or sha256_of(file) == each.get("sha256")):
                whole.append(each)
            else:
                problems.append(f"{each['file']} is gone or was half replaced: export {each.get('name')} again")
        return whole, problems

    def finish(self, entries: Sequence[dict[str, Any]], problems: Sequence[str], failed: Collection[str]) -> None:
        """Write the index, then remove what is ours and no longer in it; a failed export keeps its older files."""
        value = {
            "schema": SCHEMA, "first": self.scope.first.isoformat(), "last": self.scope.last.isoformat(),
            "exports": sorted(entries, key=lambda each: str(each["file"])), "problems": list(problems),
        }  # fmt: skip
        write_json(self.index, value)
        listed = {each["file"] for each in entries}
        older = {each["file"] for each in self.entries if each.get("name") in failed}
        for name in self.ours - listed - older - {self.index.name}:
            (self.path / name).unlink(missing_ok=True)
        (self.path / _journal_name(self.scope)).unlink(missing_ok=True)


def _list(document: dict[str, Any], name: str) -> list[Any]:
    found = document.get(name)
    return found if isinstance(found, list) else []


def _plain(name: Any) -> bool:
    """Say whether a name that was read can be one that we wrote, in this folder and no other."""
    return isinstance(name, str) and _PLAIN.fullmatch(name) is not None


def _journal_name(scope: ExportScope) -> str:
    return f".{index_name(scope)}.journal"
