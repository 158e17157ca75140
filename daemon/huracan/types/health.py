"""Questions about health and their answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from huracan.context import Context

__all__ = [
    "Check",
    "CheckResult",
    "CheckState",
]


class CheckState(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found; ``hint`` says how to mend it and is required unless the state is ok."""

    state: CheckState
    detail: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A question about health, answered within seconds.

    A ``requirement`` is asked when the plugin is loaded, with ``None`` for the context: where it fails, the plugin is
    switched off (status ``failed-check``). ``run`` is called in a thread of its own, never twice at the same time.
    """

    name: str
    run: Callable[[Context | None], CheckResult]
    requirement: bool = False
    interval: float = 300.0
    """Seconds from one look of the monitor to the next; the owner's settings ``monitor.intervals`` come first."""
