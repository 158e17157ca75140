"""Every event is of a declared kind, as bad as declared and with declared fields, and no kind is declared in vain."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest

from huracan.alerts.kinds import CORE_EVENTS, EventKind
from huracan.types import Severity

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ["huracan", *sorted(path.parent.name for path in (ROOT / "plugins").glob("*/__init__.py"))]
PASSED_ON = {"daemon/huracan/alerts/delivery.py", "daemon/huracan/alerts/trading.py"}
"""Where a kind comes from elsewhere: from a channel, and from the switch that moved."""
OF_SWITCHES = {"kill.on", "kill.off", "breaker.tripped", "breaker.released"}
MADE_BY_HAND = {"alerts.test"}
"""Sent past ``emit``, to one channel."""


@dataclass(frozen=True)
class Call:
    """A call of ``emit``: where, the kind and severity where they are literals, and the names of its fields."""

    package: str
    where: str
    kind: str | None
    severity: str | None
    fields: frozenset[str]
    more: bool


def _declared(package: str) -> dict[str, EventKind]:
    """Return what a package may emit: its own kinds, and the core's."""
    own: tuple[EventKind, ...] = ()
    if package != "huracan" and (ROOT / "plugins" / package / "events.py").exists():
        own = import_module(f"{package}.events").EVENTS
    return {each.kind: each for each in (*CORE_EVENTS, *own)}


def _calls() -> Iterator[Call]:
    for package in PACKAGES:
        folder = ROOT / ("daemon" if package == "huracan" else "plugins") / package
        for path in sorted(folder.rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and _is_emit(node.func) and len(node.args) >= 3:
                    yield _call(package, path.relative_to(ROOT).as_posix(), node)


def _is_emit(function: ast.expr) -> bool:
    return (isinstance(function, ast.Attribute) and function.attr == "emit") or (
        isinstance(function, ast.Name) and function.id == "emit"
    )


def _call(package: str, where: str, node: ast.Call) -> Call:
    kind, severity = node.args[0], node.args[1]
    names = frozenset(each.arg for each in node.keywords if each.arg and each.arg != "symbol")
    return Call(
        package, f"{where}:{node.lineno}",
        str(kind.value) if isinstance(kind, ast.Constant) else None,
        severity.attr.lower() if isinstance(severity, ast.Attribute) and severity.attr.isupper() else None,
        names, any(each.arg is None for each in node.keywords),
    )  # fmt: skip


CALLS = list(_calls())


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.where)
def test_an_event_is_of_a_declared_kind(call: Call) -> None:
    if call.kind is None:
        assert call.where.partition(":")[0] in PASSED_ON, f"{call.where}: say the kind as a literal"
        return
    declared = _declared(call.package).get(call.kind)
    assert declared, f"{call.where}: declare {call.kind} in events.py of its plugin, or in huracan/alerts/kinds.py"
    assert call.severity is None or Severity(call.severity) in declared.severities, call.where
    assert call.fields <= set(declared.fields), call.where


@pytest.mark.parametrize("package", PACKAGES)
def test_every_declared_kind_is_emitted_and_every_field_of_it_is_there(package: str) -> None:
    core = {each.kind for each in CORE_EVENTS}
    own = {kind: each for kind, each in _declared(package).items() if package == "huracan" or kind not in core}
    said: dict[str, set[str]] = {kind: set() for kind in (OF_SWITCHES | MADE_BY_HAND)}
    opaque = set(said)
    for call in CALLS:
        if call.kind is not None:
            said.setdefault(call.kind, set()).update(call.fields)
            opaque |= {call.kind} if call.more else set()
    for kind, each in own.items():
        assert kind in said, f"{kind} is declared and never emitted"
        assert kind in opaque or set(each.fields) == said[kind], kind


def test_kinds_are_declared_once_and_in_words() -> None:
    lists: Mapping[str, tuple[EventKind, ...]] = {
        "huracan": CORE_EVENTS,
        **{
            package: import_module(f"{package}.events").EVENTS
            for package in PACKAGES
            if (ROOT / "plugins" / package / "events.py").exists()
        },
    }
    every = [each for kinds in lists.values() for each in kinds]
    assert len({each.kind for each in every}) == len(every)
    for each in every:
        assert each.severities, each.kind
        assert each.when.strip(), each.kind
        assert "|" not in each.when, each.kind
        assert all(meaning.strip() for meaning in each.fields.values()), each.kind
