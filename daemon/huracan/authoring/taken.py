"""Whether the names of a new plugin are free among what is installed here."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator

from huracan.authoring.package import Package
from huracan.cli.commands import BUILT_IN, INTERNAL
from huracan.config import CHOICE_SECTIONS, CORE_SECTIONS
from huracan.errors import UsageError
from huracan.plugin.installed import installed
from huracan.plugin.manager import Plugins

__all__ = ["refuse_taken"]

_OF_THE_CORE = {
    "settings": (*CORE_SECTIONS, *CHOICE_SECTIONS),
    "commands": tuple(each.name for each in (*BUILT_IN, *INTERNAL)),
    "remotes": ("here", "disk", "remote"),
}
_WORDS = {
    "settings": "section of the settings", "jobs": "job", "services": "service", "checks": "check",
    "exchanges": "exchange", "universe_rules": "universe rule", "features": "feature set", "trainers": "trainer",
    "gates": "gate", "exports": "export", "notifiers": "notifier", "chat_commands": "chat command",
    "remotes": "remote", "backup_sources": "backup source", "report_sections": "report section",
    "commands": "command",
}  # fmt: skip


def refuse_taken(package: Package) -> None:
    """Raise UsageError that says who has a name which the plugin, its module or one of its parts would have."""
    holder = next(_holders(package), None)
    if holder is not None:
        raise UsageError(f"{holder}; choose another name")


def _holders(package: Package) -> Iterator[str]:
    for entry in installed():
        if entry.name == package.name:
            owner = f" ({entry.dist.name} {entry.dist.version})" if entry.dist else ""
            yield f"a plugin {package.name} is installed already{owner}"
    if importlib.util.find_spec(package.module) is not None:
        yield f"a package {package.module} is installed already"
    logging.getLogger("huracan").addHandler(logging.NullHandler())
    plugins = Plugins()
    for kind, name in package.offered():
        others = getattr(plugins, kind)()
        if name in _OF_THE_CORE.get(kind, ()):
            yield f"the {_WORDS[kind]} {name} is Huracan's own"
        elif name in others:
            yield f"the {_WORDS[kind]} {name} is one of plugin {others.owners[name]}"
