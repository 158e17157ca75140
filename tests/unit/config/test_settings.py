"""Where settings come from, which source wins, and what a mistake reads like."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, SecretStr

from huracan import hookimpl
from huracan.app import load_plugins
from huracan.config import CoreSettings, PluginSettings, RawSettings, Section, SettingsPath
from huracan.errors import SettingsError
from huracan.plugin.manager import Plugins
from huracan.plugin.settings import compose_settings
from huracan.plugin.status import PluginStatus
from huracan.settings_sources import Layer, Origin, as_options, merge
from huracan.testing import StandInEntryPoint, stand_in
from huracan.types import ExchangeType, Job, SettingsSection


class Shop(Section):
    workers: int = Field(1, ge=1, description="How many.")
    token: SecretStr = Field(SecretStr(""), description="Secret.")
    folder: SettingsPath = Field(Path("/nowhere"), description="Where.")


class Bazaar(Section):
    name: Literal["bazaar"] = "bazaar"
    path: SettingsPath = Field(Path("/x"), description="Where.")


def shop() -> StandInEntryPoint:
    return stand_in(
        "shop",
        huracan_settings=hookimpl(lambda: [SettingsSection("shop", Shop)]),
        huracan_exchanges=hookimpl(lambda: [ExchangeType("bazaar", Bazaar, lambda _c, _s: None)]),  # type: ignore[arg-type,return-value]
    )


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def read(*files: Path, **environment: str) -> RawSettings:
    return RawSettings.read(files, environment)


def compose(raw: RawSettings) -> tuple[Any, list[str], Plugins]:
    plugins = Plugins([shop()])
    settings, mistakes = compose_settings(raw, plugins)
    return settings, mistakes, plugins


def test_later_files_and_the_environment_win_leaf_by_leaf(tmp_path: Path) -> None:
    first = write(tmp_path / "a.yaml", "logging: {level: debug, file_count: 3}\n")
    second = write(tmp_path / "b.yaml", "logging: {level: error}\n")
    core = read(first, second, HURACAN_LOGGING__FILE_MEGABYTES="5").core()
    assert (core.logging.level, core.logging.file_count, core.logging.file_megabytes) == ("error", 3, 5)


def test_each_leaf_knows_its_file_and_line_or_variable(tmp_path: Path) -> None:
    file = write(tmp_path / "a.yaml", "workspace: ./work\nlogging:\n  level: debug\n")
    raw = read(file, HURACAN_LOGGING__FILE_COUNT="3")
    assert raw.origins["logging.level"].text == f"{file}:3"
    assert raw.origins["logging.file_count"].text == "environment HURACAN_LOGGING__FILE_COUNT"
    said = as_options({"HURACAN_LOGGING__FILE_COUNT": "9"}, {"HURACAN_LOGGING__LEVEL": "debug"})
    told = RawSettings.read([], as_options(said, {"HURACAN_TRAINING__SYMBOLS": "top3"})).origins
    assert {name: origin.text for name, origin in told.items()} == {
        "logging.file_count": "environment HURACAN_LOGGING__FILE_COUNT", "logging.level": "command line",
        "training.symbols": "command line",
    }  # fmt: skip


def test_credential_files_are_settings_and_the_environment_wins_over_them(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    write(credentials / "shop__token", "0123456789\n")
    write(credentials / "shop__workers", "2")
    raw = read(CREDENTIALS_DIRECTORY=str(credentials), HURACAN_SHOP__WORKERS="7")
    settings, mistakes, _ = compose(raw)
    assert mistakes == []
    assert settings.section(Shop).token.get_secret_value() == "0123456789"
    assert settings.section(Shop).workers == 7
    assert raw.origins["shop.token"].text == "credential shop__token"


def test_a_folder_of_credentials_that_systemd_names_but_does_not_make_holds_none(tmp_path: Path) -> None:
    raw = read(CREDENTIALS_DIRECTORY=str(tmp_path / "none"))
    assert (raw.values, raw.notes) == ({}, ())


def test_a_folder_of_credentials_that_cannot_be_read_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(SettingsError, match=r"CREDENTIALS_DIRECTORY .*: cannot be read: NotADirectoryError"):
        read(CREDENTIALS_DIRECTORY=str(tmp_path / "file"))


@pytest.mark.parametrize(
    "name",
    [
        "shop__token~",
        ".shop__token.swp",
        "#shop__token#",
        "shop__token.bak",
        "backup-key",
        "notes.txt",
        "settings_shop~",
    ],
)
def test_a_credential_that_is_called_like_no_setting_is_passed_over_with_a_line(tmp_path: Path, name: str) -> None:
    write(tmp_path / "shop__token", "0123456789")
    (tmp_path / name).write_bytes(b"b0VIM 9.0\xff")
    raw = read(CREDENTIALS_DIRECTORY=str(tmp_path))
    settings, mistakes, _ = compose(raw)
    assert (raw.values, mistakes) == ({"shop": {"token": "0123456789"}}, [])
    assert settings.notes == (f"credential {name!r} is called like no setting (as remote__token is): passed over",)


@pytest.mark.parametrize("name", ["shpo__token", "settings_shpo__token", "shpo", "shop__tokne", "workspaec"])
def test_a_credential_that_may_be_a_slip_of_the_pen_is_a_mistake(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, "0123456789")
    raw = read(CREDENTIALS_DIRECTORY=str(tmp_path))
    _, mistakes, _ = compose(raw)
    assert raw.notes == ()
    assert len(mistakes) == 1
    assert f"credential {name.removeprefix('settings_')}: " in mistakes[0]
    assert "did you mean" in mistakes[0]
    assert "0123456789" not in mistakes[0]


def test_a_credential_may_name_a_part_with_a_dash(tmp_path: Path) -> None:
    write(tmp_path / "jobs__daily-report__retries", "7")
    assert read(CREDENTIALS_DIRECTORY=str(tmp_path)).core().jobs["daily-report"].retries == 7


def test_a_relative_path_starts_at_the_file_that_says_it(tmp_path: Path) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    file = write(folder / "a.yaml", "workspace: ../work\nexchange: {name: bazaar, path: data}\n")
    settings, mistakes, _ = compose(read(file))
    assert mistakes == []
    assert settings.core.workspace == tmp_path / "work"
    assert settings.choice("exchange").path == folder / "data"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("logging: {levle: info}\n", ':1: logging.levle is not a setting; did you mean "level"?'),
        ("wrokspace: /x\n", ':1: wrokspace is not a section; did you mean "workspace"?'),
        ("\nshop: {workers: many}\n", ":2: shop.workers: input should be a valid integer"),
        ("shop: {workers: 0}\n", ":1: shop.workers: input should be greater than or equal to 1"),
        ("shop: 3\n", ":1: shop must be a group of settings"),
        ("exchange: {name: bazar}\n", "exchange.name: no enabled plugin offers 'bazar'; did you mean \"bazaar\"?"),
        ("workspace: [1, 2]\n", ":1: workspace: input should be a path"),
        ('workspace: "a\\0b"\n', ":1: workspace: is no path"),
        ("workspace: ~nobody-has-this-name/x\n", ":1: workspace: is no path"),
        ("plugins: {disable: shop}\n", ":1: plugins.disable: input should be a list"),
        ("schedule: {pipelines: {nightly: '25:00'}}\n", ":1: schedule.pipelines: nightly is no time of day"),
        ("schedule: {pipelines: {nightly: 12:30}}\n", "write HH:MM in quotes"),
        ("jobs: {train: {time_limit: .inf}}\n", ":1: jobs.train.time_limit: input should be a finite number"),
        ("exchange: {path: x}\n", "exchange.name is missing: choose one of bazaar"),
        ("exchange: {name: bazaar, pth: x}\n", ':1: exchange.pth is not a setting; did you mean "path"?'),
    ],
)
def test_a_mistake_is_one_line_with_place_key_and_help(tmp_path: Path, text: str, line: str) -> None:
    try:
        _, mistakes, _ = compose(read(write(tmp_path / "s.yaml", text)))
    except SettingsError as error:
        mistakes = [str(error)]
    assert len(mistakes) == 1
    assert line in mistakes[0]
    assert "\n" not in mistakes[0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a: [1,\n", "is not valid YAML"),
        (b"- 1\n", "must hold named settings"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"a: \x00", "is not valid YAML"),
        (b"a: 2026-02-30\n", "holds a date or number that is none: day is out of range"),
        (b"shop: {workers: 1}\nshop: {workers: 2}\n", "shop is written twice"),
        (b"1: 2\n", "must hold named settings"),
        (b"a: " + b"[" * 5000 + b"]" * 5000, "nested too deeply"),
    ],
)
def test_a_broken_file_is_refused_with_its_name(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "s.yaml"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=words) as caught:
        read(file)
    assert str(file) in str(caught.value)


def test_a_large_file_is_read_in_a_time_that_grows_with_its_lines(tmp_path: Path) -> None:
    steps = 0

    def count(*_: object) -> None:
        nonlocal steps
        steps += 1

    def cost(lines: int) -> int:
        nonlocal steps
        steps = 0
        layer = Layer({"a": {f"k{number}": number for number in range(lines)}}, Origin("x", tmp_path), {})
        sys.setprofile(count)
        try:
            merge([layer])
        finally:
            sys.setprofile(None)
        return steps

    assert cost(400) < 3 * cost(200)


def test_a_file_that_is_asked_for_must_exist(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent\.yaml: cannot be read: No such file"):
        read(tmp_path / "absent.yaml")


@pytest.mark.parametrize("name", ["HURACAN_SHOP__WORKRS", "HURACAN_SHPO"])
def test_a_misspelt_variable_is_refused_and_named(name: str) -> None:
    _, mistakes, _ = compose(read(**{name: "2"}))
    assert len(mistakes) == 1
    assert f"environment {name}" in mistakes[0]
    assert "did you mean" in mistakes[0]


def test_a_mistake_never_shows_the_value_that_may_be_a_secret() -> None:
    _, mistakes, plugins = compose(read(HURACAN_SHOP__WORKERS="hunter2", HURACAN_SHOP__TOKEN="hunter2"))
    assert "hunter2" not in str(mistakes) + str(plugins.problems())


def test_a_mistake_in_a_plugins_section_costs_that_plugin_alone() -> None:
    plugins = Plugins(
        [shop(), stand_in("other", huracan_settings=hookimpl(lambda: [SettingsSection("bazaar", Bazaar)]))]
    )
    settings, mistakes = compose_settings(read(HURACAN_SHOP__WORKERS="x"), plugins)
    assert [info.status for info in plugins.infos()] == [PluginStatus.ENABLED, PluginStatus.BAD_SETTINGS]
    assert "bazaar" in settings.sections
    assert len(mistakes) == 1


class Odd(Section):
    """Is built when it is used first, and cannot be: it names a type that nobody knows."""

    other: NoSuchName = Field(None, description="No type.")  # type: ignore[name-defined]  # noqa: F821


def test_a_model_that_cannot_be_built_costs_its_plugin_alone() -> None:
    plugins = Plugins([shop(), stand_in("odd", huracan_settings=hookimpl(lambda: [SettingsSection("odd", Odd)]))])
    settings, [mistake] = compose_settings(read(), plugins)
    assert [info.status for info in plugins.infos()] == [PluginStatus.BAD_SETTINGS, PluginStatus.ENABLED]
    assert "shop" in settings.sections
    assert "section odd: its model cannot be built" in mistake
    assert "NoSuchName" in mistake
    assert "\n" not in mistake


def test_lists_and_groups_may_be_json_in_the_environment() -> None:
    core = read(HURACAN_PLUGINS__DISABLE='["a", "b"]', HURACAN_PLUGINS__PREFER='{"job:a": "b"}').core()
    assert core.plugins.disable == ("a", "b")
    assert core.plugins.prefer == {"job:a": "b"}


def test_an_empty_group_means_its_defaults(tmp_path: Path) -> None:
    assert read(write(tmp_path / "s.yaml", "logging:\nplugins:\n")).core().logging.level == "info"


def test_settings_are_frozen() -> None:
    core = CoreSettings()
    with pytest.raises(ValueError, match="frozen"):
        core.database = "x"  # type: ignore[misc]


leaves = st.one_of(st.integers(), st.text(max_size=5), st.booleans())
trees = st.recursive(
    st.dictionaries(st.sampled_from("abc"), leaves, max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), st.one_of(leaves, inner), max_size=3),
    max_leaves=8,
)


def flat(tree: Any, prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in tree.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found


@given(st.lists(trees, max_size=4))
def test_every_merged_leaf_comes_from_the_last_layer_that_says_it(layers: list[dict[str, Any]]) -> None:
    values, origins = merge([Layer(tree, Origin(str(i), Path("/")), {}) for i, tree in enumerate(layers)])
    merged = flat(values)
    assert merged.keys() == origins.keys()
    for key, value in merged.items():
        assert flat(layers[int(origins[key].text)])[key] == value
        for later in layers[int(origins[key].text) + 1 :]:
            assert key not in flat(later)


@given(
    st.dictionaries(st.from_regex(r"[a-z]{1,6}(__[a-z]{1,6}){0,2}", fullmatch=True), st.text(max_size=20), max_size=4)
)
def test_any_environment_is_read_or_refused_in_one_line(variables: dict[str, str]) -> None:
    environment = {f"HURACAN_{name.upper()}": value for name, value in variables.items()}
    refused = ""
    try:
        RawSettings.read([], environment).core()
    except SettingsError as error:
        refused = str(error)
    assert "Traceback" not in refused
    assert refused == "" or "environment" in refused


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plugins: {disable: [shpo]}", "plugins.disable: no plugin 'shpo' is installed; did you mean \"shop\"?"),
        ("jobs: {wrok: {retries: 1}}", ':1: jobs.wrok: there is none of that name; did you mean "work"?'),
        (
            "schedule: {pipelines: {nihgtly: '03:00'}}",
            'schedule.pipelines.nihgtly: there is none of that name; did you mean "nightly"?',
        ),
    ],
)
def test_a_name_that_nobody_has_is_a_mistake_since_it_would_do_nothing(tmp_path: Path, text: str, line: str) -> None:
    job = Job("work", "somewhere:run", "works")
    plugins = Plugins([shop(), stand_in("worker", huracan_jobs=hookimpl(lambda: [job]))])
    _, mistakes = compose_settings(read(write(tmp_path / "s.yaml", text)), plugins)
    assert len(mistakes) == 1
    assert line in mistakes[0]


def test_the_default_pipeline_is_no_mistake_where_no_plugin_has_one() -> None:
    assert compose_settings(read(), Plugins([shop()]))[1] == []


def test_a_misspelt_plugin_in_the_environment_is_refused() -> None:
    with pytest.raises(
        SettingsError, match=r"HURACAN_PLUGINS_ONLY: no plugin 'trainng' is installed; did you mean \"training\""
    ):
        load_plugins(PluginSettings(), {"HURACAN_PLUGINS_ONLY": "universe,trainng"})


@pytest.mark.parametrize(
    ("text", "pipelines"),
    [
        ("", {"nightly"}),
        ("schedule: {pipelines: {nightly: '03:00', maintenance: '04:00'}}", {"nightly", "maintenance"}),
    ],
)
def test_a_default_pipeline_goes_with_the_plugin_that_is_off_and_what_is_written_down_stays(
    tmp_path: Path, text: str, pipelines: set[str]
) -> None:
    keeper = stand_in("keeper", huracan_jobs=hookimpl(lambda: [Job("tidy", "a:b", "tidies", pipeline="maintenance")]))
    files = (write(tmp_path / "s.yaml", text),)
    on, _ = compose_settings(read(*files), Plugins([shop(), keeper]))
    assert set(on.core.schedule.pipelines) == {"nightly", "maintenance"}
    off, _ = compose_settings(read(*files), Plugins([shop(), keeper], disable=["keeper"]))
    assert set(off.core.schedule.pipelines) == pipelines
