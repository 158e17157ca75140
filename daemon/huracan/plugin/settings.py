"""Validates the merged settings against the core's models and those that plugins bring."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from huracan.config import (
    CHOICE_SECTIONS,
    CORE_SECTIONS,
    CoreSettings,
    RawSettings,
    Settings,
    origin_of,
    validate_section,
)
from huracan.errors import SettingsError
from huracan.plugin.status import PluginStatus
from huracan.run.graph import names_of_pipelines
from huracan.settings_sources import nearest

NIGHT = "nightly"
"""The pipeline that is what Huracan is for: where nobody declares it, somebody should be told."""

if TYPE_CHECKING:
    from pydantic import BaseModel

    from huracan.plugin.manager import Plugins

__all__ = ["compose_settings"]


def compose_settings(raw: RawSettings, plugins: Plugins) -> tuple[Settings, list[str]]:
    """Return the effective settings and one line per mistake in a section that a plugin owns.

    A mistake costs its plugin (status ``bad-settings``); who must not go on without it raises what is returned.
    Mistakes in the core's sections raise SettingsError at once.
    """
    core = raw.core()
    sections: dict[str, BaseModel] = {}
    mistakes: list[str] = []
    declared = plugins.settings()
    for name, section in declared.items():
        owner = declared.owners[name]
        try:
            if name in CORE_SECTIONS or name in CHOICE_SECTIONS:
                raise SettingsError(f"section {name} belongs to the core; plugin {owner} cannot bring it")
            sections[name] = raw.section(name, section.model)
        except SettingsError as error:
            _blame(plugins, owner, error, mistakes)
    for name, offers in (("exchange", plugins.exchanges()), ("remote", plugins.remotes())):
        try:
            chosen = _choose(name, raw, {key: offer.settings for key, offer in offers.items()})
        except SettingsError as error:
            owner = offers.owners.get(_name_of(raw, name), "")
            if owner:
                _blame(plugins, owner, error, mistakes)
            else:
                mistakes.append(str(error))
            continue
        if chosen is not None:
            sections[name] = chosen
    mistakes += _unknown_sections(raw, list(declared), plugins)
    mistakes += _unknown_names(core, raw, plugins)
    core = _without_pipelines_that_are_off(core, raw, plugins)
    return Settings(core, sections, raw.origins, mistakes=tuple(mistakes), notes=raw.notes), mistakes


def _blame(plugins: Plugins, owner: str, error: SettingsError, mistakes: list[str]) -> None:
    mistakes.append(str(error))
    plugins.switch_off(owner, PluginStatus.BAD_SETTINGS, str(error).replace("\n", "; "))


def _name_of(raw: RawSettings, section: str) -> str:
    values = raw.values.get(section)
    return str(values.get("name", "")) if isinstance(values, Mapping) else ""


def _choose(section: str, raw: RawSettings, models: Mapping[str, type[BaseModel]]) -> BaseModel | None:
    values: Any = raw.values.get(section)
    if not values:
        return None
    name = _name_of(raw, section)
    if not name:
        raise SettingsError(f"{section}.name is missing: choose one of {', '.join(sorted(models))}")
    if name not in models:
        raise SettingsError(f"{section}.name: no enabled plugin offers {name!r}{nearest(name, list(models))}")
    return validate_section(models[name], values, raw.origins, section)


def _unknown_names(core: CoreSettings, raw: RawSettings, plugins: Plugins) -> list[str]:
    """Find names of plugins, jobs and pipelines that nobody has: an owner's change that would do nothing."""
    infos = plugins.infos()
    installed = [info.name for info in infos]
    lines = []
    for key, names in (("disable", core.plugins.disable), ("only", core.plugins.only)):
        lines += [
            f"{origin_of(raw.origins, f'plugins.{key}')}: plugins.{key}: no plugin {name!r} is installed"
            + nearest(name, installed)
            for name in names
            if name not in installed
        ]
    if any(info.status is not PluginStatus.ENABLED for info in infos):
        return lines  # a job that is not declared may belong to a plugin that is off or did not load
    jobs = plugins.jobs()
    channels = list(plugins.notifiers()) if core.alerts.channels else []
    written = _written(raw)
    for section, given, known in (
        ("jobs", core.jobs, list(jobs)),
        ("schedule.pipelines", core.schedule.pipelines, names_of_pipelines(jobs)),
        ("alerts.channels", core.alerts.channels, channels),
    ):
        unknown = [name for name in given if name not in known and f"{section}.{name}" in written]
        lines += [
            f"{origin_of(raw.origins, f'{section}.{name}')}: {section}.{name}: there is none of that name"
            + nearest(name, known)
            for name in unknown
        ]
    return lines


def _without_pipelines_that_are_off(core: CoreSettings, raw: RawSettings, plugins: Plugins) -> CoreSettings:
    """Leave out of the default schedule what an owner switched off with its plugin; what is written down stays."""
    given = core.schedule.pipelines
    if "schedule.pipelines" in _written(raw) or all(i.status is not PluginStatus.DISABLED for i in plugins.infos()):
        return core
    declared = names_of_pipelines(plugins.jobs())
    kept = {name: at for name, at in given.items() if name in declared or name == NIGHT}
    return core.model_copy(update={"schedule": core.schedule.model_copy(update={"pipelines": kept})})


def _written(raw: RawSettings) -> set[str]:
    """Return every dotted name that a source gives, with the groups around it."""
    parts = [key.split(".") for key in raw.origins]
    return {".".join(part[:length]) for part in parts for length in range(1, len(part) + 1)}


def _unknown_sections(raw: RawSettings, declared: list[str], plugins: Plugins) -> list[str]:
    """A section that nobody declares is a mistake, unless it may belong to a plugin that is off or did not load."""
    known = [*CORE_SECTIONS, *CHOICE_SECTIONS, *declared]
    if any(info.status is not PluginStatus.ENABLED for info in plugins.infos()):
        return []
    return [
        f"{origin_of(raw.origins, name)}: {name} is not a section{nearest(name, known)}"
        for name in raw.values
        if name not in known
    ]
