"""What units are rendered from: jobs in their order, services, times, folders, and how the command is started."""

from __future__ import annotations

import ipaddress
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeGuard
from urllib.parse import urlsplit

from huracan.config import leaves
from huracan.due import parse_times
from huracan.errors import SettingsError
from huracan.run.graph import jobs_to_run, names_of_pipelines
from huracan.settings_sources import ETC
from huracan.types import Job, Service

if TYPE_CHECKING:
    from huracan.config import Settings
    from huracan.plugin.manager import Plugins

__all__ = ["COMMAND", "Declared", "declared", "is_hidden", "own_command", "written_folders"]

COMMAND = "/opt/huracan/current/bin/huracan"
"""Where install.sh puts the command."""

_NAME = re.compile(r"[A-Za-z0-9:_.][A-Za-z0-9:_.-]*")
_LINE_END = re.compile(r"[\n\r\0]")
_HIDDEN = (Path("/home"), Path("/root"), Path("/run/user"), Path("/tmp"), Path("/var/tmp"))
"""Folders that ProtectHome= and PrivateTmp= hide."""


@dataclass(frozen=True, slots=True)
class Declared:
    """All that units say. ``pipelines`` holds the jobs of each, in order; ``times`` when one with a time is due."""

    pipelines: Mapping[str, tuple[Job, ...]]
    services: tuple[Service, ...]
    times: Mapping[str, time]
    scheduler: Literal["daemon", "timers"]
    spread_seconds: float
    workspace: Path
    command: str = COMMAND
    config: tuple[Path, ...] = ()
    database: str | None = None
    read: tuple[Path, ...] = ()
    written: tuple[Path, ...] = ()
    owners: Mapping[str, str] = field(default_factory=dict)


def declared(settings: Settings, plugins: Plugins, command: str = COMMAND) -> Declared:
    """Gather what the enabled plugins declare and the settings change about it.

    Raises SettingsError for a job, a service or a pipeline with a timer whose name cannot be part of a unit's, and for
    a folder or file that no unit can name.
    """
    core = settings.core
    jobs, services = plugins.jobs(), plugins.services()
    for kind, names in (("job", jobs), ("service", services)):
        for name in names:
            _require_name(kind, name, names.owners[name])
    pipelines = {name: tuple(jobs_to_run(name, plugins, settings)) for name in names_of_pipelines(jobs)}
    times = {name: at for name, at in parse_times(core.schedule.pipelines).items() if name in pipelines}
    for name in times if core.schedule.scheduler == "timers" else ():
        _require_name("pipeline", name, jobs.owners[pipelines[name][0].name])
    read, written = _folders(settings)
    _require_one_line(core.workspace, Path(command), *(settings.files or ()), *read, *written)
    return Declared(
        pipelines=pipelines,
        services=tuple(services[name] for name in sorted(services)),
        times=times,
        scheduler=core.schedule.scheduler,
        spread_seconds=core.schedule.spread_seconds,
        workspace=core.workspace,
        command=command,
        config=tuple(file.absolute() for file in settings.files or ()),
        database=_database_address(settings.database_url()),
        read=read,
        written=written,
        owners={
            **{f"job {n}": o for n, o in jobs.owners.items()},
            **{f"service {n}": o for n, o in services.owners.items()},
        },
    )


def _require_name(kind: str, name: str, owner: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise SettingsError(f"the {kind} {name!r} of plugin {owner} has a name that no unit can have")


def _require_one_line(*paths: Path) -> None:
    for path in paths:
        if _LINE_END.search(str(path)):
            raise SettingsError(f"{str(path)!r} holds the end of a line, which no unit can: name it otherwise")


def own_command() -> str:
    """Return the command that units start: the installed one, or that of the environment this runs in."""
    beside = Path(sys.executable).parent / "huracan"
    return COMMAND if Path(COMMAND).exists() or not beside.exists() else str(beside)


def is_hidden(path: Path) -> bool:
    """Say whether a unit sees nothing at this path unless it is brought in."""
    return any(path.is_relative_to(folder) for folder in _HIDDEN)


def _database_address(url: str) -> str | None:
    if url.startswith("sqlite"):
        return None
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return "any"
    if not host or host.startswith("/"):
        return None
    if host == "localhost":
        return "localhost"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "any"
    return "localhost" if address.is_loopback else host


def _folders(settings: Settings) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Return folders of settings that the sandbox would hide, and those that are written besides the workspace."""
    workspace = settings.core.workspace
    named = {value for section in settings.sections.values() for value in leaves(section) if _is_outside(value)}
    written = {
        value
        for section in settings.sections.values()
        for name in getattr(section, "written_paths", ())
        for value in leaves(getattr(section, name))
        if isinstance(value, Path)
    }
    files = {file.absolute() for file in settings.files or ()}
    hidden = {path for path in named | files if is_hidden(path)}
    outside = {path for path in written if not path.is_relative_to(workspace)}
    return tuple(sorted(hidden - outside)), tuple(sorted(outside))


def written_folders(settings: Settings) -> tuple[Path, ...]:
    """Return the folders that the settings let jobs and services write besides the workspace."""
    return _folders(settings)[1]


def _is_outside(value: object) -> TypeGuard[Path]:
    return isinstance(value, Path) and value.is_absolute() and not value.is_relative_to(ETC)
