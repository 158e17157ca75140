"""What of the contract is on its way out: one table. pluggy warns who implements a hook of it, the manager collects the
warnings, ``huracan plugins`` and ``huracan doctor`` show them, and docs/reference/hook-changes.md is rendered from it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields
from typing import Any

__all__ = ["DEPRECATIONS", "DeprecatedPartWarning", "Deprecation", "collecting", "old_fields", "warning_of"]


@dataclass(frozen=True, slots=True)
class Deprecation:
    """A part of the contract that goes.

    ``name`` is a hook (``huracan_jobs``) or a field of a value (``Job.retries``), ``since`` the release of
    huracan-engine that said so first, ``removal`` the plugin API without it, ``instead`` what to write in its place.
    """

    name: str
    since: str
    removal: int
    instead: str

    @property
    def sentence(self) -> str:
        since = f" since {self.since}" if self.since else ""
        return f"{self.name} is deprecated{since} and goes with plugin API {self.removal}: use {self.instead}"


DEPRECATIONS: tuple[Deprecation, ...] = ()
"""A hook is warned of by pluggy as soon as it stands here, a field wherever a plugin gives it another value than its
default. With the release that has the API ``removal``, entry and part go together."""


class DeprecatedPartWarning(DeprecationWarning):
    """What pluggy warns with; it carries the entry, so that nobody has to read it out of a text."""

    def __init__(self, deprecation: Deprecation) -> None:
        super().__init__(deprecation.sentence)
        self.deprecation = deprecation


def warning_of(name: str) -> DeprecatedPartWarning | None:
    """Return what pluggy is to warn with who implements the hook of this name; None where it stays."""
    entry = next((each for each in DEPRECATIONS if each.name == name), None)
    return DeprecatedPartWarning(entry) if entry else None


@contextmanager
def collecting() -> Iterator[list[Deprecation]]:
    """Keep the deprecations that are warned of inside the block, and let every other warning go its way."""
    found: list[Deprecation] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DeprecatedPartWarning)  # in front of filters that make errors of warnings
        yield found
    for each in caught:
        if isinstance(each.message, DeprecatedPartWarning):
            found.append(each.message.deprecation)
        else:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)


def old_fields(value: Any) -> Iterator[Deprecation]:
    """Yield what is deprecated of the fields that a plugin gave this value."""
    for entry in DEPRECATIONS:
        owner, _, name = entry.name.partition(".")
        if not name or owner not in {each.__name__ for each in type(value).__mro__}:
            continue
        field = next((each for each in fields(value) if each.name == name), None)
        if field is not None and (field.default is MISSING or getattr(value, name) != field.default):
            yield entry
