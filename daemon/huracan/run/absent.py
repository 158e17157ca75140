"""Jobs that are installed and switched off: nobody runs them, and they still know who comes before whom."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from huracan.plugin.installed import EntryPointLike, own_plugins
from huracan.plugin.status import PluginStatus
from huracan.types import Job

if TYPE_CHECKING:
    from huracan.plugin.manager import Plugins

__all__ = ["absent_jobs"]


def absent_jobs(plugins: Plugins) -> dict[str, Job]:
    """Return the jobs of Huracan's own plugins that are switched off or do not work, by name.

    A stranger's plugin that is switched off is not even loaded: of its jobs nobody knows.
    """
    enabled = {info.name for info in plugins.infos() if info.status is PluginStatus.ENABLED}
    return {job.name: job for entry in _own() if entry.name not in enabled for job in _jobs_of(entry)}


@cache
def _own() -> tuple[EntryPointLike, ...]:
    """Look them up once in a process: that takes longer than a due job may wait."""
    return tuple(own_plugins())


def _jobs_of(entry: EntryPointLike) -> Iterator[Job]:
    try:
        declare = getattr(entry.load(), "huracan_jobs", None)
        yield from declare() if declare is not None else ()
    except Exception:  # noqa: BLE001 - it may be off because it is broken; then its place in the order is lost
        return
