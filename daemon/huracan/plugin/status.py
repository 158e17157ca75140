"""What is known about a plugin, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from huracan.plugin.deprecations import Deprecation

__all__ = ["PluginInfo", "PluginStatus"]


class PluginStatus(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"
    UNSAFE = "unsafe"
    BAD_IMPORT = "bad-import"
    BAD_HOOK = "bad-hook"
    BAD_SETTINGS = "bad-settings"
    FAILED_CHECK = "failed-check"
    DUPLICATE = "duplicate"
    INCOMPATIBLE = "incompatible"


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """One installed plugin: where it comes from, how it stands, which hooks it implements, what is wrong with it, and
    what it uses that goes."""

    name: str
    distribution: str
    version: str
    status: PluginStatus
    hooks: tuple[str, ...] = ()
    error: str = ""
    deprecations: tuple[Deprecation, ...] = ()
