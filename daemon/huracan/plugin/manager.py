"""Finds, loads and asks plugins. The only file that touches pluggy; everybody else sees :class:`Plugins`."""

from __future__ import annotations

import inspect
import logging
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import pluggy

from huracan import API_VERSION
from huracan import types as values
from huracan.errors import PluginError, SettingsError, StopRequested
from huracan.plugin import spec
from huracan.plugin.api import judge
from huracan.plugin.deprecations import Deprecation, collecting, old_fields
from huracan.plugin.fields import wrong_field
from huracan.plugin.installed import (
    HOST_DISTRIBUTION,
    EntryPointLike,
    in_fixed_order,
    installed,
    origin_of,
    strangers,
)
from huracan.plugin.patience import at_most
from huracan.plugin.status import PluginInfo, PluginStatus
from huracan.plugin.trial import SECONDS, Trials

if TYPE_CHECKING:
    from huracan.plugin.trace import Tracer

__all__ = ["Plugins"]

_log = logging.getLogger(__name__)
_V = TypeVar("_V")


@dataclass
class _Entry:
    info: PluginInfo
    module: ModuleType | None = None


@dataclass(frozen=True)
class _Owned(Mapping[str, _V]):
    """Values by name, each with the plugin that owns it."""

    values_by_name: dict[str, _V] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> _V:
        return self.values_by_name[name]

    def __iter__(self) -> Any:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)


class Plugins:
    """All installed plugins with their status, and one typed method per hook.

    Every implementation is called by itself inside a guard: what one plugin raises, returns wrongly or names twice
    costs that plugin's values and shows in its status, and costs nobody else anything. With a ``tracer``, calls of
    plugins are timed.
    """

    def __init__(
        self,
        found: Iterable[EntryPointLike] | None = None,
        *,
        disable: Sequence[str] = (),
        only: Sequence[str] | None = None,
        strict: Sequence[str] = (),
        prefer: Mapping[str, str] | None = None,
        trials: Trials | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        """``trials`` has what strangers wrote tried first; without it everything is loaded at once."""
        self._manager = pluggy.PluginManager("huracan")
        self._manager.add_hookspecs(spec)
        self._strict = frozenset(strict)
        self._prefer = dict(prefer or {})
        self._tracer = tracer
        self._entries: dict[str, _Entry] = {}
        self._extra: list[PluginInfo] = []
        self._without_features: dict[str, str] = {}
        self._jobs: _Owned[values.Job] | None = None
        self._patience = SECONDS if trials is None else trials.seconds
        ordered = in_fixed_order(installed() if found is None else found)
        self._unsafe = {} if trials is None else trials.refused(strangers(ordered, disable, only))
        for entry_point in ordered:
            self._load(entry_point, disable, only)
        for name in self._strict - self._entries.keys():
            from huracan.settings_sources import nearest  # heavy, and `--help` loads this module

            known = nearest(name, list(self._entries))
            raise SettingsError(f"plugins.strict: plugin {name} is not installed{known}")

    # ------------------------------------------------------------------------------------------------------ loading

    def _load(self, entry_point: EntryPointLike, disable: Sequence[str], only: Sequence[str] | None) -> None:
        name = entry_point.name
        info = PluginInfo(name, *origin_of(entry_point), PluginStatus.ENABLED)
        if name in self._entries:
            owner = self._entries[name].info.distribution
            error = f"the name {name} is taken by {owner}; both {owner} and {info.distribution} declare it"
            self._extra.append(replace(info, status=PluginStatus.DUPLICATE, error=error))
            return
        entry = self._entries[name] = _Entry(info)
        if name in disable or (only is not None and name not in only):
            entry.info = replace(info, status=PluginStatus.DISABLED, error="switched off by configuration")
            return
        if reason := self._unsafe.get((info.distribution, name)):
            self.fail(name, PluginStatus.UNSAFE, f"{reason}; it is not loaded")
            return
        try:
            # What a plugin prints must not stand among the JSON of --json.
            with self.limit(name), redirect_stdout(sys.stderr):
                module = entry_point.load()
        except (KeyboardInterrupt, StopRequested):
            raise
        except BaseException as error:  # noqa: BLE001 - a plugin may raise SystemExit while it is imported
            self.fail(name, PluginStatus.BAD_IMPORT, _one_line(error))
            return
        standing = judge(getattr(module, "HURACAN_API", API_VERSION))
        if standing.error:
            self.fail(name, PluginStatus.INCOMPATIBLE, standing.error)
            return
        if standing.deprecation is not None:
            self._note_old(name, standing.deprecation)
        self._register(entry, module)

    def is_strange(self, name: str) -> bool:
        """Say whether a plugin is of another distribution than Huracan itself."""
        entry = self._entries.get(name)
        return entry is not None and entry.info.distribution != HOST_DISTRIBUTION

    def limit(self, name: str) -> AbstractContextManager[None]:
        """Return a block in which a stranger's code has so long, where it can be interrupted: TooSlowError."""
        return at_most(self._patience) if self.is_strange(name) else nullcontext()

    def _register(self, entry: _Entry, module: ModuleType) -> None:
        name = entry.info.name
        problem = _misuse(module)
        if problem is None:
            try:
                with collecting() as deprecated:
                    self._manager.register(module, name)
                    self._manager.check_pending()
                self._note_old(name, *deprecated)
            except (pluggy.PluginValidationError, ValueError) as error:
                problem = _one_line(error)
                if self._manager.has_plugin(name):
                    self._manager.unregister(name=name)
        if problem is not None:
            self.fail(name, PluginStatus.BAD_HOOK, problem)
            return
        entry.module = module
        callers = self._manager.get_hookcallers(module) or []
        entry.info = replace(entry.info, hooks=tuple(sorted(caller.name for caller in callers)))

    def fail(self, name: str, status: PluginStatus, error: str) -> None:
        """Record what is wrong with a plugin. Raises PluginError where the configuration calls it strict."""
        entry = self._entries[name]
        if entry.info.status is PluginStatus.ENABLED:
            entry.info = replace(entry.info, status=status, error=error)
        _log.warning("plugin %s: %s: %s", name, status.value, error)
        if name in self._strict:
            raise PluginError(f"plugin {name} is listed in plugins.strict and does not work: {status.value}: {error}")

    def switch_off(self, name: str, status: PluginStatus, error: str) -> None:
        """Record what is wrong and ask the plugin nothing more."""
        self.fail(name, status, error)
        self._jobs = None
        if self._manager.has_plugin(name):
            self._manager.unregister(name=name)

    def _note_old(self, name: str, *used: Deprecation) -> None:
        """Keep, for people who look, what a plugin uses that goes; it works all the same."""
        entry = self._entries[name]
        new = tuple(each for each in used if each not in entry.info.deprecations)
        if new:
            entry.info = replace(entry.info, deprecations=(*entry.info.deprecations, *new))

    def check_requirements(self) -> None:
        """Ask every requirement; a plugin whose requirement fails is switched off (``failed-check``)."""
        checks = self.checks()
        for name, check in checks.items():
            if not check.requirement:
                continue
            owner = checks.owners[name]
            try:
                with self.limit(owner):
                    result = check.run(None)
                if not isinstance(result, values.CheckResult):
                    raise TypeError(f"it answered with {type(result).__name__}")
            except (KeyboardInterrupt, StopRequested):
                raise
            except BaseException as error:  # noqa: BLE001 - whatever a plugin's own check raises is its failure
                self.switch_off(owner, PluginStatus.FAILED_CHECK, f"{name}: {_one_line(error)}")
                continue
            if result.state is values.CheckState.FAILED:
                self.switch_off(owner, PluginStatus.FAILED_CHECK, f"{name}: {result.detail}; {result.hint}")

    # ------------------------------------------------------------------------------------------------------ looking

    def infos(self) -> list[PluginInfo]:
        """Return every plugin that was found, in the order in which they are asked."""
        return [entry.info for entry in self._entries.values()] + self._extra

    def problems(self) -> list[str]:
        """Return one line per plugin that is neither enabled nor switched off by configuration."""
        fine = (PluginStatus.ENABLED, PluginStatus.DISABLED)
        return [
            f"plugin {i.name} ({i.distribution}): {i.status}: {i.error}" for i in self.infos() if i.status not in fine
        ]

    def deprecations(self) -> list[str]:
        """Return one line per part of the contract that goes and is used by a plugin."""
        return [f"plugin {i.name} ({i.distribution}): {each.sentence}" for i in self.infos() for each in i.deprecations]

    def traced(self, kind: str, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function of a job or service, which its value only names, so that a trace has its calls too."""
        return function if self._tracer is None else self._tracer.referred(kind, name, function)

    def ask_everything(self) -> None:
        """Call every hook once, so that statuses are complete; for people who look, not for the night."""
        for ask in (
            self.settings, self.jobs, self.services, self.checks, self.exchanges, self.universe_rules, self.features,
            self.trainers, self.gates, self.exports, self.notifiers, self.chat_commands, self.remotes,
            self.backup_sources, self.report_sections, self.commands,
        ):  # fmt: skip
            ask()

    # -------------------------------------------------------------------------------------------------------- asking

    def settings(self) -> _Owned[values.SettingsSection]:
        return self._ask("huracan_settings", "section", values.SettingsSection)

    def jobs(self) -> _Owned[values.Job]:
        """Return the jobs, for which each plugin is asked once: a job that is due is to start on time."""
        if self._jobs is None or self._tracer is not None:
            self._jobs = self._ask("huracan_jobs", "job", values.Job)
        return self._jobs

    def services(self) -> _Owned[values.Service]:
        return self._ask("huracan_services", "service", values.Service)

    def checks(self) -> _Owned[values.Check]:
        return self._ask("huracan_checks", "check", values.Check)

    def exchanges(self) -> _Owned[values.ExchangeType]:
        return self._ask("huracan_exchanges", "exchange", values.ExchangeType)

    def universe_rules(self) -> _Owned[values.UniverseRule]:
        return self._ask("huracan_universe_rules", "universe rule", values.UniverseRule)

    def features(self) -> _Owned[values.FeatureSet]:
        """Return feature sets; a set with a column that another one has is refused as a whole."""
        sets = self._ask("huracan_features", "feature set", values.FeatureSet)
        for name in self._without_features.keys() & sets.keys():
            del sets.values_by_name[name]
        columns: dict[str, str] = {}
        for name in list(sets):
            taken = next((column for column in sets[name].columns if column in columns), None)
            if taken is None:
                columns |= dict.fromkeys(sets[name].columns, name)
                continue
            self._refuse(sets.owners[name], "feature", taken, sets.owners[columns[taken]])
            del sets.values_by_name[name]
        return sets

    def leave_out_features(self, name: str, reason: str) -> None:
        """Take a feature set for absent from here on, for what was found out about it."""
        self._without_features[name] = reason

    @property
    def without_features(self) -> Mapping[str, str]:
        """The feature sets that are left out, each with the reason."""
        return dict(self._without_features)

    def trainers(self) -> _Owned[values.Trainer]:
        return self._ask("huracan_trainers", "trainer", values.Trainer)

    def gates(self) -> _Owned[values.Gate]:
        return self._ask("huracan_gates", "gate", values.Gate)

    def exports(self) -> _Owned[values.Export]:
        return self._ask("huracan_exports", "export", values.Export)

    def notifiers(self) -> _Owned[values.Notifier]:
        return self._ask("huracan_notifiers", "notifier", values.Notifier)

    def chat_commands(self) -> _Owned[values.ChatCommand]:
        return self._ask("huracan_chat_commands", "chat command", values.ChatCommand)

    def remotes(self) -> _Owned[values.RemoteType]:
        return self._ask("huracan_remotes", "remote", values.RemoteType)

    def backup_sources(self) -> _Owned[values.BackupSource]:
        return self._ask("huracan_backup_sources", "backup source", values.BackupSource)

    def report_sections(self) -> _Owned[values.ReportSection]:
        return self._ask("huracan_report_sections", "report section", values.ReportSection)

    def commands(self) -> _Owned[values.Command]:
        return self._ask("huracan_commands", "command", values.Command)

    def _ask(self, hook: str, kind: str, of: type[_V]) -> _Owned[_V]:
        answers: _Owned[_V] = _Owned()
        refused: set[str] = set()
        implementations = {i.plugin_name: i.function for i in getattr(self._manager.hook, hook).get_hookimpls()}
        for plugin in (name for name in self._entries if name in implementations):
            function = implementations[plugin]
            if self._tracer is not None:
                function = self._tracer.hook(plugin, hook, function)
            for value in self._guarded(plugin, hook, function, of):
                self._note_old(plugin, *old_fields(value))
                self._add(answers, refused, plugin, kind, value)
        if self._tracer is not None:
            self._tracer.provided(kind, answers.values_by_name, answers.owners)
        return answers

    def _guarded(self, plugin: str, hook: str, function: Callable[[], Any], of: type[_V]) -> list[_V]:
        """Call one implementation and drain what it returns; anything wrong becomes the plugin's status."""
        try:
            with self.limit(plugin):
                answer = list(function() or ())
        except (KeyboardInterrupt, StopRequested):
            raise
        except BaseException as error:  # noqa: BLE001 - SystemExit from a hook must not end the daemon
            self.fail(plugin, PluginStatus.BAD_HOOK, f"{hook} raised {_one_line(error)}")
            return []
        wrong = next((value for value in answer if not isinstance(value, of)), None)
        if wrong is not None:
            self.fail(plugin, PluginStatus.BAD_HOOK, f"{hook} returned {type(wrong).__name__}, not {of.__name__}")
            return []
        if self.is_strange(plugin) and (mistake := next(filter(None, map(wrong_field, answer)), None)):
            self.fail(plugin, PluginStatus.BAD_HOOK, f"{hook} returned a value that is none: {mistake}")
            return []
        return answer

    def _add(self, answers: _Owned[_V], refused: set[str], plugin: str, kind: str, value: Any) -> None:
        name: str = value.name
        holder = answers.owners.get(name)
        if holder is None and name not in refused:
            answers.values_by_name[name], answers.owners[name] = value, plugin
            return
        wanted = self._prefer.get(f"{kind}:{name}")
        if wanted == plugin:
            answers.values_by_name[name], answers.owners[name] = value, plugin
        elif wanted is None or wanted != holder:
            self._refuse(plugin, kind, name, holder or "another plugin")
            if holder is not None and holder != plugin and self.is_strange(holder):
                # Between two strangers nobody is right by default: install order must not decide what trades.
                self._refuse(holder, kind, name, plugin)
                del answers.values_by_name[name], answers.owners[name]
                refused.add(name)

    def _refuse(self, plugin: str, kind: str, name: str, other: str) -> None:
        self.fail(
            plugin,
            PluginStatus.DUPLICATE,
            f"the {kind} {name} of plugin {plugin} is refused, plugin {other} has one of that name; "
            f'choose with plugins.prefer: {{"{kind}:{name}": "{plugin}"}}',
        )


def _misuse(module: ModuleType) -> str | None:
    """Find what pluggy would let pass: hooks without the marker, arguments, wrappers."""
    for name, function in inspect.getmembers(module, inspect.isfunction):
        if not name.startswith("huracan_") or function.__module__ != module.__name__:
            continue
        options = getattr(function, "huracan_impl", None)
        if options is None:
            return f"{name} is not marked with @hookimpl"
        if options["hookwrapper"] or options["wrapper"]:
            return f"{name} is a wrapper; hooks of Huracan are plain functions"
        if inspect.signature(function).parameters:
            return f"{name} takes arguments; hooks of Huracan take none"
    return None


def _one_line(error: BaseException) -> str:
    text = "".join(letter for letter in " ".join(str(error).split()) if letter.isprintable())
    return f"{type(error).__name__}: {text}"[:300] if text else type(error).__name__
