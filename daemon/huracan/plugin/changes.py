"""Reads the changelog of the contract, docs/reference/hook-changes.yaml, and holds it to the code. For documents and
tests; nothing that runs reads it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import yaml

__all__ = ["Part", "Release", "breaking", "mistakes", "not_told", "read_changes", "recorded"]


@dataclass(frozen=True, slots=True)
class Release:
    """What a release changed: forms by name, the names that went, and, by name, why what looks breaking breaks none."""

    release: str
    api: int
    says: str
    came: Mapping[str, str] = field(default_factory=dict)
    changed: Mapping[str, str] = field(default_factory=dict)
    went: Sequence[str] = ()
    compatible: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the contract as the changelog has it: its form, and the releases in which it came and changed last."""

    form: str
    came: Release
    changed: Release | None = None


def read_changes(text: str) -> list[Release]:
    """Return the releases of a changelog, the oldest first."""
    return [Release(**{**entry, "release": str(entry["release"])}) for entry in reversed(yaml.safe_load(text))]


def recorded(releases: Sequence[Release]) -> dict[str, Part]:
    """Return every part that is there after all of these releases."""
    parts: dict[str, Part] = {}
    for release in releases:
        parts |= {name: Part(form, release) for name, form in release.came.items()}
        for name, form in release.changed.items():
            parts[name] = Part(form, parts[name].came if name in parts else release, release)
        for name in release.went:
            parts.pop(name, None)
    return parts


def not_told(releases: Sequence[Release], live: Mapping[str, str]) -> list[str]:
    """Say, for each part that is other in the code than in the changelog, which line the newest release lacks."""
    known = {name: part.form for name, part in recorded(releases).items()}
    lines = [f"came:     {name}: {json.dumps(form)}" for name, form in live.items() if name not in known]
    lines += [
        f"changed:  {name}: {json.dumps(form)}      (it was {json.dumps(known[name])})"
        for name, form in live.items()
        if name in known and known[name] != form
    ]
    return lines + [f"went:     - {name}" for name in known if name not in live]


def mistakes(releases: Sequence[Release]) -> Iterator[str]:
    """Yield what cannot be in a changelog: what came twice, what changed or went without having been there."""
    there: dict[str, str] = {}
    for release in releases:
        for name in release.came:
            if name in there:
                yield f"{release.release}: {name} came, and it was there"
        for name in (*release.changed, *release.went):
            if name not in there:
                yield f"{release.release}: {name} changed or went, and it was not there"
        there |= {**release.came, **release.changed}
        for name in release.went:
            there.pop(name, None)


def breaking(before: Sequence[Release], release: Release) -> Iterator[str]:
    """Yield each change of a release that can break a plugin made for the one before; not what says why it cannot."""
    there = {name: part.form for name, part in recorded(before).items()}
    for name in release.went:
        yield from _unless(release, name, "went")
    for name, form in release.changed.items():
        if not _grew(there.get(name, ""), form):
            yield from _unless(release, name, "changed")
    for name, form in release.came.items():
        if _asks_more(there.get(name.partition(".")[0], ""), form):
            yield from _unless(release, name, "is asked for")


def _unless(release: Release, name: str, what: str) -> Iterator[str]:
    if not release.compatible.get(name):
        yield f"{name} {what}"


def _grew(old: str, new: str) -> bool:
    """Say whether a value only has more fields behind those that it had: it can be made as before."""
    return old.startswith("value") and new.startswith(f"{old},")


def _asks_more(owner: str, form: str) -> bool:
    """Say whether plugins lack what is new: a method of a protocol, or a field that a value cannot be made without."""
    if owner.startswith("value"):
        return " = " not in form and not form.startswith(("(", "property"))
    return owner.startswith("protocol")
