"""What plugins have Huracan do: settings, jobs, services, commands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = [
    "Command",
    "Job",
    "JobResult",
    "Outcome",
    "Resources",
    "Service",
    "SettingsSection",
]


@dataclass(frozen=True, slots=True)
class SettingsSection:
    """One top-level section of the settings file. ``model`` is a frozen pydantic model, every field with a default."""

    name: str
    model: type[BaseModel]


class Outcome(StrEnum):
    """How a job ended, as the ledger keeps it."""

    DONE = "done"
    PARTLY_FAILED = "partly-failed"
    NOTHING_TO_DO = "nothing-to-do"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class JobResult:
    """What a job returns: how it ended and one line for a person. ``problems`` are lines, one per failed part."""

    outcome: Outcome = Outcome.DONE
    summary: str = ""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resources:
    """What a job or service may use and reach of the machine; as a unit of systemd it is held to it, and to
    ``memory_mib`` without systemd too.

    The workspace can always be written, the socket of the system's log and a local database always be reached.
    """

    network: bool = False
    """Whether it speaks to other machines; without, every address is refused."""
    memory_mib: int | None = None
    """Memory of all its processes together, MiB; who exceeds it is killed. None: no limit."""
    cpu_weight: int = 100
    """Share of the processor where it is scarce, 1 to 10000 (CPUWeight= of systemd.resource-control(5))."""
    io_class: Literal["best-effort", "idle"] = "best-effort"
    """``idle`` reads and writes when nobody else does."""
    gpu: bool = False
    """Whether it may open the devices of NVIDIA GPUs."""
    compiles: bool = False
    """Whether a library of it compiles while it runs (Numba, PyTorch): memory that is written may be executed."""


@dataclass(frozen=True, slots=True)
class Job:
    """A named piece of work that ends.

    ``run`` is a reference to ``function(context) -> JobResult``. ``after`` names jobs of the same pipeline; a job runs
    when all of them ended, and is not run when one of them failed. A bundled job that is switched off keeps its place
    in the order for those that name it; a name that nobody knows counts as done. Times are seconds: ``time_limit`` for
    the whole job, ``stall_limit`` for the longest silence between two ``context.progress.step`` calls.
    """

    name: str
    run: str
    description: str
    pipeline: str = "nightly"
    after: tuple[str, ...] = ()
    time_limit: float = 3600.0
    stall_limit: float = 300.0
    retries: int = 2
    retry_delay: float = 5.0
    always: bool = False
    """Run even when a job named in ``after`` failed (clean-up, summary)."""
    resources: Resources = Resources()


@dataclass(frozen=True, slots=True)
class Service:
    """Work that does not end. ``run`` is a reference to ``function(context) -> None`` that loops until stopped."""

    name: str
    run: str
    description: str
    stall_limit: float = 120.0
    restart_delay: float = 1.0
    restart_delay_max: float = 300.0
    resources: Resources = Resources()


@dataclass(frozen=True, slots=True)
class Command:
    """A command of the ``huracan`` line. ``module`` holds ``configure(parser)`` and ``run(arguments) -> int``."""

    name: str
    help: str
    module: str
