"""How units are called, and how values are written so that systemd reads them as they are meant."""

from __future__ import annotations

from pathlib import Path

__all__ = ["SYSTEM", "job_unit", "quoted", "seconds", "service_unit", "timer_unit"]

SYSTEM = "systemd/system"
"""Folder of units, below /etc."""


def job_unit(name: str) -> str:
    """Return the unit of a job."""
    return f"huracan-job@{name}.service"


def service_unit(name: str) -> str:
    """Return the unit of a service."""
    return f"huracan-service@{name}.service"


def timer_unit(pipeline: str) -> str:
    """Return the unit of a pipeline's timer."""
    return f"huracan-{pipeline}.timer"


def quoted(value: str | Path) -> str:
    """Write a path so that systemd reads it as one word (systemd.syntax(7)); plain ones stay as they are."""
    text = str(value).replace("%", "%%")
    if not any(letter in text for letter in " \t\"'\\$;"):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{escaped}"'


def seconds(value: float) -> str:
    """Write a length of time."""
    return f"{value:g}s"
