"""Turns values that sources gave into a settings model, or into one line per mistake that says where it was written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from huracan.errors import SettingsError
from huracan.settings_sources import Origin, nearest

__all__ = ["SettingsPath", "explain", "origin_of", "validate_section"]

_T = TypeVar("_T", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class _RelativeToItsFile:
    """Marks a path setting: a relative one is meant from the folder of the file that says it."""


SettingsPath = Annotated[Path, _RelativeToItsFile()]


def validate_section(model: type[_T], values: Any, origins: Mapping[str, Origin], name: str) -> _T:
    """Validate ``values`` as ``model``; paths become absolute. Raises SettingsError, one line per mistake."""
    if values is None:
        values = {}
    if not isinstance(values, Mapping):
        raise SettingsError(f"{origin_of(origins, name)}: {name} must be a group of settings, as in `{name}: {{...}}`")
    _build(model, name)
    try:
        return model.model_validate(_absolute_paths(model, values, origins, name))
    except ValidationError as error:
        raise SettingsError(explain(error, model, origins, name)) from None


def _build(model: type[BaseModel], name: str) -> None:
    """Build a model that waited for its first use. Raises SettingsError for one that cannot be: a plugin wrote it."""
    try:
        model.model_rebuild()
    except Exception as error:  # noqa: BLE001 - annotations and schemas of a stranger may raise anything
        what = " ".join(str(error).split())[:200]
        raise SettingsError(f"section {name}: its model cannot be built: {type(error).__name__}: {what}") from None


def explain(error: ValidationError, model: type[BaseModel], origins: Mapping[str, Origin], prefix: str) -> str:
    """Return one line per mistake: where it was written, which key, what is wrong and the nearest known name."""
    lines = []
    for mistake in error.errors(include_input=False, include_url=False):
        path = [str(part) for part in mistake["loc"]]
        dotted = ".".join(filter(None, [prefix, *path]))
        where = origin_of(origins, dotted)
        if mistake["type"] == "extra_forbidden":
            lines.append(f"{where}: {dotted} is not a setting{_suggest(model, path)}")
        else:
            lines.append(f"{where}: {dotted}: {_sentence(mistake['msg'])}")
    return "\n".join(lines)


_WORDS = {
    "input should be a valid tuple": "input should be a list, as in [first, second]",
    "input is not a valid path for <class 'pathlib.Path'>": "input should be a path, as ./work",
}
"""What pydantic says about Python where the reader writes YAML."""


def _sentence(message: str) -> str:
    text = re.sub(r"^(Value error|Assertion failed), ", "", message)
    text = text[:1].lower() + text[1:]
    return _WORDS.get(text, text)


def origin_of(origins: Mapping[str, Origin], dotted: str) -> str:
    """Name the source of a key, or of the nearest key around it."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        prefix = ".".join(parts[:length])
        for key, origin in origins.items():
            if key == prefix or key.startswith(prefix + "."):
                return origin.text
    return "settings"


def _suggest(model: type[BaseModel], path: Sequence[str]) -> str:
    """Find the model that refused the last part of ``path`` and name its nearest field."""
    known: type[BaseModel] | None = model
    for part in path[:-1]:
        annotation = known.model_fields[part].annotation if known and part in known.model_fields else None
        known = annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
    if known is None:
        return ""
    return nearest(path[-1], list(known.model_fields))


def _is_path(info: FieldInfo) -> bool:
    """Say whether a field is a ``SettingsPath`` or ``SettingsPath | None``, where the mark is on the inner type."""
    inner = [mark for part in get_args(info.annotation) for mark in getattr(part, "__metadata__", ())]
    return any(isinstance(mark, _RelativeToItsFile) for mark in [*info.metadata, *inner])


def _absolute_paths(
    model: type[BaseModel], values: Mapping[str, Any], origins: Mapping[str, Origin], prefix: str
) -> dict[str, Any]:
    """Resolve path settings against the file that says them; an empty group (``training:``) means its defaults."""
    result = dict(values)
    for key in result.keys() & model.model_fields.keys():
        info, value = model.model_fields[key], result[key]
        dotted = f"{prefix}.{key}" if prefix else key
        group = (
            info.annotation if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel) else None
        )
        if group is not None and (value is None or isinstance(value, Mapping)):
            result[key] = _absolute_paths(group, value or {}, origins, dotted)
        elif isinstance(value, str) and _is_path(info):
            base = origins[dotted].base if dotted in origins else Path.cwd()
            result[key] = _absolute(base, value, origin_of(origins, dotted), dotted)
    return result


def _absolute(base: Path, value: str, origin: str, dotted: str) -> Path:
    try:
        return Path(base, Path(value).expanduser()).resolve()
    except (ValueError, RuntimeError, OSError):  # a NUL character, a home that nobody has, links in a circle
        raise SettingsError(f"{origin}: {dotted}: is no path that can be followed; write one as /srv/huracan") from None
