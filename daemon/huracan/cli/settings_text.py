"""Turns settings models into text: the commented sample file, the reference table, the masked effective values."""

from __future__ import annotations

import enum
import re
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from huracan.config import CoreSettings, Settings

if TYPE_CHECKING:
    from huracan.plugin.manager import Plugins

__all__ = ["MASK", "SettingText", "describe", "effective", "flow", "masked", "plain", "sample", "sections", "stated"]

MASK = "********"

_HEAD = """\
# Settings of Huracan. Everything here is commented out and shows its default: take away the "#" before a name, and
# before the names it stands under, to change it. Times are UTC, fees and spreads basis points (1 bps = 0.01 %).
#
# Read in this order, later wins: /etc/huracan/settings.yaml, /etc/huracan/conf.d/*.yaml (or the files given with -c),
# files in $CREDENTIALS_DIRECTORY (one per secret, named as remote__token), the environment
# (HURACAN_TRAINING__WORKERS=2). `huracan settings show` says what holds and where it comes from.
#
# This file is printed by `huracan settings sample`.
"""

_CHOICE_HEADS = {
    "exchange": "Where markets and candles come from: exactly one of these groups.",
    "remote": "Where copies are kept: none, or exactly one of these groups.",
}


@dataclass(frozen=True, slots=True)
class SettingText:
    """One setting as people read it. ``default`` is a plain YAML value; a ``group`` holds the settings that follow."""

    dotted: str
    kind: str
    default: Any
    description: str
    group: bool = False
    required: bool = False

    @property
    def depth(self) -> int:
        return self.dotted.count(".")

    @property
    def name(self) -> str:
        return self.dotted.rpartition(".")[2]


# ---------------------------------------------------------------------------------------------------- models to text


def sections(plugins: Plugins) -> Iterator[tuple[str, str, list[SettingText]]]:
    """Yield (title, owner, settings) for the core, each plugin section and each choice of exchange and remote."""
    core = describe(CoreSettings, "")
    for top in [item for item in core if item.depth == 0]:
        yield top.name, "core", [item for item in core if item.dotted.split(".")[0] == top.name]
    declared = plugins.settings()
    for name, section in declared.items():
        group = SettingText(name, "group", {}, _first_line(section.model), group=True)
        yield name, declared.owners[name], [group, *describe(section.model, f"{name}.")]
    exchanges, remotes = plugins.exchanges(), plugins.remotes()
    for name in sorted(exchanges):
        yield "exchange", exchanges.owners[name], _choice("exchange", exchanges[name].settings)
    for name in sorted(remotes):
        yield "remote", remotes.owners[name], _choice("remote", remotes[name].settings)


def _choice(title: str, model: type[BaseModel]) -> list[SettingText]:
    group = SettingText(title, "group", {}, _first_line(model), group=True)
    return [group, *describe(model, f"{title}.")]


def describe(model: type[BaseModel], prefix: str) -> list[SettingText]:
    """Return the settings of ``model`` in order; a nested model gives a group and then its own settings."""
    lines: list[SettingText] = []
    for name, info in model.model_fields.items():
        dotted = f"{prefix}{name}"
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            text = info.description or _first_line(info.annotation)
            lines.append(SettingText(dotted, "group", {}, text, group=True))
            lines += _with_defaults_of(info, describe(info.annotation, f"{dotted}."), dotted)
        else:
            required = info.is_required()
            default = _only_choice(info) if required else plain(info.get_default(call_default_factory=True))
            lines.append(SettingText(dotted, _kind(info), default, _sentence(info), required=required))
    return lines


def _with_defaults_of(info: FieldInfo, below: list[SettingText], dotted: str) -> list[SettingText]:
    """A group may have defaults of its own (``Field(GateSettings(sharpe=1.0))``): they win over the model's."""
    if info.is_required():
        return below
    values = plain(info.get_default(call_default_factory=True))
    result = []
    for item in below:
        value: Any = values
        for part in item.dotted.removeprefix(f"{dotted}.").split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        changed = not item.group and isinstance(values, Mapping)
        result.append(
            SettingText(item.dotted, item.kind, value, item.description, item.group, item.required) if changed else item
        )
    return result


def _sentence(info: FieldInfo) -> str:
    """A field's description, and for a table of groups what each of them may hold."""
    text = info.description or ""
    values = typing.get_args(info.annotation)
    entry = values[1] if typing.get_origin(info.annotation) in (dict, Mapping) and len(values) == 2 else None
    if isinstance(entry, type) and issubclass(entry, BaseModel):
        fields = "; ".join(f"{i.name}: {i.description.rstrip('.')} ({i.kind})" for i in describe(entry, ""))
        text += f" Each entry may hold {fields}."
    return text


def _kind(info: FieldInfo) -> str:
    limits = []
    for mark in info.metadata:
        for attribute, sign in (("ge", ">="), ("gt", ">"), ("le", "<="), ("lt", "<")):
            value = getattr(mark, attribute, None)
            if value is not None:
                limits.append(f"{sign} {value:g}" if isinstance(value, float) else f"{sign} {value}")
        if getattr(mark, "min_length", None):
            limits.append(f"at least {mark.min_length} long")
    return ", ".join([_type_text(info.annotation), *limits])


_PLAIN_TYPES: dict[Any, str] = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    Path: "path",
    SecretStr: "secret text",
    type(None): "empty",
    Any: "anything",
}


def _type_text(annotation: Any) -> str:
    if annotation in _PLAIN_TYPES:
        return _PLAIN_TYPES[annotation]
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return " | ".join(str(plain(part)) for part in parts)
    if origin is typing.Annotated:
        return _type_text(parts[0])
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_type_text(part) for part in parts)
    if origin in (tuple, list, frozenset, set):
        return f"list of {_type_text(parts[0])}" if parts else "list"
    if origin in (dict, Mapping):
        return f"group of {_type_text(parts[1])} by name"
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return " | ".join(str(member.value) for member in annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "settings"
    return getattr(annotation, "__name__", str(annotation))


def _only_choice(info: FieldInfo) -> Any:
    """What to write for a field without a default: its one allowed value, or nothing."""
    parts = typing.get_args(info.annotation)
    return plain(parts[0]) if typing.get_origin(info.annotation) is typing.Literal and len(parts) == 1 else None


def _first_line(model: type[BaseModel]) -> str:
    text = (model.__doc__ or "").strip().splitlines()
    return text[0] if text else model.__name__


def plain(value: Any) -> Any:
    """Return ``value`` as YAML and JSON know it; secrets become the mask, or stay empty where they are."""
    if isinstance(value, SecretStr):
        return MASK if value.get_secret_value() else ""
    if isinstance(value, BaseModel):
        return {name: plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, (set, frozenset)):
        return sorted(plain(part) for part in value)
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


# -------------------------------------------------------------------------------------------------------- sample file


def sample(plugins: Plugins) -> str:
    """Render the commented default settings of the core and of every plugin that is given."""
    parts, seen = [_HEAD], set()
    for title, owner, settings in sections(plugins):
        head = _CHOICE_HEADS.get(title)
        if head and title not in seen:
            parts.append(f"# {'-' * 117}\n# {head}\n")
        seen.add(title)
        parts.append("".join(_sample_lines(item, owner) for item in settings))
    return "\n".join(parts)


def _sample_lines(item: SettingText, owner: str) -> str:
    indent = "  " * item.depth
    belongs = f" (plugin {owner})" if item.group and item.depth == 0 and owner != "core" else ""
    hint = "" if item.group else f" ({item.kind}{', must be set' if item.required and item.default is None else ''})"
    prose = _wrapped(f"{item.description}{hint}{belongs}", f"#{indent}# " if indent else "# ")
    value = "" if item.group else f" {flow(item.default)}".rstrip()
    return f"{prose}#{indent}{item.name}:{value}\n"


def _wrapped(text: str, indent: str) -> str:
    import textwrap

    width = 119
    return textwrap.fill(text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False) + "\n"


def flow(value: Any) -> str:
    """Return ``value`` as YAML on one line."""
    return yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False).removesuffix("\n...\n").strip()


# ---------------------------------------------------------------------------------------------------- effective values


def effective(settings: Settings) -> list[tuple[str, Any, str]]:
    """Return (dotted name, plain masked value, origin) of every setting that holds."""
    return [
        (dotted, MASK if origin.startswith("credential") and value else masked(value), origin)
        for dotted, value, origin in stated(settings)
    ]


def stated(settings: Settings) -> Iterator[tuple[str, Any, str]]:
    """Yield the same with nothing masked but the fields that are secrets: for no eyes."""
    models: dict[str, BaseModel] = {"": settings.core, **{f"{name}.": part for name, part in settings.sections.items()}}
    for prefix, model in models.items():
        for dotted, value in _leaves(plain(model), prefix):
            yield dotted, value, _origin(settings, dotted)


def _leaves(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _origin(settings: Settings, dotted: str) -> str:
    origin = settings.origins.get(dotted)
    return origin.text if origin else "default"


def masked(value: Any) -> Any:
    """Hide the password inside every URL of ``value``: ``postgresql://user:********@host/name``."""
    if isinstance(value, list):
        return [masked(part) for part in value]
    if isinstance(value, Mapping):
        return {key: masked(part) for key, part in value.items()}
    if not isinstance(value, str) or "://" not in value:
        return value
    text = re.sub(r"([?&](?:password|passwd|token|sslpassword)=)[^&#]*", rf"\1{MASK}", value, flags=re.IGNORECASE)
    account, at, _ = urlsplit(text).netloc.rpartition("@")
    user, colon, password = account.partition(":")
    return text.replace(f"{account}{at}", f"{user}{colon}{MASK}@", 1) if password else text
