"""What a backup says about itself: a manifest that anybody can read, and an index of its files that needs the key.

The manifest is written last, so a backup without one is none. It holds no names of files or coins where the backup is
encrypted; its digest shows damage, and its seal that it was made by who holds the key.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from huracan.errors import DataError
from huracan.paths import canonical_json
from huracan_backup.keys import Keys
from huracan_backup.packs import Member
from huracan_backup.settings import INSTALLATION

__all__ = [
    "FORMAT",
    "Group",
    "Index",
    "Snapshot",
    "UnsealedError",
    "is_id",
    "read_index",
    "read_manifest",
    "write_manifest",
]

FORMAT = 1
_PACK = re.compile(r"[0-9a-f]{64}")
_ID = re.compile(r"\d{8}T\d{9}Z-[0-9a-f]{6}")


class UnsealedError(DataError):
    """A plain backup where there is a key: one from before there was, or one that somebody else laid there."""


@dataclass(frozen=True)
class Snapshot:
    """A backup as its manifest says it.

    ``size`` are bytes of the files, ``stored`` those of all its packs, ``added`` those of packs that no earlier backup
    had. ``index`` and ``packs`` are names of packs with their sizes. ``installation`` is whose backup it is, empty in
    one that does not say.
    """

    id: str
    created: datetime
    encrypted: bool
    program: str
    database: str
    schema: str | None
    files: int
    size: int
    added: int
    index: tuple[str, int]
    packs: tuple[tuple[str, int], ...]
    installation: str = ""

    @property
    def stored(self) -> int:
        return self.index[1] + sum(size for _, size in self.packs)

    @cached_property
    def needs(self) -> dict[str, int]:
        """Return the size of every pack that the backup is made of, the index included, by name."""
        return dict([*self.packs, self.index])


@dataclass(frozen=True, slots=True)
class Group:
    """Files that are packed together. ``key`` is equal where the same files hold the same bytes for the same keys."""

    name: str
    key: str
    pack: str
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """The files of a backup; lines about what was left out on purpose, and about what could not be read."""

    keys: str
    groups: tuple[Group, ...]
    left_out: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    def members(self) -> Iterator[Member]:
        for group in self.groups:
            yield from group.members

    def as_json(self) -> bytes:
        """Return the index as it is stored."""
        return json.dumps(asdict(self), separators=(",", ":"), sort_keys=True).encode()


def is_id(text: str) -> bool:
    """Say whether a text is the name of a backup."""
    return _ID.fullmatch(text) is not None


def write_manifest(snapshot: Snapshot, keys: Keys) -> bytes:
    """Return a manifest's bytes, with digest and seal."""
    body = _body(snapshot)
    content = canonical_json(body)
    return canonical_json({**body, "sha256": hashlib.sha256(content).hexdigest(), "seal": keys.seal(content)})


def _body(snapshot: Snapshot) -> dict[str, Any]:
    created = snapshot.created.astimezone(UTC).isoformat(timespec="seconds")
    return {**asdict(snapshot), "created": created, "format": FORMAT}


def read_manifest(content: bytes, name: str, keys: Keys) -> Snapshot:
    """Read a manifest; where there are keys it needs the seal of one of them.

    Raises DataError for one that is damaged, of another backup, forged, or of a newer format; UnsealedError for a plain
    one where there are keys that do not accept it.
    """
    try:
        value = json.loads(content)
        found = value["format"]
        canonical_json(value)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise DataError(f"backup {name}", "its manifest is damaged or truncated; choose another backup") from None
    if found != FORMAT:
        raise DataError(f"backup {name}", f"has format {found}, this program reads {FORMAT}: install a newer Huracan")
    digest, seal = value.pop("sha256", ""), value.pop("seal", "")
    body = canonical_json(value)
    if hashlib.sha256(body).hexdigest() != digest or value.get("id") != name:
        raise DataError(f"backup {name}", "its manifest was changed or damaged; choose another backup")
    if keys.identities and not keys.is_sealed(body, seal):
        _refuse(name, bool(value.get("encrypted")), keys)
    try:
        return _snapshot(value)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError):
        raise DataError(f"backup {name}", "its manifest says nothing of use; choose another backup") from None


def _refuse(name: str, encrypted: bool, keys: Keys) -> None:
    """Refuse what nobody with a key has sealed. That it says itself to be plain makes it no better: anybody can."""
    if encrypted:
        raise DataError(f"backup {name}", "was sealed with another key, or by somebody else; give the key that made it")
    if not keys.accepts_plain:
        raise UnsealedError(
            f"backup {name}",
            "is not sealed, though there is a key: anybody may have laid it there; choose another backup, or take it "
            "with --allow-unencrypted where you made it before there was a key",
        )


def _snapshot(value: Mapping[str, Any]) -> Snapshot:
    fields = {name: value[name] for name in Snapshot.__dataclass_fields__ if name != "installation"}
    fields["installation"] = whose = value.get("installation", "")
    if whose != "" and INSTALLATION.fullmatch(whose) is None:
        raise ValueError
    fields["created"] = datetime.fromisoformat(value["created"])
    fields["index"] = (value["index"][0], value["index"][1])
    fields["packs"] = tuple((name, size) for name, size in value["packs"])
    if fields["created"].tzinfo is None or not all(isinstance(size, int) for _, size in fields["packs"]):
        raise ValueError
    names = [fields["index"][0], *(name for name, _ in fields["packs"])]
    if not all(isinstance(name, str) and _PACK.fullmatch(name) for name in names):
        raise DataError(f"backup {value['id']}", "names packs that are none; choose another backup")
    return Snapshot(**fields)


def read_index(content: bytes, what: str) -> Index:
    """Read an index. Raises DataError for one that is none."""
    try:
        value = json.loads(content)
        groups = tuple(
            Group(
                each["name"], each["key"], each["pack"], tuple(Member(**member) for member in each["members"])
            )
            for each in value["groups"]
        )  # fmt: skip
        return Index(value["keys"], groups, tuple(value["left_out"]), tuple(value["problems"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise DataError(what, "its index cannot be read; choose another backup") from None
