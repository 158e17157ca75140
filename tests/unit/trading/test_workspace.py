"""The workspace is found as the settings find it, and also where they are broken."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from huracan import settings_sources, workspace
from huracan.config import CoreSettings, RawSettings
from huracan.errors import SettingsError
from huracan.workspace import find_workspace, guess_workspace


@pytest.fixture(autouse=True)
def no_etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    etc = tmp_path / "etc"
    (etc / "conf.d").mkdir(parents=True)
    monkeypatch.setattr(settings_sources, "ETC", etc)
    monkeypatch.setattr(workspace, "ETC", etc)
    return etc


def test_its_constants_are_those_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert workspace.ETC == settings_sources.ETC
    assert CoreSettings().workspace == workspace.DEFAULT


@pytest.mark.parametrize(
    "texts",
    [
        ("",),
        ("workspace: ./work\n",),
        ("workspace: '/srv/a b'  # with a comment\n",),
        ("{workspace: ../other, database: ''}\n",),
        ("workspace: &place ~/huracan\nlogging: {level: info}\n",),
        ("workspace: one\n", "workspace: two\n"),
        ("workspace: one\n", "logging: {level: debug}\n"),
        ("workspace: one\n", "workspace: null\n"),
        ("workspace: >-\n  folded\n  name\n",),
        ("---\nworkspace: 'ünï'\n...\n",),
    ],
)
@pytest.mark.parametrize(
    "variables",
    [{}, {"HURACAN_WORKSPACE": "from/here"}, {"huracan_workspace": "lower"}, {"HURACAN_WORKSPACE": ""}],
)
@pytest.mark.parametrize(
    ("credential", "name"),
    [(None, ""), ("/run/elsewhere", "workspace"), ("near", "workspace"), ("/run/loaded", "sealed_Workspace")],
)
def test_it_is_the_one_that_the_settings_say(
    tmp_path: Path, texts: tuple[str, ...], variables: dict[str, str], credential: str | None, name: str
) -> None:
    files = []
    for number, text in enumerate(texts):
        files.append(tmp_path / f"folder{number}" / "settings.yaml")
        files[-1].parent.mkdir()
        files[-1].write_text(text, "utf-8")
    if credential is not None:
        (tmp_path / "credentials").mkdir()
        (tmp_path / "credentials" / name).write_text(credential + "\n")
        variables = {**variables, "CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
    assert find_workspace(files, variables) == (RawSettings.read(files, variables).core().workspace, [])


def test_without_files_it_reads_etc_as_the_settings_do(no_etc: Path) -> None:
    assert find_workspace(None, {}) == (workspace.DEFAULT, [])
    (no_etc / "settings.yaml").write_text("workspace: first\n")
    (no_etc / "conf.d" / "b.yaml").write_text("workspace: b\n")
    (no_etc / "conf.d" / "a.yaml").write_text("workspace: a\n")
    assert find_workspace(None, {})[0] == RawSettings.read(None, {}).core().workspace == no_etc / "conf.d" / "b"


def test_the_credential_of_a_folder_that_systemd_loaded_wins_as_in_the_settings(tmp_path: Path) -> None:
    for name in ("sealed_workspace", "settings_workspace"):
        (tmp_path / name).write_text(f"/srv/{name}")
    variables = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert find_workspace([], variables) == (RawSettings.read([], variables).core().workspace, [])


def refuse(monkeypatch: pytest.MonkeyPatch, *refused: Path) -> None:
    """Let these files be closed to this user, which root cannot have done for real."""
    read_text = Path.read_text

    def refusing(path: Path, *arguments: str | None, **more: str | None) -> str:
        if path in refused:
            raise PermissionError(13, "Permission denied")
        return read_text(path, *arguments, **more)

    monkeypatch.setattr(Path, "read_text", refusing)


def test_a_file_of_conf_d_that_this_user_may_not_read_is_passed_over_with_a_line(
    no_etc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = no_etc / "conf.d" / "dropbox.yaml"
    secret.write_text("remote: {name: dropbox}\n")
    (no_etc / "settings.yaml").write_text("workspace: first\n")
    refuse(monkeypatch, secret)
    found, [note] = find_workspace(None, {})
    assert found == no_etc / "first"
    assert note.startswith(f"{secret}: may not be read by this user and is passed over")
    refuse(monkeypatch, no_etc / "settings.yaml")
    with pytest.raises(SettingsError, match="--workspace DIR"):
        find_workspace(None, {})
    with pytest.raises(SettingsError, match="--workspace DIR"):
        find_workspace([secret], {})  # it was named


@pytest.mark.parametrize(
    "text",
    [
        "workspace: ./work\nexchange: {name: [\n",
        "workspace: ./work\nworkspace: ./work\n",
        "exchange: {nonsense: 1}\nplugins: 7\nworkspace: ./work\n",
        "a: b: c\nworkspace: './work'\n",
        "workspace: ./work\nnote: \x01\n",
        "workspace: ./work\n\ttabs: everywhere\n",
    ],
)
def test_it_is_found_in_settings_that_are_broken_otherwise(tmp_path: Path, text: str) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(text, "utf-8")
    assert find_workspace([file], {})[0] == tmp_path / "work"


def test_a_file_that_is_no_yaml_is_told_of(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("workspace: ./work\nexchange: {name: [\n")
    [note] = find_workspace([file], {})[1]
    assert "is not valid YAML" in note


def test_a_stronger_source_needs_no_weaker_one(tmp_path: Path) -> None:
    assert find_workspace([tmp_path / "nosuch.yaml"], {"HURACAN_WORKSPACE": "/srv/x"})[0] == Path("/srv/x")


@pytest.mark.parametrize("text", [None, "workspace: 7\n", "workspace: [a]\n", "workspace: {a: b}\n"])
def test_where_it_cannot_be_known_it_says_what_to_type(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "settings.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(SettingsError, match="--workspace DIR"):
        find_workspace([file], {})


def test_a_plain_line_is_enough_to_guess_it(no_etc: Path, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (no_etc / "settings.yaml").write_text(f"# mine\nworkspace: {tmp_path}/work  # a note\nexchange: {{name: files}}\n")
    (no_etc / "conf.d" / "a.yaml").write_text("database: ''\n")
    assert guess_workspace(None, {}) == find_workspace(None, {})[0] == tmp_path / "work"
    (no_etc / "conf.d" / "b.yaml").write_text("workspace: '../quoted'\n")
    assert guess_workspace(None, {}) is None
    assert guess_workspace([no_etc / "settings.yaml"], {"HURACAN_WORKSPACE": "elsewhere"}) is None
    assert guess_workspace([tmp_path / "nosuch.yaml"], {}) is None
    (tmp_path / "work").rmdir()
    assert guess_workspace([no_etc / "settings.yaml"], {}) is None, "it is to be asked whether that is the right one"


@given(
    value=st.one_of(
        st.sampled_from(["./work", "/", "~/work", "..", "./work # x", "null", "work/x"]), st.text(max_size=9)
    ),
    rest=st.dictionaries(st.text(max_size=12), st.one_of(st.text(), st.lists(st.text(), max_size=3)), max_size=4),
    style=st.sampled_from([None, False, True]),
    width=st.integers(5, 90),
)
def test_a_guess_at_what_yaml_wrote_is_right(
    tmp_path_factory: pytest.TempPathFactory, value: str, rest: dict[str, object], style: bool | None, width: int
) -> None:
    folder = tmp_path_factory.mktemp("guess")
    (folder / "work").mkdir()
    file = folder / "settings.yaml"
    values = {**rest, "workspace": value}
    file.write_text(yaml.safe_dump(values, default_flow_style=style, width=width, allow_unicode=True), "utf-8")
    guessed = guess_workspace([file], {})
    assert guessed is None or guessed == find_workspace([file], {})[0]
