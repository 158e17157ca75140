"""Which plugins are installed, of which distributions, and in which order they are asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NamedTuple, Protocol

__all__ = [
    "HOST_DISTRIBUTION",
    "DistributionLike",
    "EntryPointLike",
    "Origin",
    "in_fixed_order",
    "installed",
    "is_own",
    "origin_of",
    "own_plugins",
    "strangers",
]

HOST_DISTRIBUTION = "huracan-engine"
GROUP = "huracan"


class DistributionLike(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    def __hash__(self) -> int: ...


class EntryPointLike(Protocol):
    """What is needed of :class:`importlib.metadata.EntryPoint`; tests bring their own."""

    @property
    def name(self) -> str: ...
    @property
    def dist(self) -> DistributionLike | None: ...
    def load(self) -> Any: ...


class Origin(NamedTuple):
    """The distribution that a plugin is of."""

    name: str
    version: str


def installed() -> list[EntryPoint]:
    """Return the entry points of all installed plugins, in no order."""
    return list(entry_points(group=GROUP))


def own_plugins() -> list[EntryPoint]:
    """Return the entry points of the plugins that Huracan itself brings, in no order."""
    return [each for each in installed() if is_own(each)]


def origin_of(plugin: EntryPointLike) -> Origin:
    """Return of which distribution a plugin is; of none that is known it is ``unknown``."""
    return Origin("unknown", "") if plugin.dist is None else _read(plugin.dist)


@cache
def _read(distribution: DistributionLike) -> Origin:
    """Read it once: a distribution parses its whole METADATA anew for its name, and again for its version."""
    return Origin(distribution.name, distribution.version)


def is_own(plugin: EntryPointLike) -> bool:
    """Say whether a plugin is one that Huracan itself brings."""
    return origin_of(plugin).name == HOST_DISTRIBUTION


def strangers(found: Iterable[EntryPointLike], disable: Sequence[str], only: Sequence[str] | None) -> list[EntryPoint]:
    """Return the installed plugins of other distributions that are to be loaded; stand-ins have no files to look at."""
    return [
        each for each in found
        if isinstance(each, EntryPoint) and each.dist is not None and not is_own(each)
        and each.name not in disable and (only is None or each.name in only)
    ]  # fmt: skip


def in_fixed_order(found: Iterable[EntryPointLike]) -> list[EntryPointLike]:
    """Host first, then by distribution and name: the order of ``sys.path`` decides nothing."""

    def key(plugin: EntryPointLike) -> tuple[bool, str, str]:
        return not is_own(plugin), "" if plugin.dist is None else origin_of(plugin).name, plugin.name

    return sorted(found, key=key)
