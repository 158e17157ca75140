"""How units are called, and how values are written so that systemd reads them as they are meant."""

from __future__ import annotations

from pathlib import Path

__all__ = ["SYSTEM", "command_word", "job_unit", "one_line", "quoted", "seconds", "service_unit", "timer_unit"]

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
    if not any(letter in text for letter in " \t\"'\\;"):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def command_word(value: str | Path) -> str:
    """Write a path as one word of a command line, where a dollar sign would begin a variable."""
    return quoted(value).replace("$", "$$")


def one_line(text: str) -> str:
    """Return what a plugin says of itself as one line of printable letters: a second line would be an order."""
    return "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))


def seconds(value: float) -> str:
    """Write a length of time."""
    return f"{value:g}s"
