"""P9 to P16: what hooks answer with, how it is named, and what it refers to."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from typing import Any

from huracan import types as values
from huracan.cli.commands import BUILT_IN, INTERNAL
from huracan.config import CHOICE_SECTIONS, CORE_SECTIONS
from huracan.errors import PluginError
from huracan.run.references import resolve
from huracan.testing.limits import TooSlowError
from huracan.testing.plugin_rules.subject import HOOKS, KINDS, Subject
from huracan.testing.rules import Rule

__all__ = ["answer_rules", "callable_ones"]

_PLAIN = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
_FORMS: Mapping[str, tuple[str, str]] = {
    "huracan_settings": (r"[a-z](_?[a-z0-9])*", "small letters and digits with single underscores"),
    "huracan_commands": (r"[a-z][a-z0-9-]{0,31}", "small letters, digits and dashes"),
    "huracan_chat_commands": (r"[a-z0-9_]{1,32}", "up to 32 small letters, digits and underscores"),
    "huracan_exports": (r"[A-Za-z0-9][A-Za-z0-9_-]*\*?[A-Za-z0-9_-]*", "letters, digits, - and _, and one * at most"),
}
_COLUMN = r"[A-Za-z][A-Za-z0-9_]*"
_TAKEN_BY_THE_CORE = {
    "huracan_settings": (*CORE_SECTIONS, *CHOICE_SECTIONS),
    "huracan_commands": tuple(each.name for each in (*BUILT_IN, *INTERNAL)),
    "huracan_remotes": ("here", "disk", "remote"),
}
_LONGEST_LINE = 160

_ARGUMENTS: Mapping[str, int] = {
    "Check.run": 1, "ExchangeType.open": 2, "UniverseRule.veto": 2, "FeatureSet.compute": 1, "Trainer.fit": 3,
    "Trainer.load": 1, "Trainer.fit_watched": 5, "Gate.judge": 2, "TableExport.parts": 2, "TableExport.batches": 2,
    "FileExport.parts": 2, "FileExport.write": 3, "Notifier.deliver": 2, "Notifier.check": 1, "Notifier.is_set": 1,
    "RemoteType.open": 2, "BackupSource.collect": 2, "BackupSource.restore": 2, "ReportSection.write": 2,
}  # fmt: skip
"""How many arguments each function of a value is called with."""


_REFERRING = {"huracan_jobs": 1, "huracan_services": 1, "huracan_chat_commands": 2}
_OPTIONAL = frozenset({"parts", "fit_watched", "check", "is_set", "restore"})


def answer_rules(subject: Subject) -> Iterator[Rule]:
    """Yield P9 to P16, in order."""
    check = _Check(subject)
    yield "P9", "answers are of the right kind", check.kinds
    yield "P10", "asked twice, the same", check.same_twice
    yield "P11", "answers in time", check.in_time
    yield "P12", "names can be used", check.names
    yield "P13", "names are free", check.free_names
    yield "P14", "each says what it is for", check.words
    yield "P15", "references lead somewhere", check.references
    yield "P16", "functions take their arguments", check.arguments


def callable_ones(subject: Subject, hook: str) -> Iterator[Any]:
    """Yield the values of a hook whose functions can be called as they will be; P15 and P16 name the others."""
    for each in subject.of(hook):
        if _wrong_reference(hook, each) is not None or _wrong_function(each) is not None:
            continue
        if all(_refuses(resolve(name, each.name), count) is None for name, count in _references(hook, each)):
            yield each


def _references(hook: str, value: Any) -> Iterator[tuple[str, int]]:
    """Yield the references of a value, and with how many arguments each is called."""
    if hook == "huracan_commands":
        yield from ((f"{value.module}:{name}", 1) for name in ("configure", "run"))
    elif hook in _REFERRING:
        yield value.run, _REFERRING[hook]


def _wrong_reference(hook: str, value: Any) -> str | None:
    for reference, _ in _references(hook, value):
        try:
            resolve(reference, f"{KINDS[hook]} {value.name}")
        except PluginError as error:
            return str(error)
        except BaseException as error:  # noqa: BLE001 - its module may raise anything
            return f"{KINDS[hook]} {value.name}: {reference} cannot be loaded: {type(error).__name__}: {error}"
    return None


def _wrong_function(value: Any) -> str | None:
    for name in (field.name for field in fields(value)):
        function, count = getattr(value, name), _ARGUMENTS.get(f"{type(value).__name__}.{name}")
        if count is None or (function is None and name in _OPTIONAL):
            continue
        if wrong := _refuses(function, count):
            return f"its {name} {wrong}"
    return None


class _Check:
    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def kinds(self) -> str | None:
        for hook, answer in self._subject.raw.items():
            kind = HOOKS[hook].__name__
            if isinstance(answer, TooSlowError):
                continue
            if isinstance(answer, Exception):
                return f"{hook} raises {type(answer).__name__}: {answer}"
            if not isinstance(answer[0], list | tuple):
                return f"{hook} answers with {type(answer[0]).__name__}, not with a list of {kind}"
            for each in answer[0]:
                if not isinstance(each, HOOKS[hook]) or type(each) is values.Export:
                    return f"{hook} answers with {type(each).__name__}, not {_wanted(hook)}"
        return None

    def same_twice(self) -> str | None:
        for hook in self._subject.hooks:
            if not self._subject.of(hook):
                continue
            again = self._subject.ask(hook)
            second = again[0] if isinstance(again, tuple) else [again]
            first = self._subject.of(hook)
            if len(second) != len(first):
                return f"{hook} answers with {len(first)} values, then with {len(second)}"
            for one, other in zip(first, second, strict=True):
                if (where := _differ(one, other)) is not None:
                    return f"{hook}: {one.name} has another {where} when it is asked again"
        return None

    def in_time(self) -> str | None:
        found = [f"{hook}: {how}" for hook, how in self._subject.hanging.items() if hook in HOOKS]
        found += [f"{hook}: {answer}" for hook, answer in self._subject.raw.items() if isinstance(answer, TooSlowError)]
        return "; ".join(found) or None

    def names(self) -> str | None:
        for hook in self._subject.hooks:
            form, words = _FORMS.get(hook, (_PLAIN, "letters, digits, - _ . and at most 64 of them"))
            for each in self._subject.of(hook):
                if not isinstance(each.name, str) or not re.fullmatch(form, each.name):
                    return f"{KINDS[hook]} {each.name!r}: its name must be {words}"
        for each in self._subject.of("huracan_jobs"):
            if not re.fullmatch(_PLAIN, each.pipeline):
                return f"job {each.name}: no unit can have the name of its pipeline {each.pipeline!r}"
        for each in self._subject.of("huracan_features"):
            odd = [name for name in each.columns if not re.fullmatch(_COLUMN, str(name))]
            if odd:
                return f"feature set {each.name}: {odd[0]!r} cannot be the name of a column"
        return None

    def free_names(self) -> str | None:
        others = self._subject.others()
        if not self._subject.is_bundled and any(info.name == self._subject.name for info in others.infos()):
            return f"a bundled plugin is called {self._subject.name} already"
        for hook in self._subject.hooks:
            offered = getattr(others, hook.removeprefix("huracan_"))()
            taken = dict.fromkeys(_TAKEN_BY_THE_CORE.get(hook, ()), "Huracan itself")
            taken |= {name: f"plugin {owner}" for name, owner in offered.owners.items()}
            if collision := _collision(KINDS[hook], (each.name for each in self._subject.of(hook)), taken):
                return collision
        sets = others.features()
        taken = {column: f"plugin {sets.owners[name]}" for name, each in sets.items() for column in each.columns}
        own = (column for each in self._subject.of("huracan_features") for column in each.columns)
        return _collision("feature", own, taken)

    def words(self) -> str | None:
        for who, each in self._subject.values():
            told = {name: getattr(each, name) for name in ("description", "help") if hasattr(each, name)}
            told |= {f"meaning of {column.name}": column.meaning for column in getattr(each, "columns", ())
                     if isinstance(column, values.Column)}  # fmt: skip
            for name, text in told.items():
                if not text.strip():
                    return f"{who}: its {name} is empty"
                if "\n" in text or len(text) > _LONGEST_LINE:
                    return f"{who}: its {name} is no single line of at most {_LONGEST_LINE} letters: {text[:40]!r}"
        return None

    def references(self) -> str | None:
        pairs = ((hook, each) for hook in self._subject.hooks for each in self._subject.of(hook))
        return next(filter(None, (_wrong_reference(hook, each) for hook, each in pairs)), None)

    def arguments(self) -> str | None:
        for hook in self._subject.hooks:
            for each in self._subject.of(hook):
                if wrong := _wrong_function(each):
                    return f"{KINDS[hook]} {each.name}: {wrong}"
                if _wrong_reference(hook, each) is not None:
                    continue
                for reference, count in _references(hook, each):
                    if wrong := _refuses(resolve(reference, each.name), count):
                        return f"{KINDS[hook]} {each.name}: {reference} {wrong}"
        return None


def _collision(kind: str, names: Iterable[str], taken: dict[str, str]) -> str | None:
    for name in names:
        if name in taken:
            return f"the {kind} {name} is taken by {taken[name]}"
        taken[name] = "another one of its own"
    return None


def _wanted(hook: str) -> str:
    return "TableExport or FileExport" if hook == "huracan_exports" else HOOKS[hook].__name__


def _refuses(function: Any, count: int) -> str | None:
    """Say why something cannot be called with ``count`` arguments."""
    if not callable(function):
        return f"is {type(function).__name__}, no function"
    try:
        inspect.signature(function).bind(*[None] * count)
    except TypeError as error:
        return f"cannot be called with {count} {'argument' if count == 1 else 'arguments'}: {error}"
    except ValueError:
        return None  # built-in functions tell nothing of their arguments
    return None


def _differ(one: Any, other: Any) -> str | None:
    """Name the first field in which two values differ; functions are the same where they are called the same."""
    if type(one) is not type(other):
        return "type"
    if not is_dataclass(one):
        return None if one == other else "value"
    for field in fields(one):
        left, right = getattr(one, field.name), getattr(other, field.name)
        if not (_same_function(left, right) if callable(left) else left == right):
            return field.name
    return None


def _same_function(left: Any, right: Any) -> bool:
    if isinstance(left, partial) and isinstance(right, partial):
        return _same_function(left.func, right.func) and (left.args, left.keywords) == (right.args, right.keywords)
    return bool(getattr(left, "__qualname__", left) == getattr(right, "__qualname__", right))
