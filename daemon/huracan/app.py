"""Puts the parts together: sources of settings in, a :class:`huracan.context.Context` out. Nothing else builds one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from pydantic import SecretStr

from huracan import logs
from huracan.alerts import make_emit, tell_of_plugins
from huracan.clock import Clock, SystemClock
from huracan.config import PluginSettings, RawSettings, Settings, leaves
from huracan.context import Context
from huracan.errors import SettingsError
from huracan.paths import Paths
from huracan.plugin.manager import Plugins
from huracan.plugin.selection import only_from, tracer_from
from huracan.plugin.settings import compose_settings
from huracan.plugin.trial import Trials
from huracan.run.heartbeat import SilentProgress
from huracan.settings_sources import nearest
from huracan.store import Store, in_memory, passwords_in
from huracan.workspace import user_name

if TYPE_CHECKING:
    from huracan.context import Progress, RunInfo

__all__ = ["assemble", "load_plugins", "load_settings", "only_from", "open_application", "register_secrets"]


def open_application(
    files: Sequence[Path] | None,
    environment: Mapping[str, str],
    *,
    clock: Clock | None = None,
    progress: Progress | None = None,
    log_style: logs.LogStyle = "human",
    log_stream: TextIO | None = None,
    log_file: bool = True,
    require_good_settings: bool = True,
    create: bool = True,
) -> Context:
    """Load settings and plugins, open the store and the log, and hand out the context.

    ``log_file`` False leaves logs/huracan.jsonl to the parent process, who gets the lines from the stream.
    With ``create`` False nothing is written anywhere: a store that does not exist yet is an empty one in memory.
    Raises SettingsError for a mistake in the core's sections, and, where ``require_good_settings``, in any other.
    """
    settings, plugins = load_settings(files, environment, require_good_settings=require_good_settings)
    register_secrets(settings)
    paths = Paths(settings.core.workspace)
    if create:
        _make_workspace(paths.workspace)
    logs.configure(
        settings.core.logging, paths.logs if create and log_file else None, log_style, log_stream or sys.stderr
    )
    store = _open_store(settings, paths, create)
    context = assemble(settings, plugins, store, clock or SystemClock(), progress=progress)
    if create:
        tell_of_plugins(context)
    for note in settings.notes:
        context.log.warning("%s", note)
    return context


def assemble(
    settings: Settings,
    plugins: Plugins,
    store: Store,
    clock: Clock,
    *,
    progress: Progress | None = None,
    run: RunInfo | None = None,
) -> Context:
    """Make a context of parts that are open already, with events that go to its own store, log and notifiers."""
    context = Context(
        settings=settings,
        paths=Paths(settings.core.workspace),
        clock=clock,
        log=logs.run_logger(run),
        store=store,
        progress=progress or SilentProgress(),
        plugins=plugins,
        emit=_unready,
        run=run,
    )
    return replace(context, emit=make_emit(context))


def load_settings(
    files: Sequence[Path] | None, environment: Mapping[str, str], *, require_good_settings: bool = True
) -> tuple[Settings, Plugins]:
    """Read and validate the settings with the plugins that they call for. Raises SettingsError as above."""
    raw = RawSettings.read(files, environment)
    core = raw.core()
    plugins = load_plugins(core.plugins, environment, Paths(core.workspace).state)
    plugins.check_requirements()
    settings, mistakes = compose_settings(raw, plugins)
    if mistakes and require_good_settings:
        raise SettingsError("\n".join(mistakes))
    return replace(settings, files=None if files is None else tuple(files)), plugins


def load_plugins(settings: PluginSettings, environment: Mapping[str, str], state: Path | None = None) -> Plugins:
    """Find and load the plugins that configuration and ``HURACAN_PLUGINS_ONLY`` allow.

    What is not of Huracan's own distribution is tried first; how that went is kept in a workspace's ``state``.
    """
    only = only_from(environment)
    if only is None:
        only = settings.only or None
    trials = Trials.of(environment, state, settings.trial_seconds, settings.trial_memory_mib)
    plugins = Plugins(
        disable=settings.disable, only=only, strict=settings.strict, prefer=settings.prefer, trials=trials,
        tracer=tracer_from(environment),
    )  # fmt: skip
    installed = [info.name for info in plugins.infos()]
    for name in only_from(environment) or ():
        if name not in installed:
            hint = nearest(name, installed)
            raise SettingsError(f"environment HURACAN_PLUGINS_ONLY: no plugin {name!r} is installed{hint}")
    return plugins


def _make_workspace(workspace: Path) -> None:
    try:
        if os.geteuid() == 0 and workspace.exists() and (owner := workspace.stat().st_uid) != 0:
            name = user_name(owner)
            raise SettingsError(
                f"workspace: {workspace} belongs to {name}, and what root writes there {name} cannot change; "
                f"run this as that user: `sudo -u {name} huracan ...`"
            )
        workspace.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"workspace: {workspace} cannot be made: {error.strerror}; choose another folder or make it for this user"
        ) from None


def _open_store(settings: Settings, paths: Paths, create: bool) -> Store:
    url = settings.database_url()
    if create:
        if in_memory(url):
            raise SettingsError("database: SQLite in memory is lost between processes; name a file, or leave it empty")
        return Store.open(url, lock_folder=paths.state)
    return Store.open_existing(url) or Store.open("sqlite://", lock_folder=None)


def register_secrets(settings: Settings) -> None:
    """Let no secret of the settings appear in what is logged, stored or sent by this process."""
    for secret in _secrets(settings):
        logs.register_secret(secret)


def _secrets(settings: Settings) -> Iterator[str]:
    yield from passwords_in(settings.database_url())
    for section in settings.sections.values():
        for value in leaves(section):
            if isinstance(value, SecretStr) and value.get_secret_value():
                yield value.get_secret_value()


def _unready(*_: object, **__: object) -> None:
    raise RuntimeError("events cannot be sent before the application is open")
