"""A plugin that is being checked: where it is found, and what its hooks answered."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

from huracan import types as values
from huracan.plugin import spec
from huracan.plugin.installed import EntryPointLike, installed, is_own, own_plugins
from huracan.plugin.manager import Plugins
from huracan.testing.limits import signals_kept, within
from huracan.testing.rules import NotAskedError

__all__ = ["HOOKS", "KINDS", "Subject", "find"]

HOOKS: Mapping[str, type] = {
    name: getattr(values, re.sub(r".*\[(\w+)\]", r"\1", str(inspect.signature(function).return_annotation)))
    for name, function in vars(spec).items()
    if name.startswith("huracan_")
}
"""The type of the values that each hook answers with."""

KINDS: Mapping[str, str] = {
    "huracan_settings": "section", "huracan_jobs": "job", "huracan_services": "service", "huracan_checks": "check",
    "huracan_exchanges": "exchange", "huracan_universe_rules": "universe rule", "huracan_features": "feature set",
    "huracan_trainers": "trainer", "huracan_gates": "gate", "huracan_exports": "export",
    "huracan_notifiers": "notifier", "huracan_chat_commands": "chat command", "huracan_remotes": "remote",
    "huracan_backup_sources": "backup source", "huracan_report_sections": "report section",
    "huracan_commands": "command",
}  # fmt: skip
"""How a value of each hook is called when it is named to a person."""


def find(plugin: str | EntryPointLike) -> EntryPointLike:
    """Return an installed plugin's entry point. Raises ValueError where none, or more than one, has the name."""
    if not isinstance(plugin, str):
        return plugin
    found = [each for each in installed() if each.name == plugin]
    if len(found) != 1:
        known = ", ".join(sorted(each.name for each in installed()))
        raise ValueError(f"{len(found)} plugins of the name {plugin!r} are installed; there are {known}")
    return found[0]


class Subject:
    """The plugin and its answers; its module is imported, and its hooks are asked, when they are needed first."""

    def __init__(self, entry: EntryPointLike, limit: float) -> None:
        self.entry, self.name, self._limit = entry, entry.name, limit
        self.hanging: Mapping[str, str] = {}
        """Hooks of which another process did not come back, and how it ended: they are not asked here."""
        self.unusable = ""
        """Why its module cannot be imported here; empty where it can."""

    @property
    def module_name(self) -> str | None:
        """The module to import, None where the plugin is no installed one."""
        return self.entry.module if isinstance(self.entry, EntryPoint) else None

    @property
    def is_bundled(self) -> bool:
        return is_own(self.entry)

    @cached_property
    def module(self) -> ModuleType:
        """Its module. Raises NotAskedError where it cannot be imported."""
        if self.unusable:
            raise NotAskedError(f"{self.unusable}, see the first rule that is broken")
        try:
            with signals_kept():
                loaded = self.entry.load()
        except BaseException as error:  # noqa: BLE001 - whatever a module raises
            raise NotAskedError(f"its module cannot be imported: {type(error).__name__}: {error}") from None
        if not isinstance(loaded, ModuleType):
            raise NotAskedError(f"its entry point is {type(loaded).__name__}, no module")
        return loaded

    @cached_property
    def hooks(self) -> tuple[str, ...]:
        """The hooks of spec.py that its module has a function for."""
        return tuple(name for name in HOOKS if callable(getattr(self.module, name, None)))

    @cached_property
    def raw(self) -> Mapping[str, tuple[Any, float] | Exception]:
        """By hook, what it answered first and after how many seconds, or what it raised."""
        return {hook: self.ask(hook) for hook in self.hooks if hook not in self.hanging}

    def ask(self, hook: str) -> tuple[Any, float] | Exception:
        """Ask a hook once more; what it raises, or that it hangs, is an answer as well."""
        function = getattr(self.module, hook)

        def drained() -> Any:
            found = function()
            return found if isinstance(found, Sequence) else list(found)

        try:
            answer = within(self._limit, drained)
        except Exception as error:  # noqa: BLE001 - it is what is looked for
            return error
        return answer.value, answer.seconds

    def of(self, hook: str) -> list[Any]:
        """Return the values of the right kind that a hook answered with; none where it is not there or broken."""
        answer = self.raw.get(hook) if hook in self.hooks else None
        if not isinstance(answer, tuple) or isinstance(answer[0], str):
            return []
        return [each for each in answer[0] if isinstance(each, HOOKS[hook]) and type(each) is not values.Export]

    def values(self) -> Iterator[tuple[str, Any]]:
        """Yield every value of the right kind with the way in which it is named to a person (``job train``)."""
        for hook in self.hooks:
            for each in self.of(hook):
                yield f"{KINDS[hook]} {each.name}", each

    def others(self) -> Plugins:
        """Return the bundled plugins but this one."""
        return bundled_but(self.name if self.is_bundled else "")


@cache
def bundled_but(name: str) -> Plugins:
    """Load the bundled plugins without the one of this name."""
    found = own_plugins()
    return Plugins([each for each in found if each.name != name])
