"""Settings as far as they can be understood: for the one who has to tell that they are wrong, and for nobody else."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from huracan import logs
from huracan.app import assemble, load_plugins, register_secrets
from huracan.clock import SystemClock
from huracan.config import CORE_SECTIONS, CoreSettings, RawSettings, validate_section
from huracan.context import Context
from huracan.errors import SettingsError
from huracan.plugin.settings import compose_settings
from huracan.settings_sources import Layer, Origin, merge, sources
from huracan.store import Store

__all__ = ["open_to_tell"]

_SECTION = re.compile(r"^(?=[A-Za-z_])", re.MULTILINE)
"""Where a section begins in a settings file: a name that is not indented."""


def open_to_tell(files: Sequence[Path] | None, environment: Mapping[str, str]) -> Context:
    """Open what it takes to tell of a failure, whatever is wrong with settings and database.

    A section that cannot be understood is left out, and so are its plugin and its channel. Events are in the memory of
    this process: the caller delivers them.
    """
    raw = _what_can_be_read(files, environment)
    plugins = load_plugins(raw.core().plugins.model_copy(update={"strict": ()}), environment)
    plugins.check_requirements()
    settings, _ = compose_settings(raw, plugins)
    register_secrets(settings)
    logs.configure(settings.core.logging, None, "journal", sys.stderr)
    return assemble(settings, plugins, Store.open("sqlite://", lock_folder=None), SystemClock())


def _what_can_be_read(files: Sequence[Path] | None, environment: Mapping[str, str]) -> RawSettings:
    layers: list[Layer] = []
    for path, read in sources(files, environment):
        try:
            layers.append(read())
        except SettingsError:
            if path is not None:
                layers.append(Layer(_section_by_section(path), Origin(str(path), path.resolve().parent), {}))
    values, origins = merge(layers)
    for name in CORE_SECTIONS:
        try:
            validate_section(CoreSettings, {name: values[name]} if name in values else {}, origins, "")
        except SettingsError:
            del values[name]
    return RawSettings(values, origins)


def _section_by_section(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8", errors="replace")
    except OSError:
        return {}
    found: dict[str, Any] = {}
    for section in _SECTION.split(text):
        try:
            values = yaml.safe_load(section)
        except (yaml.YAMLError, RecursionError, ValueError):
            continue
        if isinstance(values, dict):
            found |= {name: value for name, value in values.items() if isinstance(name, str)}
    return found
