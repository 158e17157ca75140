"""Which plugins the environment lets in, and whether they are timed. Apart from the manager, so that reading it loads
nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from huracan.plugin.trace import Tracer

__all__ = ["TRACE", "only_from", "tracer_from"]

TRACE = "HURACAN_TRACE"
"""Names the file to which every process of a run appends what its plugins did."""


def only_from(environment: Mapping[str, str]) -> tuple[str, ...] | None:
    """Read ``HURACAN_PLUGINS_ONLY``: None where it is not set, no names where it is set and empty."""
    text = environment.get("HURACAN_PLUGINS_ONLY")
    if text is None:
        return None
    return tuple(name.strip() for name in text.split(",") if name.strip())


def tracer_from(environment: Mapping[str, str]) -> Tracer | None:
    """Read ``HURACAN_TRACE``: None where it is not set or empty."""
    file = environment.get(TRACE)
    if not file:
        return None
    from huracan.plugin.trace import Tracer

    return Tracer(Path(file))
