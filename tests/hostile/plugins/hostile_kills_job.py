"""Ends who started it, then kills its own process group, in its job."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING

from huracan import hookimpl
from huracan.types import Job, JobResult

if TYPE_CHECKING:
    from huracan.context import Context


def kill(context: Context) -> JobResult:
    with contextlib.suppress(OSError):
        os.kill(os.getppid(), signal.SIGKILL)
    os.killpg(0, signal.SIGKILL)
    return JobResult()


@hookimpl
def huracan_jobs() -> list[Job]:
    return [Job("kill", "hostile_kills_job:kill", "kills", retries=0)]
