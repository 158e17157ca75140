"""What the contract of plugins is made of, in words that can be compared: each hook, value, field and method, as its
source says it. The changelog ``docs/reference/hook-changes.yaml`` is held to this; nothing that runs reads it.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

__all__ = ["MODULES", "contract", "forms"]

MODULES: Mapping[str, tuple[str, ...]] = {
    "huracan.plugin.spec": (),
    "huracan.types.work": (),
    "huracan.types.health": (),
    "huracan.types.market": (),
    "huracan.types.learning": (),
    "huracan.types.exports": (),
    "huracan.types.files": (),
    "huracan.types.messages": (),
    "huracan.context": (),
    "huracan.market.candles": ("Candles",),
    "huracan.remote.base": ("RemoteFile", "RemoteStore", "Sent", "Stored"),
}
"""Where the contract is written; of a module with names only those are part of it, of the others what is public."""


def contract() -> dict[str, str]:
    """Return every part of the contract by its dotted name (``huracan_jobs``, ``Job.retries``) with its form."""
    found: dict[str, str] = {}
    for module, names in MODULES.items():
        source = Path(str(importlib.import_module(module).__file__)).read_text("utf-8")
        found |= forms(source, names)
    return found


def forms(source: str, names: Iterable[str] = ()) -> dict[str, str]:
    """Return the parts of the contract that a source declares; with ``names`` only those and what they have."""
    tree = ast.parse(source)
    wanted = set(names) or _public(tree)
    found: dict[str, str] = {}
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) if name.startswith("huracan_"):
                found[name] = _signature(node, method=False)
            case ast.ClassDef(name=name) if name in wanted:
                found |= _class(node)
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in wanted:
                found[name] = ast.unparse(value)
    return found


def _public(tree: ast.Module) -> set[str]:
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=ast.List() as names):
                return set(ast.literal_eval(names))
    return set()


def _class(node: ast.ClassDef) -> dict[str, str]:
    """Return a class and what it has. Its own form names its fields in order: that is how a value is made of them."""
    bases = [ast.unparse(base) for base in node.bases]
    members = dict(_members(node))
    fields = [name for name, _ in _fields(node)]
    if "StrEnum" in bases:
        form = "names"
    elif "Protocol" in bases:
        form = "protocol" + "".join(f" ({base})" for base in bases if base != "Protocol")
    else:
        form = "value" + "".join(f" ({base})" for base in bases) + f": {', '.join(fields)}"
    return {node.name: form} | {f"{node.name}.{name}": text for name, text in members.items()}


def _members(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    yield from _fields(node)
    for each in node.body:
        match each:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if not name.startswith("_"):
                yield name, ast.unparse(value)
            case ast.FunctionDef(name=name) if not name.startswith("_") or name == "__call__":
                yield name, _signature(each, method=True)


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for each in node.body:
        match each:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=kind, value=default) if not name.startswith("_"):
                yield name, ast.unparse(kind) + (f" = {ast.unparse(default)}" if default else "")


def _signature(node: ast.FunctionDef, *, method: bool) -> str:
    decorators = {ast.unparse(each) for each in node.decorator_list}
    returned = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    if "property" in decorators:
        return f"property{returned}"
    arguments = ast.unparse(node.args)
    if method and "staticmethod" not in decorators:
        arguments = arguments.partition(",")[2].strip()
    return f"({arguments}){returned}"
