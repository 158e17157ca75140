"""Which plugins the environment lets in. Apart from the manager, so that reading it loads nothing."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["only_from"]


def only_from(environment: Mapping[str, str]) -> tuple[str, ...] | None:
    """Read ``HURACAN_PLUGINS_ONLY``: None where it is not set, no names where it is set and empty."""
    text = environment.get("HURACAN_PLUGINS_ONLY")
    if text is None:
        return None
    return tuple(name.strip() for name in text.split(",") if name.strip())
