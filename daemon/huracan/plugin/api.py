"""Which versions of the contract a plugin is made for, and whether this engine serves one of them.

A plugin says ``HURACAN_API = 2`` (that one alone) or a range, ``HURACAN_API = ">=2,<4"``: comparisons with whole
numbers, all of which must hold. The engine serves every version from ``OLDEST_API`` to ``API_VERSION``.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from huracan import API_VERSION, OLDEST_API, __version__
from huracan.plugin.deprecations import Deprecation

__all__ = ["Standing", "judge"]

_COMPARISONS: Mapping[str, Callable[[int, int], bool]] = {
    ">=": operator.ge, "<=": operator.le, "==": operator.eq, "!=": operator.ne, ">": operator.gt, "<": operator.lt,
}  # fmt: skip
_CLAUSE = re.compile(r"\s*(>=|<=|==|!=|>|<)\s*([0-9]{1,6})\s*")
_HOW = 'write a number, as HURACAN_API = 2, or a range, as HURACAN_API = ">=2,<4"'

Clauses = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """What came of what a plugin says: ``error`` is why it cannot be loaded; ``deprecation`` that its version goes."""

    error: str = ""
    deprecation: Deprecation | None = None


def judge(declared: Any, oldest: int = OLDEST_API, newest: int = API_VERSION) -> Standing:
    """Compare what a plugin says in ``HURACAN_API`` with the versions that are served."""
    clauses = _clauses(declared)
    if clauses is None:
        return Standing(f"HURACAN_API is {declared!r}, which is no version and no range: {_HOW}")
    fitting = [version for version in range(oldest, newest + 1) if _holds(clauses, version)]
    if not fitting:
        return Standing(_refusal(declared, clauses, oldest, newest))
    if fitting[-1] < newest:
        return Standing(deprecation=_old_version(fitting[-1], newest))
    return Standing()


def _clauses(declared: Any) -> Clauses | None:
    """Return the comparisons that have to hold, None where nobody can say what is meant."""
    if isinstance(declared, int) and not isinstance(declared, bool) and declared > 0:
        return (("==", declared),)
    if not isinstance(declared, str):
        return None
    found = [_CLAUSE.fullmatch(part) for part in declared.split(",")]
    return tuple((each[1], int(each[2])) for each in found if each) if all(found) else None


def _holds(clauses: Clauses, version: int) -> bool:
    return all(_COMPARISONS[sign](version, number) for sign, number in clauses)


def _refusal(declared: Any, clauses: Clauses, oldest: int, newest: int) -> str:
    """Say what the plugin needs, what this is, and which of the two has to be updated."""
    served = str(newest) if oldest == newest else f"{oldest} to {newest}"
    needs = f"is made for plugin API {declared}; this is huracan-engine {__version__}, which serves {served}"
    numbers = [number for _, number in clauses]
    if any(_holds(clauses, version) for version in range(newest + 1, max(*numbers, newest) + 2)):
        return f"{needs}: update huracan-engine, or install an older release of the plugin"
    if any(_holds(clauses, version) for version in range(1, oldest)):
        return f"{needs}: update the plugin"
    return f"{needs}: no version is like that; {_HOW}"


def _old_version(version: int, newest: int) -> Deprecation:
    return Deprecation(
        f"plugin API {version}", "", newest + 1, f"plugin API {newest}; what changed: docs/reference/hook-changes.md"
    )
