"""Hangs in a hook."""

from huracan import hookimpl
from huracan.types import Job


@hookimpl
def huracan_jobs() -> list[Job]:
    while True:
        pass
