"""Timers of systemd in place of the daemon: one per pipeline, and the chain by which each job starts the next."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from huracan.errors import ExitCode
from huracan.run.plan import GIVEN_UP_CODE
from huracan.types import Job, Resources
from huracan.units.declared import Declared
from huracan.units.hardening import SHARED, reach
from huracan.units.names import SYSTEM, job_unit, seconds, timer_unit

__all__ = ["timers"]

_NOT_AGAIN = f"{int(ExitCode.USAGE)} {GIVEN_UP_CODE}"


def timers(declared: Declared) -> Iterator[tuple[str, str]]:
    """Yield a timer per pipeline with a time, and the chain of its jobs; each job finds in the ledger what to do."""
    yield f"{SYSTEM}/huracan-chain.service", _CHAIN_RUNS
    for pipeline, jobs in declared.pipelines.items():
        if pipeline in declared.times:
            yield f"{SYSTEM}/{timer_unit(pipeline)}", _timer(declared, pipeline, jobs[0])
        followers = {job.name: after.name for job, after in pairwise(jobs)}
        for job in jobs:
            yield f"{SYSTEM}/{job_unit(job.name)}.d/60-chain.conf", _chain(job, followers.get(job.name))


_CHAIN_RUNS = (
    """\
[Unit]
Description=Huracan: lets chains of jobs go on
PartOf=huracan.target

[Service]
# Its folder is there for as long as the target is up: a job that is stopped with the target starts no other.
Type=oneshot
RemainAfterExit=yes
RuntimeDirectory=huracan-chain
ExecStart=/bin/true
DynamicUser=yes
Slice=huracan.slice
"""
    + SHARED
    + reach(Resources(), None)
)


def _timer(declared: Declared, pipeline: str, first: Job) -> str:
    at = declared.times[pipeline]
    return f"""\
[Unit]
Description=Huracan: starts {pipeline} at {at:%H:%M} UTC
PartOf=huracan.target
After=huracan-chain.service

[Timer]
OnCalendar=*-*-* {at:%H:%M}:00 UTC
# What was missed while the machine was off is made up for, what was interrupted goes on after a boot.
Persistent=true
OnBootSec=60
RandomizedDelaySec={seconds(declared.spread_seconds)}
FixedRandomDelay=true
AccuracySec=1s
Unit={job_unit(first.name)}
"""


def _chain(job: Job, follower: str | None) -> str:
    unit = job_unit(follower) if follower else ""
    chain = f"OnSuccess={unit}\nOnFailure={unit}\n" if follower else ""
    return f"""\
# Whatever comes of it, the next one starts: that one finds in the ledger whether it is to work.
[Unit]
ConditionPathExists=/run/huracan-chain
{chain}\
StartLimitIntervalSec=3600
StartLimitBurst=30

[Service]
Restart=on-failure
RestartSec={seconds(max(1.0, job.retry_delay))}
# Wrong settings, or all its attempts used up.
RestartPreventExitStatus={_NOT_AGAIN}
"""
