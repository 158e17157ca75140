"""P21 to P28: work that ends, help that can be read, and answers in an empty workspace."""

from __future__ import annotations

import argparse
import importlib
import io
import math
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from datetime import date
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

from huracan.cli.main import make_parser
from huracan.context import Context
from huracan.errors import HuracanError, PluginError
from huracan.run.graph import ordered
from huracan.run.references import resolve
from huracan.testing.exports import check_export
from huracan.testing.limits import TooSlowError, within
from huracan.testing.plugin_rules.answers import callable_ones
from huracan.testing.plugin_rules.reports import not_json
from huracan.testing.plugin_rules.subject import Subject
from huracan.testing.rules import BrokenRuleError, NotAskedError, Rule
from huracan.types import ChatReply, CheckResult, CheckState, ExportScope, Job, Service

__all__ = ["running_rules"]

T = TypeVar("T")
DAY = date(2024, 2, 29)
"""The night that is asked for in an empty workspace."""
_SAFE_WORDS = ("help", "json", "config", "verbose", "no_color")


def running_rules(subject: Subject, context: Callable[[], Context], seconds: float) -> Iterator[Rule]:
    """Yield P21 to P28, in order. ``context`` makes one in an empty workspace; an answer may take ``seconds``."""
    check = _Check(subject, context, seconds)
    yield "P21", "limits make sense", check.limits
    yield "P22", "jobs come in an order", check.order
    yield "P23", "commands explain themselves", check.commands
    yield "P24", "checks answer", check.checks
    yield "P25", "exports can be written", check.exports
    yield "P26", "chat commands answer", check.chat
    yield "P27", "channels say how they are", check.channels
    yield "P28", "reports and backups of nothing", check.nothing_yet


class _Check:
    def __init__(self, subject: Subject, context: Callable[[], Context], seconds: float) -> None:
        self._subject, self._make, self._seconds = subject, context, seconds

    @cached_property
    def _context(self) -> Context:
        try:
            return self._make()
        except HuracanError as error:
            raise NotAskedError(f"no context can be made with it: {error}") from None

    def _within(self, act: Callable[[], T]) -> T:
        return within(self._seconds, act).value

    # -------------------------------------------------------------------------------------------------------- work

    def limits(self) -> str | None:
        for job in self._subject.of("huracan_jobs"):
            if wrong := _bad_limits(job):
                return f"job {job.name}: {wrong}"
        for service in self._subject.of("huracan_services"):
            if wrong := _bad_restarts(service):
                return f"service {service.name}: {wrong}"
        return None

    def order(self) -> str | None:
        own = self._subject.of("huracan_jobs")
        known = {**self._subject.others().jobs(), **{job.name: job for job in own}}
        for job in own:
            for name in job.after:
                if name not in known:
                    return f"job {job.name} comes after {name}, which neither it nor a bundled plugin declares"
                if known[name].pipeline != job.pipeline:
                    return (
                        f"job {job.name} of {job.pipeline} comes after {name}, which is one of {known[name].pipeline}"
                    )
        for pipeline in sorted({job.pipeline for job in own}):
            try:
                ordered(job for job in known.values() if job.pipeline == pipeline)
            except PluginError as error:
                return str(error)
        return None

    def commands(self) -> str | None:
        for command in callable_ones(self._subject, "huracan_commands"):
            said = io.StringIO()
            with redirect_stdout(said), redirect_stderr(said):
                parser = make_parser(command.name, importlib.import_module(command.module))
                text = parser.format_help()
            if said.getvalue():
                return f"command {command.name} prints {said.getvalue()[:80]!r} before it is run"
            if not (parser.description or "").strip() or command.name not in text:
                return f"command {command.name}: its module has no docstring, and its help says nothing"
            if (bare := next(_unexplained(parser), None)) is not None:
                return f"command {command.name}: its help says nothing about {bare}"
        return None

    # ------------------------------------------------------------------------------------------------------ answers

    def checks(self) -> str | None:
        for check in callable_ones(self._subject, "huracan_checks"):
            if not (math.isfinite(check.interval) and check.interval > 0):
                return f"check {check.name}: its interval is {check.interval} s"
            given = None if check.requirement else self._context
            try:
                answer = self._within(partial(check.run, given))
            except TooSlowError as error:
                return f"check {check.name}: {error}"
            except Exception as error:  # noqa: BLE001 - whatever a check raises
                return f"check {check.name} raises {type(error).__name__}: {error}"
            if wrong := _bad_answer(answer):
                return f"check {check.name} {wrong}"
        return None

    def exports(self) -> str | None:
        for export in callable_ones(self._subject, "huracan_exports"):
            results = self._within(partial(check_export, export, self._context, ExportScope(DAY, DAY)))
            broken = [f"{each.rule} {each.title}: {each.failed}" for each in results if each.failed]
            if broken:
                return f"export {export.name}: {'; '.join(broken)}"
        return None

    def chat(self) -> str | None:
        for command in callable_ones(self._subject, "huracan_chat_commands"):
            if command.confirm and not command.acts:
                return f"chat command {command.name} asks first although it changes nothing: say acts=True"
            if command.acts:
                continue
            function = resolve(command.run, f"chat command {command.name}")
            try:
                reply = self._within(partial(function, self._context, ()))
            except HuracanError as error:
                if not str(error) or "\n" in str(error):
                    return f"chat command {command.name}: its error is not one line: {error!r}"
                continue
            except Exception as error:  # noqa: BLE001 - whatever it raises
                return f"chat command {command.name} raises {type(error).__name__}: {error}"
            if not isinstance(reply, ChatReply):
                return f"chat command {command.name} answers with {type(reply).__name__}, not ChatReply"
        return None

    def channels(self) -> str | None:
        for notifier in callable_ones(self._subject, "huracan_notifiers"):
            if wrong := self._bad_channel(notifier):
                return f"notifier {notifier.name}: {wrong}"
        return None

    def _bad_channel(self, notifier: Any) -> str | None:
        if not (math.isfinite(notifier.pause) and notifier.pause >= 0):
            return f"its pause is {notifier.pause} s"
        if not notifier.kinds or not all(isinstance(kind, str) and kind for kind in notifier.kinds):
            return f"its kinds are {notifier.kinds!r}"
        if notifier.immediate and (notifier.edits or notifier.pause or notifier.is_set):
            return "an immediate one neither edits nor pauses, and is always set"
        if notifier.is_set is None:
            return None
        is_set = notifier.is_set
        answer = self._within(lambda: is_set(self._context))
        return None if isinstance(answer, bool) else f"is_set answers with {answer!r}, not with yes or no"

    def nothing_yet(self) -> str | None:
        for section in callable_ones(self._subject, "huracan_report_sections"):
            written = self._calmly(f"report section {section.name}", partial(section.write, self._context, DAY))
            if wrong := not_json(written):
                return f"report section {section.name}: {wrong}"
        for number, source in enumerate(callable_ones(self._subject, "huracan_backup_sources")):
            folder = self._context.paths.workspace.parent / f"collected-{number}"
            folder.mkdir()
            before = _tree(self._context.paths.workspace)
            self._calmly(f"backup source {source.name}", partial(source.collect, self._context, folder))
            if missing := before - _tree(self._context.paths.workspace):
                return f"backup source {source.name} takes {sorted(missing)[0]} away from the workspace"
        return None

    def _calmly(self, who: str, act: Callable[[], Any]) -> Any:
        """Call what may find nothing: what a person can mend is an answer."""
        try:
            return self._within(act)
        except HuracanError:
            return None
        except Exception as error:  # noqa: BLE001 - whatever it raises
            raise BrokenRuleError(f"{who}: {type(error).__name__}: {error}") from None


def _bad_limits(job: Job) -> str | None:
    for name in ("time_limit", "stall_limit"):
        value = getattr(job, name)
        if not (math.isfinite(value) and value > 0):
            return f"its {name} is {value} s: a night must end"
    if not 0 <= job.retries <= 20 or not (math.isfinite(job.retry_delay) and job.retry_delay >= 0):
        return f"it is tried again {job.retries} times after {job.retry_delay} s"
    return _bad_resources(job)


def _bad_restarts(service: Service) -> str | None:
    if not (math.isfinite(service.stall_limit) and service.stall_limit > 0):
        return f"its stall_limit is {service.stall_limit} s"
    if not 0 < service.restart_delay <= service.restart_delay_max < math.inf:
        return f"it is started again after {service.restart_delay} to {service.restart_delay_max} s"
    return _bad_resources(service)


def _bad_resources(work: Job | Service) -> str | None:
    wants: Any = work.resources
    if wants.memory_mib is not None and wants.memory_mib < 16:
        return f"it gets {wants.memory_mib} MiB of memory"
    if not 1 <= wants.cpu_weight <= 10_000:
        return f"its cpu_weight is {wants.cpu_weight}, not one of 1 to 10000"
    return None if wants.io_class in ("best-effort", "idle") else f"its io_class is {wants.io_class!r}"


def _bad_answer(answer: Any) -> str | None:
    if not isinstance(answer, CheckResult):
        return f"answers with {type(answer).__name__}, not CheckResult"
    state: Any = answer.state
    if not isinstance(state, CheckState):
        return f"answers with the state {state!r}"
    if not answer.detail.strip():
        return "says nothing in its detail"
    if answer.state is not CheckState.OK and not answer.hint.strip():
        return f"says {answer.state.value} ({answer.detail}) and not how to mend it"
    return None


def _unexplained(parser: argparse.ArgumentParser, before: str = "") -> Iterator[str]:
    """Yield arguments and sub-commands without a word of help."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help for choice in action._choices_actions}
            for name, below in action.choices.items():
                if not helps.get(name):
                    yield f"{before}{name}"
                yield from _unexplained(below, f"{before}{name} ")
        elif action.dest not in _SAFE_WORDS and not action.help:
            yield before + (", ".join(action.option_strings) or action.dest)


def _tree(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
