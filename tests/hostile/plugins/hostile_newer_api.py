"""Needs a contract that is not there yet."""

from huracan import hookimpl
from huracan.types import Job

HURACAN_API = 99


@hookimpl
def huracan_jobs() -> list[Job]:
    return [Job("newer", "hostile_newer_api:run", "needs more")]
