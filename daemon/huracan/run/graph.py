"""The order of jobs: who comes after whom, which limits apply, and what a failure means for those that follow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from types import MappingProxyType
from typing import TYPE_CHECKING

from huracan.config import JobOverride
from huracan.errors import PluginError, UsageError
from huracan.run.absent import absent_jobs
from huracan.settings_sources import nearest
from huracan.types import Job

if TYPE_CHECKING:
    from huracan.config import Settings
    from huracan.plugin.manager import Plugins

__all__ = [
    "handed_on", "jobs_of", "jobs_to_run", "names_of_pipelines", "ordered", "overridden", "unknown_before",
]  # fmt: skip

_NONE: Mapping[str, Job] = MappingProxyType({})


def ordered(jobs: Iterable[Job], absent: Iterable[Job] = ()) -> list[Job]:
    """Return the jobs so that each follows those it names in ``after``; among equals, by name.

    ``absent`` jobs are not run, and hold their places: what comes after one comes after what that comes after. Names
    of jobs that nobody declares count as satisfied. Raises PluginError where jobs wait for each other.
    """
    known = {job.name: job for job in jobs}
    every = {**{job.name: job for job in absent}, **known}
    sorter = TopologicalSorter({name: [n for n in sorted(job.after) if n in every] for name, job in every.items()})
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " -> ".join(error.args[1][::-1])
        raise PluginError(f"jobs wait for each other: {circle}; change `after` in the plugin of one of them") from None
    names: list[str] = []
    while sorter.is_active():
        for name in sorted(sorter.get_ready()):
            names.append(name)
            sorter.done(name)
    return [known[name] for name in names if name in known]


def handed_on(job: Job, absent: Mapping[str, Job]) -> Job:
    """Return the job with those in ``after`` that absent jobs, which it names, come after themselves.

    So it is run again, and left out, as if they were there. What came before an absent job that is run ``always`` may
    fail and leaves nobody out: that is handed on only to a job which is run always too.
    """
    after: dict[str, None] = {}
    seen: set[str] = set()

    def follow(names: Iterable[str]) -> None:
        for name in names:
            if name not in absent:
                after[name] = None
            elif name not in seen and (job.always or not absent[name].always):
                seen.add(name)
                follow(absent[name].after)

    follow(job.after)
    return replace(job, after=tuple(after))


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


def jobs_to_run(name: str, plugins: Plugins, settings: Settings) -> list[Job]:
    """Return the jobs that ``huracan run NAME`` means, in order, with the owner's limits. Raises as :func:`jobs_of`."""
    return jobs_of(name, plugins.jobs(), settings.core.jobs, absent_jobs(plugins))


def jobs_of(
    name: str, jobs: Mapping[str, Job], overrides: Mapping[str, JobOverride], absent: Mapping[str, Job] = _NONE
) -> list[Job]:
    """Return the jobs of a pipeline in order, or the one job of that name.

    A job that is run alone works on what the ones before it left behind, so its ``after`` does not count. A name
    that is both is the pipeline. Raises UsageError for a name that is neither, and PluginError for a circle.
    """
    members = [overridden(job, overrides) for job in jobs.values() if job.pipeline == name]
    if members:
        off = {key: job for key, job in absent.items() if job.pipeline == name and key not in jobs}
        try:
            return [handed_on(job, off) for job in ordered(members, off.values())]
        except PluginError:
            return ordered(members)  # raises again, but where only an absent job closes the circle
    if name in jobs:
        return [replace(overridden(jobs[name], overrides), after=())]
    pipelines = names_of_pipelines(jobs)
    raise UsageError(
        f"there is no pipeline or job {name!r}{nearest(name, [*pipelines, *jobs])}"
        if jobs
        else f"there is no pipeline or job {name!r}: no enabled plugin declares one; see `huracan plugins`"
    )


def unknown_before(job: Job, jobs: Mapping[str, Job]) -> list[str]:
    """Name those in ``after`` of a job in its order that its pipeline does not have: they count as done."""
    return [name for name in job.after if name not in jobs or jobs[name].pipeline != job.pipeline]
