"""A stranger's plugin for the box: a pipeline `trial` whose jobs hang, dawdle, fail or look around, as a file says."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field, SecretStr

from huracan import hookimpl
from huracan.config import Section
from huracan.types import Job, Resources, Service, SettingsSection


class TrialSettings(Section):
    """What a job of the trial must know, and nothing else may show."""

    plain: SecretStr = Field(SecretStr(""), description="Comes as a file that root alone may read.")
    sealed: SecretStr = Field(SecretStr(""), description="Comes as a file that this machine alone can open.")


@hookimpl
def huracan_settings() -> Sequence[SettingsSection]:
    return [SettingsSection("trial", TrialSettings)]


@hookimpl
def huracan_jobs() -> Sequence[Job]:
    jobs = "huracan_trial.jobs"
    return [
        Job("first", f"{jobs}:first", "look around", pipeline="trial", retries=1, retry_delay=1.0),
        Job(
            "second", f"{jobs}:second", "do what trial/second says", pipeline="trial", after=("first",),
            stall_limit=4.0, time_limit=600.0, retries=2, retry_delay=1.0,
        ),
        Job("third", f"{jobs}:third", "tidy up", pipeline="trial", after=("second",), always=True, retries=0),
        Job(
            "open", f"{jobs}:reach", "ask another machine", pipeline="reach", retries=0,
            resources=Resources(network=True),
        ),
        Job("shut", f"{jobs}:reach", "ask another machine", pipeline="reach", retries=0),
    ]  # fmt: skip


@hookimpl
def huracan_services() -> Sequence[Service]:
    return [Service("looker", "huracan_trial.jobs:serve", "stay", restart_delay=1.0)]
