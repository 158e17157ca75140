"""``check_plugin``: what every plugin must do, as numbered rules. For tests of plugins, and for their owners.

====  ==============================================================================================================
rule  what must hold
====  ==============================================================================================================
P1    its module can be imported: nothing is raised, and the process goes on
P2    importing it takes no longer than its limit, on top of what Huracan itself takes
P3    importing it prints nothing, nor does asking the hooks that commands and daemon ask
P4    importing it loads no library, and asking those hooks no heavy one (numpy, polars, ccxt, torch ...)
P5    its own lines touch no file, network, process, thread, signal or environment meanwhile
P6    its module holds hooks and private helpers of theirs, and imports only ``huracan``, ``huracan.types``, ``typing``
P7    each ``huracan_...`` of it is a hook of ``spec.py``, marked with ``@hookimpl``, without arguments; there is one
P8    it says which contract it is made for (``HURACAN_API``), and that is served here
P9    each hook answers with a list or tuple of its own kind of values, and nothing else
P10   a hook that is asked again says the same
P11   each hook answers within its limit
P12   names can be those of units, files, settings and commands
P13   no name is taken by the core, a bundled plugin or another one of its own, no feature's column either
P14   descriptions, helps and meanings are there, one line each
P15   references (``package.module:function``) and modules of commands can be loaded
P16   every function takes the arguments that it will be called with
P17   settings are frozen, refuse unknown names, hide their input, and describe themselves and every field
P18   a section is complete without any setting; what is chosen by name has that ``name``
P19   secrets are ``SecretStr``, and empty until the owner sets them
P20   ``candle_source``, ``funding_source`` and ``written_paths`` name fields that exist
P21   jobs and services have limits that make sense, and ask for resources that there are
P22   jobs named in ``after`` exist in the same pipeline, and none waits for itself
P23   each command explains itself and its arguments, and prints nothing before it is run
P24   checks answer within their limit, and with a hint unless all is well
P25   exports can be written in every format, of a workspace without anything in it too
P26   chat commands that only look answer in an empty workspace; ``confirm`` is for those that act
P27   channels say whether they are set, and their numbers make sense
P28   report sections and backup sources bear an empty workspace, and take nothing away
====  ==============================================================================================================
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from huracan.context import Context
from huracan.plugin.installed import EntryPointLike, installed, own_plugins
from huracan.testing.contexts import make_context
from huracan.testing.plugin_rules.answers import answer_rules
from huracan.testing.plugin_rules.importing import importing_rules
from huracan.testing.plugin_rules.running import running_rules
from huracan.testing.plugin_rules.settings import setting_rules
from huracan.testing.plugin_rules.subject import Subject, find
from huracan.testing.rules import Rule, RuleResult, ask_rules, assert_rules

__all__ = ["assert_plugin", "check_plugin"]


def check_plugin(
    plugin: str | EntryPointLike,
    *,
    skip: Mapping[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
    import_seconds: float = 2.0,
    answer_seconds: float = 20.0,
) -> list[RuleResult]:
    """Hold an installed plugin, by name or entry point, against every rule.

    ``skip`` names rules that are not asked, each with a reason. ``settings`` are those of the context in which it is
    asked (the bundled plugins are there, and an empty workspace). A stand-in has no rules P2 to P6. Raises ValueError
    for a name that no installed plugin has.
    """
    subject = Subject(find(plugin), answer_seconds)
    with ExitStack() as stack:
        return ask_rules(_rules(subject, settings or {}, stack, import_seconds, answer_seconds), skip)


def assert_plugin(
    plugin: str | EntryPointLike,
    *,
    skip: Mapping[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
    import_seconds: float = 2.0,
    answer_seconds: float = 20.0,
) -> None:
    """Fail with every broken rule in one message."""
    results = check_plugin(
        plugin, skip=skip, settings=settings, import_seconds=import_seconds, answer_seconds=answer_seconds
    )
    assert_rules(f"plugin {find(plugin).name}", results)


def _rules(
    subject: Subject, settings: Mapping[str, Any], stack: ExitStack, import_seconds: float, answer_seconds: float
) -> Iterator[Rule]:
    def context() -> Context:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="huracan-kit-")))
        bundled = [each.name for each in own_plugins()]
        extra = [] if any(each.name == subject.name for each in installed()) else [subject.entry]
        made = make_context(folder / "work", settings, plugins=[*bundled, subject.name], extra=extra)
        stack.callback(made.store.close)
        return made

    yield from importing_rules(subject, import_seconds, answer_seconds)
    yield from answer_rules(subject)
    yield from setting_rules(subject)
    yield from running_rules(subject, context, answer_seconds)
