"""Whether a report section's answer is what a report can hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["not_json"]


def not_json(written: Any) -> str | None:
    """Say why an answer is no JSON object with the words that people read."""
    if written is None:
        return None
    if not isinstance(written, Mapping):
        return f"it answers with {type(written).__name__}, not with a mapping or None"
    try:
        json.dumps(dict(written), allow_nan=False)
    except (TypeError, ValueError) as error:
        return f"it answers with what is no JSON: {error}"
    for name in ("headline", "summary"):
        if not isinstance(written.get(name, ""), str):
            return f"its {name} is {type(written[name]).__name__}, no text"
    lines = written.get("lines", [])
    if not isinstance(lines, list | tuple) or not all(isinstance(line, str) for line in lines):
        return "its lines are no list of texts"
    return None
