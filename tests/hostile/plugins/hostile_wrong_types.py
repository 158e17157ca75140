"""Answers with values that are none, and with fields that hold something else."""

from typing import Any

from huracan import hookimpl
from huracan.types import Job


@hookimpl
def huracan_jobs() -> list[Any]:
    nothing: Any = None
    return [Job("wrong", nothing, "has no function", after=nothing)]


@hookimpl
def huracan_features() -> list[Any]:
    return ["a text", 7]


@hookimpl
def huracan_exports() -> Any:
    yield None
    raise LookupError("while it is drained")
