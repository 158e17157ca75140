"""Every way in which a plugin can fail to load, and that it costs nobody else anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pluggy
import pytest

from huracan import hookimpl
from huracan.errors import PluginError, SettingsError
from huracan.plugin.installed import HOST_DISTRIBUTION
from huracan.plugin.manager import Plugins
from huracan.plugin.status import PluginStatus
from huracan.testing import StandInEntryPoint, stand_in
from huracan.types import Check, CheckResult, CheckState, FeatureSet, Job


def job(name: str) -> Job:
    return Job(name, "somewhere:run", f"does {name}")


def declares(*names: str) -> Any:
    def huracan_jobs() -> list[Job]:
        return [job(name) for name in names]

    return hookimpl(huracan_jobs)


def good(name: str = "good", job_name: str = "work", distribution: str = "") -> StandInEntryPoint:
    return stand_in(name, distribution, huracan_jobs=declares(job_name))


def status(plugins: Plugins, name: str) -> tuple[PluginStatus, str]:
    return next((info.status, info.error) for info in plugins.infos() if info.name == name)


def broken(error: BaseException) -> StandInEntryPoint:
    return StandInEntryPoint("broken", error, good().dist)


def test_a_good_plugin_is_enabled_and_shows_its_hooks() -> None:
    plugins = Plugins([good()])
    info = plugins.infos()[0]
    assert (info.status, info.hooks, info.error) == (PluginStatus.ENABLED, ("huracan_jobs",), "")
    assert list(plugins.jobs()) == ["work"]
    assert plugins.jobs().owners == {"work": "good"}


@pytest.mark.parametrize("error", [ImportError("no module named x"), SystemExit(3), RuntimeError("a\nb")])
def test_an_import_that_fails_costs_only_its_plugin(error: BaseException) -> None:
    plugins = Plugins([broken(error), good()])
    found, text = status(plugins, "broken")
    assert found is PluginStatus.BAD_IMPORT
    assert type(error).__name__ in text
    assert "\n" not in text
    assert list(plugins.jobs()) == ["work"]


def test_a_keyboard_interrupt_during_import_is_not_swallowed() -> None:
    with pytest.raises(KeyboardInterrupt):
        Plugins([broken(KeyboardInterrupt())])


def test_a_hook_that_does_not_exist_is_a_bad_hook() -> None:
    plugins = Plugins([stand_in("typo", huracan_jbos=hookimpl(lambda: [])), good()])
    found, text = status(plugins, "typo")
    assert found is PluginStatus.BAD_HOOK
    assert "huracan_jbos" in text
    assert list(plugins.jobs()) == ["work"]


def test_a_hook_without_the_marker_is_a_bad_hook() -> None:
    def huracan_jobs() -> list[Job]:
        return [job("never")]

    plugins = Plugins([stand_in("unmarked", huracan_jobs=huracan_jobs)])
    assert status(plugins, "unmarked") == (PluginStatus.BAD_HOOK, "huracan_jobs is not marked with @hookimpl")


def test_a_hook_with_arguments_is_a_bad_hook() -> None:
    def huracan_jobs(settings: object) -> list[Job]:
        raise AssertionError(settings)

    plugins = Plugins([stand_in("arguments", huracan_jobs=hookimpl(huracan_jobs))])
    assert status(plugins, "arguments")[0] is PluginStatus.BAD_HOOK


def test_a_wrapper_is_a_bad_hook_so_that_it_cannot_change_what_others_return() -> None:
    def huracan_jobs() -> Iterator[None]:
        yield

    plugins = Plugins([stand_in("wrapper", huracan_jobs=pluggy.HookimplMarker("huracan")(huracan_jobs, wrapper=True))])
    assert status(plugins, "wrapper")[0] is PluginStatus.BAD_HOOK


@pytest.mark.parametrize("error", [ValueError("secret sauce"), SystemExit(1), GeneratorExit()])
def test_a_hook_that_raises_costs_only_its_own_values(error: BaseException) -> None:
    def huracan_jobs() -> list[Job]:
        raise error

    plugins = Plugins([stand_in("a-raiser", huracan_jobs=hookimpl(huracan_jobs)), good()])
    assert list(plugins.jobs()) == ["work"]
    found, text = status(plugins, "a-raiser")
    assert found is PluginStatus.BAD_HOOK
    assert text.startswith(f"huracan_jobs raised {type(error).__name__}")


def test_a_generator_hook_that_raises_while_it_is_drained_is_caught() -> None:
    def huracan_jobs() -> Iterator[Job]:
        yield job("half")
        raise ValueError("late")

    plugins = Plugins([stand_in("a-late", huracan_jobs=hookimpl(huracan_jobs)), good()])
    assert list(plugins.jobs()) == ["work"]
    assert status(plugins, "a-late")[0] is PluginStatus.BAD_HOOK


def test_a_hook_that_returns_something_else_is_a_bad_hook() -> None:
    plugins = Plugins([stand_in("wrong", huracan_jobs=hookimpl(lambda: ["text"])), good()])
    assert list(plugins.jobs()) == ["work"]
    assert status(plugins, "wrong") == (PluginStatus.BAD_HOOK, "huracan_jobs returned str, not Job")


def test_a_hook_that_returns_nothing_adds_nothing() -> None:
    plugins = Plugins([stand_in("silent", huracan_jobs=hookimpl(lambda: None))])
    assert len(plugins.jobs()) == 0
    assert plugins.problems() == []


def test_a_plugin_for_another_api_is_incompatible() -> None:
    plugins = Plugins([stand_in("future", HURACAN_API=99, huracan_jobs=declares("later"))])
    assert status(plugins, "future")[0] is PluginStatus.INCOMPATIBLE
    assert len(plugins.jobs()) == 0


def test_a_disabled_plugin_is_not_imported() -> None:
    plugins = Plugins([broken(AssertionError("imported"))], disable=["broken"])
    assert status(plugins, "broken")[0] is PluginStatus.DISABLED
    assert plugins.problems() == []


@pytest.mark.parametrize(("only", "loaded"), [((), []), (("good",), ["work"]), (None, ["other", "work"])])
def test_only_the_named_plugins_are_loaded(only: tuple[str, ...] | None, loaded: list[str]) -> None:
    plugins = Plugins([good(), good("second", "other")], only=only)
    assert sorted(plugins.jobs()) == loaded


def test_a_second_distribution_cannot_take_a_plugin_name() -> None:
    plugins = Plugins([good("training", "evil", "a-stranger"), good("training", "train", HOST_DISTRIBUTION)])
    assert list(plugins.jobs()) == ["train"]
    second = plugins.infos()[1]
    assert second.status is PluginStatus.DUPLICATE
    assert HOST_DISTRIBUTION in second.error
    assert "a-stranger" in second.error


def test_a_broken_plugin_keeps_its_name_taken() -> None:
    first = StandInEntryPoint("broken", ImportError("x"), good(distribution="aaa").dist)
    plugins = Plugins([first, good("broken", "sneaky", "zzz")])
    assert len(plugins.jobs()) == 0
    assert [info.status for info in plugins.infos()] == [PluginStatus.BAD_IMPORT, PluginStatus.DUPLICATE]


def test_a_stranger_cannot_replace_a_bundled_job_and_both_owners_are_named() -> None:
    plugins = Plugins([good("evil", "train", "a-stranger"), good("training", "train", HOST_DISTRIBUTION)])
    assert plugins.jobs().owners == {"train": "training"}
    found, text = status(plugins, "evil")
    assert found is PluginStatus.DUPLICATE
    assert "training" in text
    assert "evil" in text


@pytest.mark.parametrize("reverse", [False, True])
def test_between_two_strangers_neither_wins_whatever_the_install_order(reverse: bool) -> None:
    found = [good("one", "same"), good("two", "same"), good("three", "same")]
    plugins = Plugins(reversed(found) if reverse else found)
    assert len(plugins.jobs()) == 0
    assert {status(plugins, name)[0] for name in ("one", "two")} == {PluginStatus.DUPLICATE}


@pytest.mark.parametrize("winner", ["one", "two"])
def test_configuration_chooses_between_equal_names(winner: str) -> None:
    plugins = Plugins([good("one", "same"), good("two", "same")], prefer={"job:same": winner})
    assert plugins.jobs().owners == {"same": winner}
    assert plugins.problems() == []


def test_a_feature_column_of_another_plugin_is_refused_as_a_whole_set() -> None:
    def features(name: str, *columns: str) -> Any:
        def huracan_features() -> list[FeatureSet]:
            return [FeatureSet(name, 1, columns, 0, lambda _: {})]

        return hookimpl(huracan_features)

    bundled = stand_in("features", HOST_DISTRIBUTION, huracan_features=features("classic", "rsi_14", "ret_1"))
    mine = stand_in("mine", huracan_features=features("mine", "new", "rsi_14"))
    plugins = Plugins([mine, bundled])
    assert list(plugins.features()) == ["classic"]
    assert "rsi_14" in status(plugins, "mine")[1]


@pytest.mark.parametrize(
    "entry",
    [broken(ImportError("gone")), stand_in("broken", huracan_jobs=hookimpl(lambda: [1]))],
    ids=["import", "hook"],
)
def test_a_strict_plugin_that_fails_stops_everything(entry: StandInEntryPoint) -> None:
    with pytest.raises(PluginError, match=r"broken.*plugins\.strict"):
        Plugins([entry], strict=["broken"]).jobs()


def test_a_strict_plugin_that_is_not_installed_stops_everything() -> None:
    with pytest.raises(SettingsError, match=r"plugins\.strict.*absent is not installed"):
        Plugins([good()], strict=["absent"])


def test_what_a_plugin_prints_while_it_is_imported_is_not_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    class Chatty(StandInEntryPoint):
        def load(self) -> Any:
            print("hello")
            return super().load()

    entry = good()
    Plugins([Chatty(entry.name, entry.target, entry.dist)])
    assert capsys.readouterr() == ("", "hello\n")


def test_an_error_of_a_plugin_cannot_steer_the_terminal() -> None:
    plugins = Plugins([broken(ImportError("a\x1b[31mb\r\nc"))])
    (problem,) = plugins.problems()
    assert problem.isprintable()


def requirement(answer: Any) -> Any:
    def run(_: object) -> Any:
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return hookimpl(lambda: [Check("needs", run, requirement=True)])


@pytest.mark.parametrize(
    "answer",
    [CheckResult(CheckState.FAILED, "no talib", "install it"), OSError("boom"), SystemExit(3), "no result at all"],
)
def test_a_failed_requirement_switches_the_plugin_off(answer: Any) -> None:
    plugins = Plugins([stand_in("needy", huracan_checks=requirement(answer), huracan_jobs=declares("x")), good()])
    plugins.check_requirements()
    assert status(plugins, "needy")[0] is PluginStatus.FAILED_CHECK
    assert list(plugins.jobs()) == ["work"]


def test_a_met_requirement_changes_nothing() -> None:
    answer = CheckResult(CheckState.OK, "fine")
    plugins = Plugins([stand_in("needy", huracan_checks=requirement(answer), huracan_jobs=declares("x"))])
    plugins.check_requirements()
    assert list(plugins.jobs()) == ["x"]


def test_plugins_are_asked_in_the_order_of_names_with_the_host_first() -> None:
    found = [
        good("z", "z", "zed"),
        good("b", "b", HOST_DISTRIBUTION),
        good("a", "a", "abc"),
        good("c", "c", HOST_DISTRIBUTION),
    ]
    for order in (found, list(reversed(found))):
        assert list(Plugins(order).jobs()) == ["b", "c", "a", "z"]
