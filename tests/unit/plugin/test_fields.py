"""Values of strangers are looked at: a field may hold anything, and the night must not find out."""

from __future__ import annotations

from typing import Any

import pytest

from huracan import hookimpl
from huracan.plugin.fields import wrong_field
from huracan.plugin.installed import own_plugins
from huracan.plugin.manager import Plugins
from huracan.plugin.status import PluginStatus
from huracan.testing import stand_in
from huracan.types import Check, Command, FeatureSet, Job, Resources


def made(kind: Any, *values: Any, **fields: Any) -> Any:
    return kind(*values, **fields)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (made(Job, "a", None, "d"), "run of a Job is NoneType, not str"),
        (made(Job, 5, "r", "d"), "name of a Job is int, not str"),
        (made(Job, "a", "r", "d", after="roster"), "after of a Job is str, not tuple[str, ...]"),
        (made(Job, "a", "r", "d", after=(1,)), "after of a Job is tuple, not tuple[str, ...]"),
        (made(Job, "a", "r", "d", time_limit="1"), "time_limit of a Job is str, not float"),
        (made(Job, "a", "r", "d", retries=True), "retries of a Job is bool, not int"),
        (made(Job, "../a", "r", "d"), "'../a' can be no name of a Job"),
        (made(Job, "", "r", "d"), "'' can be no name of a Job"),
        (made(Job, "a\nb", "r", "d"), "'a\\nb' can be no name of a Job"),
        (made(Check, "a", "not callable"), "run of a Check is str, not Callable[[Context | None], CheckResult]"),
        (made(FeatureSet, "a", 1, ("x",), None, print), "warmup of a FeatureSet is NoneType, not int"),
        (made(Resources, memory_mib="many"), "memory_mib of a Resources is str, not int | None"),
    ],
)
def test_a_field_that_holds_something_else_is_named(value: Any, sentence: str) -> None:
    assert wrong_field(value) == sentence


@pytest.mark.parametrize(
    "value",
    [
        Job("a", "r", "d", after=("b",), time_limit=3, resources=Resources(memory_mib=5, io_class="idle")),
        made(FeatureSet, "a", 1, ("x",), 0, print),
        Command("hello", "say hello", "module"),
        made(Check, "a", print, requirement=True),
    ],
)
def test_a_right_value_is_right(value: Any) -> None:
    assert wrong_field(value) is None


def test_all_values_of_the_bundled_plugins_are_right() -> None:
    bundled = own_plugins()
    plugins = Plugins(bundled)
    asked = (
        plugins.settings, plugins.jobs, plugins.services, plugins.checks, plugins.exchanges, plugins.universe_rules,
        plugins.features, plugins.trainers, plugins.gates, plugins.exports, plugins.notifiers, plugins.chat_commands,
        plugins.remotes, plugins.backup_sources, plugins.report_sections, plugins.commands,
    )  # fmt: skip
    values = [value for ask in asked for value in ask().values()]
    assert len(values) > 100
    assert list(filter(None, map(wrong_field, values))) == []


def test_a_class_that_cannot_be_looked_at_costs_its_plugin_alone() -> None:
    class Shy(Job):
        def __getattribute__(self, name: str) -> Any:
            raise RuntimeError(name)

    shy = Shy("a", "r", "d")
    good = stand_in("good", huracan_jobs=hookimpl(lambda: [Job("work", "r", "d")]))
    plugins = Plugins([stand_in("shy", huracan_jobs=hookimpl(lambda: [shy])), good])
    assert list(plugins.jobs()) == ["work"]
    assert {i.name: i.status for i in plugins.infos()}["shy"] is PluginStatus.BAD_HOOK
