"""P17 to P20: settings that an owner can read, and that keep secrets."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from huracan.testing.plugin_rules.subject import Subject
from huracan.testing.rules import Rule

__all__ = ["setting_rules"]

_SECRET = re.compile(
    r"(^|_)(password|passphrase|passwd|secret|token|api_?key|secret_key|access_key|private_key|auth_key|credentials?)$"
)
_NAMES_OF_FIELDS = ("candle_source", "funding_source", "written_paths")


def setting_rules(subject: Subject) -> Iterator[Rule]:
    """Yield P17 to P20, in order."""
    check = _Check(subject)
    yield "P17", "settings are frozen and described", check.described
    yield "P18", "settings have good defaults", check.defaults
    yield "P19", "secrets are kept", check.secrets
    yield "P20", "named settings exist", check.named_fields


class _Check:
    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def _models(self) -> Iterator[tuple[str, type[BaseModel]]]:
        """Yield every settings model that is declared, with what a person calls it."""
        for each in self._subject.of("huracan_settings"):
            yield f"section {each.name}", each.model
        for hook, section in (("huracan_exchanges", "exchange"), ("huracan_remotes", "remote")):
            for each in self._subject.of(hook):
                yield f"{section}: {{name: {each.name}}}", each.settings

    def described(self) -> str | None:
        for who, outer in self._models():
            if not _is_model(outer):
                return f"{who}: {outer!r} is no pydantic model"
            for where, model in _with_nested(who, outer):
                if wrong := _not_sound(model):
                    return f"{where}: {wrong}"
                for name, info in model.model_fields.items():
                    nested = _is_model(info.annotation) and _own_words(info.annotation)
                    if not (info.description or "").strip() and not nested:
                        return f"{where}: {name} has no description"
        return None

    def defaults(self) -> str | None:
        for each in self._subject.of("huracan_settings"):
            if wrong := _not_made(each.model, {}):
                return f"section {each.name}: without any setting {wrong}"
        for hook, section in (("huracan_exchanges", "exchange"), ("huracan_remotes", "remote")):
            for each in self._subject.of(hook):
                info = each.settings.model_fields.get("name")
                if info is None or typing.get_args(info.annotation) != (each.name,):
                    return f'{section} {each.name}: its settings need a field name: Literal["{each.name}"]'
        return None

    def secrets(self) -> str | None:
        for who, outer in self._models():
            for where, model in _with_nested(who, outer):
                for name, info in model.model_fields.items():
                    kinds = set(_kinds(info.annotation))
                    hidden = kinds & {SecretStr, SecretBytes}
                    if _SECRET.search(name) and str in kinds and not hidden:
                        return f"{where}: {name} is a secret by its name and no SecretStr"
                    if hidden and _is_given(info):
                        return f"{where}: the secret {name} has a default that everybody knows"
        return None

    def named_fields(self) -> str | None:
        for who, model in self._models():
            for attribute in _NAMES_OF_FIELDS:
                for name in getattr(model, attribute, ()):
                    info = model.model_fields.get(name)
                    if info is None and not isinstance(getattr(model, name, None), property):
                        return f"{who}: {attribute} names {name}, which is no field of it"
                    if attribute == "written_paths" and info is not None and not _holds_path(info):
                        return f"{who}: written_paths names {name}, which holds no path"
        return None


def _with_nested(who: str, outer: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield a model and those inside it, each with its dotted name."""
    yield who, outer
    for name, info in outer.model_fields.items():
        for kind in _kinds(info.annotation):
            if _is_model(kind):
                yield from _with_nested(f"{who}.{name}", kind)


def _kinds(annotation: Any) -> Iterator[Any]:
    """Yield every type inside an annotation: those of ``dict[str, SecretStr] | None`` are three."""
    arguments = typing.get_args(annotation)
    if not arguments:
        yield annotation
    for each in arguments:
        yield from _kinds(each)


def _is_model(kind: Any) -> typing.TypeGuard[type[BaseModel]]:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _not_sound(model: type[BaseModel]) -> str | None:
    if not model.model_config.get("frozen"):
        return f"{model.__name__} is not frozen; derive it from huracan.config.Section"
    if model.model_config.get("extra") != "forbid":
        return f"{model.__name__} takes unknown names; derive it from huracan.config.Section"
    if not model.model_config.get("hide_input_in_errors"):
        return f"{model.__name__} shows its input, secrets too, in errors; derive it from huracan.config.Section"
    return None if _own_words(model) else f"{model.__name__} has no docstring to say what it is for"


def _own_words(model: type[BaseModel]) -> str:
    return (vars(model).get("__doc__") or "").strip()


def _not_made(model: type[BaseModel], given: Mapping[str, Any]) -> str | None:
    try:
        model(**given)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        return f"{'.'.join(map(str, first['loc'])) or 'it'} is refused: {first['msg']}"
    return None


def _is_given(info: FieldInfo) -> bool:
    default = None if info.is_required() else info.get_default(call_default_factory=True)
    return isinstance(default, SecretStr | SecretBytes) and bool(default.get_secret_value())


def _holds_path(info: FieldInfo) -> bool:
    return any(isinstance(kind, type) and issubclass(kind, PurePath) for kind in _kinds(info.annotation))
