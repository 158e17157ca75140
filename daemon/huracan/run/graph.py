"""The order of jobs: who comes after whom, which limits apply, and what a failure means for those that follow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

from huracan.config import JobOverride
from huracan.errors import PluginError, UsageError
from huracan.settings_sources import nearest
from huracan.types import Job

__all__ = ["jobs_of", "names_of_pipelines", "ordered", "overridden"]


def ordered(jobs: Iterable[Job]) -> list[Job]:
    """Return the jobs so that each follows those it names in ``after``; among equals, by name.

    Names of jobs that nobody declares count as satisfied. Raises PluginError where jobs wait for each other.
    """
    known = {job.name: job for job in jobs}
    sorter = TopologicalSorter({name: [n for n in sorted(job.after) if n in known] for name, job in known.items()})
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " -> ".join(error.args[1][::-1])
        raise PluginError(f"jobs wait for each other: {circle}; change `after` in the plugin of one of them") from None
    result: list[Job] = []
    while sorter.is_active():
        for name in sorted(sorter.get_ready()):
            result.append(known[name])
            sorter.done(name)
    return result


def overridden(job: Job, overrides: Mapping[str, JobOverride]) -> Job:
    """Return the job with what its owner changed in ``jobs:`` of the settings."""
    override = overrides.get(job.name)
    if override is None:
        return job
    changed = override.model_dump(exclude_none=True)
    machine = {name: changed.pop(name) for name in ("network", "memory_mib") if name in changed}
    return replace(job, resources=replace(job.resources, **machine), **changed)


def names_of_pipelines(jobs: Mapping[str, Job]) -> list[str]:
    return sorted({job.pipeline for job in jobs.values()})


def jobs_of(name: str, jobs: Mapping[str, Job], overrides: Mapping[str, JobOverride]) -> list[Job]:
    """Return the jobs that ``huracan run NAME`` means, in order: those of a pipeline, or the one job of that name.

    A job that is run alone works on what the ones before it left behind, so its ``after`` does not count. A name
    that is both is the pipeline. Raises UsageError for a name that is neither, and PluginError for a circle.
    """
    members = [overridden(job, overrides) for job in jobs.values() if job.pipeline == name]
    if members:
        return ordered(members)
    if name in jobs:
        return [replace(overridden(jobs[name], overrides), after=())]
    pipelines = names_of_pipelines(jobs)
    raise UsageError(
        f"there is no pipeline or job {name!r}{nearest(name, [*pipelines, *jobs])}"
        if jobs
        else f"there is no pipeline or job {name!r}: no enabled plugin declares one; see `huracan plugins`"
    )
