"""Every hook of Huracan: this file is the whole contract.

A plugin is an installed package with an entry point in the group ``huracan``. It implements the hooks it needs, each
marked with ``huracan.hookimpl``; each returns a sequence of frozen values of :mod:`huracan.types`. Names must be
unique across plugins; equal ones are refused with both owners named. Import what is heavy inside the function.

A change of this file, or of the values, has an entry in docs/reference/hook-changes.yaml; what is to go stands in
:mod:`huracan.plugin.deprecations` first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import pluggy

from huracan.plugin.deprecations import warning_of

if TYPE_CHECKING:
    from huracan.types import (
        BackupSource,
        ChatCommand,
        Check,
        Command,
        ExchangeType,
        Export,
        FeatureSet,
        Gate,
        Job,
        Notifier,
        RemoteType,
        ReportSection,
        Service,
        SettingsSection,
        Trainer,
        UniverseRule,
    )

_mark = pluggy.HookspecMarker("huracan")
_Hook = TypeVar("_Hook", bound=Callable[[], Any])


def hookspec(hook: _Hook) -> _Hook:
    """Mark a hook. Where it stands in the table of deprecations, pluggy warns who implements it."""
    return _mark(hook, warn_on_impl=warning_of(hook.__name__))


@hookspec
def huracan_settings() -> Sequence[SettingsSection]:  # type: ignore[empty-body]
    """Add top-level sections to the settings. Called whenever settings are loaded."""


@hookspec
def huracan_jobs() -> Sequence[Job]:  # type: ignore[empty-body]
    """Declare jobs; those of one pipeline are ordered by ``after``. Called by the daemon and before each run."""


@hookspec
def huracan_services() -> Sequence[Service]:  # type: ignore[empty-body]
    """Declare services, which the daemon keeps running. Called when the daemon starts."""


@hookspec
def huracan_checks() -> Sequence[Check]:  # type: ignore[empty-body]
    """Add health checks and requirements. Called at load (requirements), by ``doctor`` and the monitor."""


@hookspec
def huracan_exchanges() -> Sequence[ExchangeType]:  # type: ignore[empty-body]
    """Add exchanges to choose from in ``exchange: {name: ...}``."""


@hookspec
def huracan_universe_rules() -> Sequence[UniverseRule]:  # type: ignore[empty-body]
    """Add rules that may leave a pair out of the universe. Called in the job ``universe``."""


@hookspec
def huracan_features() -> Sequence[FeatureSet]:  # type: ignore[empty-body]
    """Add feature columns. Called in the job ``train``, in the parent and in every worker."""


@hookspec
def huracan_trainers() -> Sequence[Trainer]:  # type: ignore[empty-body]
    """Add trainers to choose from in ``training: {trainer: ...}``."""


@hookspec
def huracan_gates() -> Sequence[Gate]:  # type: ignore[empty-body]
    """Add gates; a model is a champion only where all of them pass. Called in the job ``train``."""


@hookspec
def huracan_exports() -> Sequence[Export]:  # type: ignore[empty-body]
    """Add tables and files to the folder ``exports``. Called in the job ``export`` and by the command ``export``."""


@hookspec
def huracan_notifiers() -> Sequence[Notifier]:  # type: ignore[empty-body]
    """Add channels that events are sent to. Called when the first event is sent."""


@hookspec
def huracan_chat_commands() -> Sequence[ChatCommand]:  # type: ignore[empty-body]
    """Add commands that the owner gives by chat. Called when a service that chats starts, and for its menu."""


@hookspec
def huracan_remotes() -> Sequence[RemoteType]:  # type: ignore[empty-body]
    """Add remote stores to choose from in ``remote: {name: ...}``."""


@hookspec
def huracan_backup_sources() -> Sequence[BackupSource]:  # type: ignore[empty-body]
    """Add files that a backup holds besides the workspace's own. Called when a backup is made or restored."""


@hookspec
def huracan_report_sections() -> Sequence[ReportSection]:  # type: ignore[empty-body]
    """Add sections to the daily report. Called in the job ``daily-report``."""


@hookspec
def huracan_commands() -> Sequence[Command]:  # type: ignore[empty-body]
    """Add commands to the ``huracan`` line. Called at every start of the command line: import nothing heavy."""
