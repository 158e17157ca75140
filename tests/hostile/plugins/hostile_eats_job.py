"""Eats 2 GiB in its job, and stays."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from huracan import hookimpl
from huracan.types import Job, JobResult, Resources

if TYPE_CHECKING:
    from huracan.context import Context


def eat(context: Context) -> JobResult:
    eaten = []
    for number in range(8):
        eaten.append(bytearray(b"\x01") * (256 << 20))
        context.progress.step(f"{number + 1} of 8")
        time.sleep(0.3)
    time.sleep(120)
    return JobResult(summary=f"{len(eaten)}")


@hookimpl
def huracan_jobs() -> list[Job]:
    few = Resources(memory_mib=300)
    return [Job("eat", "hostile_eats_job:eat", "eats", retries=0, resources=few)]
