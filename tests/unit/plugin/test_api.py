"""Which contract a plugin is made for, and what it uses that goes."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pluggy
import pytest

from huracan import API_VERSION, OLDEST_API, __version__, hookimpl
from huracan.cli.main import main
from huracan.plugin import deprecations, manager, spec
from huracan.plugin.api import judge
from huracan.plugin.deprecations import DeprecatedPartWarning, Deprecation, collecting, old_fields, warning_of
from huracan.plugin.manager import Plugins
from huracan.plugin.status import PluginStatus
from huracan.testing import stand_in
from huracan.types import Job

# ------------------------------------------------------------------------------------------------------------ versions

SERVED = {"oldest": 2, "newest": 4}


@pytest.mark.parametrize("declared", [4, "==4", ">=2", ">=2,<5", " >= 3 , != 3 ", ">3", "<=99"])
def test_a_plugin_that_knows_the_newest_version_is_fine(declared: object) -> None:
    assert judge(declared, **SERVED).error == ""
    assert judge(declared, **SERVED).deprecation is None


@pytest.mark.parametrize(("declared", "version"), [(2, 2), ("<4", 3), (">=1,<3", 2), ("!=4", 3)])
def test_one_that_knows_only_an_older_one_works_and_hears_that_it_goes(declared: object, version: int) -> None:
    standing = judge(declared, **SERVED)
    assert standing.error == ""
    assert standing.deprecation
    assert standing.deprecation.sentence.startswith(
        f"plugin API {version} is deprecated and goes with plugin API 5: use plugin API 4; what changed: "
    )


@pytest.mark.parametrize(
    ("declared", "advice"),
    [
        (5, "update huracan-engine, or install an older release of the plugin"),
        (">=5", "update huracan-engine, or install an older release of the plugin"),
        (">4,<9", "update huracan-engine, or install an older release of the plugin"),
        (1, "update the plugin"),
        ("<2", "update the plugin"),
        (">=3,<3", "no version is like that; write a number, as HURACAN_API = 2"),
    ],
)
def test_outside_of_what_is_served_it_says_what_it_needs_what_this_is_and_what_to_do(
    declared: object, advice: str
) -> None:
    error = judge(declared, **SERVED).error
    served = f"this is huracan-engine {__version__}, which serves 2 to 4"
    assert error.startswith(f"is made for plugin API {declared}; {served}: {advice}")


@pytest.mark.parametrize("declared", ["", "2", "two", ">=2,", "~=2", ">=2.1", "=>2", 2.0, True, 0, -1, None, (2, 3)])
def test_what_is_no_version_and_no_range_is_shown_with_what_to_write(declared: object) -> None:
    error = judge(declared).error
    assert error.startswith(f"HURACAN_API is {declared!r}, which is no version and no range: write a number")
    assert '">=2,<4"' in error


def jobs() -> Any:
    return hookimpl(lambda: [Job("work", "somewhere:run", "works")])


@pytest.mark.parametrize("declared", [API_VERSION, f">={OLDEST_API},<{API_VERSION + 1}"])
def test_a_number_and_a_range_are_loaded(declared: object) -> None:
    plugins = Plugins([stand_in("mine", HURACAN_API=declared, huracan_jobs=jobs())])
    assert list(plugins.jobs()) == ["work"]
    assert plugins.problems() == []


@pytest.mark.parametrize("declared", [API_VERSION + 1, ">=99", "two", object()])
def test_another_contract_is_incompatible_with_one_line(declared: object) -> None:
    plugins = Plugins([stand_in("mine", HURACAN_API=declared, huracan_jobs=jobs())])
    (info,) = plugins.infos()
    assert info.status is PluginStatus.INCOMPATIBLE
    assert "\n" not in info.error
    assert list(plugins.jobs()) == []


# -------------------------------------------------------------------------------------------------------- deprecations

OLD_HOOK = Deprecation("huracan_omens", "0.4.0", 3, "huracan_features")
OLD_FIELD = Deprecation("Job.retries", "0.5.0", 3, "plugins.retries of the settings")


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Let a hook and a field be deprecated, in a contract that has that hook besides all others."""
    monkeypatch.setattr(deprecations, "DEPRECATIONS", (OLD_HOOK, OLD_FIELD))
    made = ModuleType("old_spec")
    vars(made).update({name: each for name, each in vars(spec).items() if name.startswith("huracan_")})

    def huracan_omens() -> list[object]:
        """Read the entrails."""
        return []

    vars(made)["huracan_omens"] = spec.hookspec(huracan_omens)
    monkeypatch.setattr(manager, "spec", made)
    return made


def omens() -> Any:
    def huracan_omens() -> list[object]:
        return []

    return hookimpl(huracan_omens)


@pytest.mark.usefixtures("table")
def test_a_plugin_with_a_deprecated_hook_works_and_is_told_by_no_python_warning() -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        plugins = Plugins([stand_in("mine", huracan_omens=omens(), huracan_jobs=jobs()), stand_in("b", x=1)])
    assert heard == []
    mine, other = plugins.infos()[1], plugins.infos()[0]
    assert (mine.status, mine.deprecations, other.deprecations) == (PluginStatus.ENABLED, (OLD_HOOK,), ())
    assert list(plugins.jobs()) == ["work"]
    assert plugins.problems() == []
    assert plugins.deprecations() == [
        "plugin mine (mine): huracan_omens is deprecated since 0.4.0 and goes with plugin API 3: use huracan_features"
    ]


def test_it_is_pluggy_that_warns(table: ModuleType) -> None:
    asked = pluggy.PluginManager("huracan")
    asked.add_hookspecs(table)
    with pytest.warns(DeprecatedPartWarning, match="huracan_omens is deprecated"):
        asked.register(SimpleNamespace(huracan_omens=omens()))


def test_hooks_of_this_contract_are_marked_as_the_table_says() -> None:
    for name, hook in vars(spec).items():
        if name.startswith("huracan_"):
            assert vars(hook)["huracan_spec"]["warn_on_impl"] == warning_of(name), name


@pytest.mark.usefixtures("table")
def test_a_deprecated_field_is_noted_where_it_is_set_and_only_once() -> None:
    usual, set_by_hand = Job("a", "m:f", "d"), Job("b", "m:f", "d", retries=9)
    assert list(old_fields(usual)) == []
    assert list(old_fields(replace(usual, retries=0))) == [OLD_FIELD]
    plugins = Plugins([stand_in("mine", huracan_jobs=hookimpl(lambda: [usual, set_by_hand]))])
    assert plugins.infos()[0].deprecations == ()
    for _ in range(2):
        assert list(plugins.jobs()) == ["a", "b"]
    assert plugins.infos()[0].deprecations == (OLD_FIELD,)


def test_warnings_of_others_are_not_swallowed() -> None:
    def both() -> list[Deprecation]:
        with collecting() as found:
            warnings.warn("of somebody else", UserWarning, stacklevel=1)
            warnings.warn(DeprecatedPartWarning(OLD_HOOK), stacklevel=1)
        return found

    with pytest.warns(UserWarning, match="of somebody else"):
        assert both() == [OLD_HOOK]


@pytest.fixture
def installed_plugin(table: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = stand_in("mine", HURACAN_API=2, huracan_omens=omens(), huracan_jobs=jobs())
    monkeypatch.setattr(manager, "installed", lambda: [entry])


@pytest.mark.usefixtures("installed_plugin")
def test_people_and_programs_are_shown_what_goes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("workspace: ./work\n", "utf-8")
    config = ["-c", str(file)]
    assert main([*config, "plugins", "--json"]) == 0
    (mine,) = json.loads(capsys.readouterr().out)["plugins"]
    assert mine["deprecations"] == [
        {"name": "huracan_omens", "since": "0.4.0", "removal": 3, "instead": "huracan_features"}
    ]
    assert (mine["status"], mine["error"]) == ("enabled", None)
    assert main([*config, "plugins"]) == 0
    assert "goes with plugin API 3: use huracan_features" in " ".join(capsys.readouterr().out.split())
    assert main([*config, "doctor", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["deprecations"][0].startswith("plugin mine (mine): huracan_omens is")
