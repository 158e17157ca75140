"""Keeps secrets out of everything that is logged, stored or sent, and makes any value fit for JSON."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any
from urllib.parse import quote, quote_plus

__all__ = ["MASK", "json_safe", "mask", "printable", "register_secret"]

MASK = "***"

_SHORTEST = 4
_DEEPEST = 8
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class _Secrets:
    """The values that must never be printed, longest first, so that one inside another leaves nothing behind."""

    def __init__(self) -> None:
        self.forms: list[str] = []

    def add(self, value: str) -> None:
        forms = {value, repr(value)[1:-1], quote(value), quote(value, safe=""), quote_plus(value)}
        # As it stands inside JSON, and inside JSON inside JSON: a child's line that is quoted in a message.
        for _ in range(2):
            forms |= {json.dumps(form, ensure_ascii=ascii_only)[1:-1] for form in forms for ascii_only in (True, False)}
        self.forms = sorted({*self.forms, *forms}, key=len, reverse=True)


_secrets = _Secrets()


def register_secret(value: str) -> None:
    """Never print ``value`` again; texts of fewer than four characters are left alone, they would mask everything."""
    if len(value) >= _SHORTEST:
        _secrets.add(value)


def mask(text: str) -> str:
    """Return ``text`` with every registered secret replaced, also where it is quoted for JSON, a URL or Python."""
    for form in _secrets.forms:
        text = text.replace(form, MASK)
    return text


def json_safe(value: object) -> Any:
    """Return ``value`` as JSON values without secrets: what JSON does not know becomes text, NaN too. Never raises."""
    return _json_safe(value, 0)


def _json_safe(value: object, depth: int) -> Any:
    try:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, Real) and math.isfinite(value):
            number = int(value) if isinstance(value, Integral) else float(value)
            return number if mask(str(number)) == str(number) else MASK
        if isinstance(value, Mapping) and depth < _DEEPEST:
            return {str(_json_safe(key, _DEEPEST)): _json_safe(part, depth + 1) for key, part in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)) and depth < _DEEPEST:
            return [_json_safe(part, depth + 1) for part in value]
        # Halves of surrogate pairs stand for the bytes of a file's name that are no text; no file can hold them.
        return mask(str(value)).encode("utf-8", "backslashreplace").decode("utf-8")
    except Exception as error:  # noqa: BLE001 - a value that cannot be printed must not cost the line it is in
        return f"<{type(value).__name__} that cannot be printed: {type(error).__name__}>"


def printable(text: str) -> str:
    """Return ``text`` with control characters escaped, new lines and tabs excepted: a file's name must not command
    the terminal. Halves of surrogate pairs, which no encoding knows, are escaped too."""
    shown = _CONTROL.sub(lambda found: f"\\x{ord(found.group()):02x}", text)
    return shown.encode("utf-8", "backslashreplace").decode("utf-8")
