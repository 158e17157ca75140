"""Whether the fields of a value hold what they are declared to hold: Python itself does not look.

Read from the annotations of :mod:`huracan.types`, which are texts there: nothing has to be imported for it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

__all__ = ["wrong_field"]

_PLAIN: Mapping[str, type | tuple[type, ...]] = {
    "str": str, "int": int, "float": (int, float), "bool": bool, "None": type(None),
}  # fmt: skip


def wrong_field(value: Any) -> str | None:
    """Return a sentence about the first field that does not hold what it should, None where all do."""
    kind = type(value).__name__
    try:
        return _wrong_field(value, kind)
    except Exception as error:  # noqa: BLE001 - a class of the plugin's own may do anything when it is looked at
        return f"a {kind} cannot be looked at: {type(error).__name__}"


def _wrong_field(value: Any, kind: str) -> str | None:
    for field in dataclasses.fields(value):
        held, declared = getattr(value, field.name), str(field.type)
        if not _fits(held, declared):
            return f"{field.name} of a {kind} is {type(held).__name__}, not {declared}"
        if field.name == "name" and not _is_name(held):
            return f"{held!r} can be no name of a {kind}"
    return None


def _is_name(name: Any) -> bool:
    """Names stand in messages, and become names of files and units."""
    return not isinstance(name, str) or (bool(name) and name.isprintable() and "/" not in name and name[0] != ".")


def _fits(value: Any, declared: str) -> bool:
    return any(_fits_one(value, each) for each in _alternatives(declared))


@cache  # a few dozen texts, asked about for each value of each hook
def _alternatives(declared: str) -> tuple[str, ...]:
    """Split ``float | Literal["a | b"] | None`` where the bars are outside of brackets."""
    parts, depth, begun = [], 0, 0
    for at, letter in enumerate(declared):
        depth += (letter in "[(") - (letter in "])")
        if letter == "|" and depth == 0:
            parts.append(declared[begun:at].strip())
            begun = at + 1
    return (*parts, declared[begun:].strip())


def _fits_one(value: Any, declared: str) -> bool:
    if declared in _PLAIN:
        is_number = isinstance(value, bool) and declared in ("int", "float")
        return isinstance(value, _PLAIN[declared]) and not is_number
    outer, _, inner = declared.partition("[")
    match outer:
        case "Callable":
            return callable(value)
        case "type":
            return isinstance(value, type)
        case "Mapping":
            return isinstance(value, Mapping)
        case "tuple" | "Sequence":
            texts = inner.startswith("str")
            is_row = isinstance(value, Sequence) and not isinstance(value, (str, bytes))
            return is_row and (not texts or all(isinstance(each, str) for each in value))
    return True  # what is not known here is left to whoever uses it
