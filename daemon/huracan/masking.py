"""Keeps secrets out of everything that is logged, stored or sent, and makes any value fit for JSON."""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, TextIO
from urllib.parse import quote, quote_plus

__all__ = ["MASK", "MaskedStream", "json_safe", "mask", "printable", "register_secret"]

MASK = "***"

_SHORTEST = 4
_DEEPEST = 8
_LONGEST_REST = 65_536
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


class MaskedStream(io.TextIOBase):
    """A text stream over another one, without secrets: it hands on whole lines, since half a secret is none to it.

    ``caught`` says whether somebody printed one. What is written to the file descriptor goes past it.
    """

    def __init__(self, under: TextIO) -> None:
        self.under, self.caught = under, False
        self._rest = ""
        self.buffer = _Bytes(self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.under, name)

    def write(self, text: str) -> int:
        whole, end, self._rest = (self._rest + text).rpartition("\n")
        self._hand_on(whole + end)
        if len(self._rest) > _LONGEST_REST:
            self.flush()
        return len(text)

    def flush(self) -> None:
        """Hand on what is there, also of a line that has not ended."""
        rest, self._rest = self._rest, ""
        self._hand_on(rest)
        self.under.flush()

    def close(self) -> None:
        """Leave the stream under it open: it belongs to others."""

    def fileno(self) -> int:
        return self.under.fileno()

    def isatty(self) -> bool:
        return self.under.isatty()

    def writable(self) -> bool:
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self.under.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return self.under.errors

    def _hand_on(self, text: str) -> None:
        if text:
            masked = mask(text)
            self.caught |= masked != text
            self.under.write(masked)


class _Bytes(io.RawIOBase):
    """What ``sys.stdout.buffer`` is, for those who print bytes."""

    def __init__(self, stream: MaskedStream) -> None:
        self._stream = stream

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._stream.write(bytes(data).decode("utf-8", "replace"))
        return len(data)

    def flush(self) -> None:
        self._stream.flush()

    def close(self) -> None:
        """Do nothing, as above."""


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
