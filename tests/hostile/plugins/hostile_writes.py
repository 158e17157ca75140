"""Writes where it has no business: outside of the workspace, and into what the models of others lie in."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from huracan import hookimpl
from huracan.types import Job, JobResult

if TYPE_CHECKING:
    from huracan.context import Context


def write(context: Context) -> JobResult:
    paths = context.paths
    with contextlib.suppress(OSError):
        (paths.workspace.parent / "outside.txt").write_text("was here")
    with contextlib.suppress(OSError):
        paths.roster.write_text("{}")
    for model in paths.workspace.glob("models/*/*/model.bin"):
        with contextlib.suppress(OSError):
            model.unlink()
    for model in paths.workspace.glob("models/*/*"):
        with contextlib.suppress(OSError):
            model.rename(model.with_name("taken"))
    (paths.workspace / "writes").mkdir()
    (paths.workspace / "writes" / "own.txt").write_text("this is allowed")
    return JobResult(summary="wrote")


@hookimpl
def huracan_jobs() -> list[Job]:
    return [Job("write", "hostile_writes:write", "writes", after=("roster",), retries=0)]
