"""``huracan settings``: what holds, where it comes from, and that no secret is ever shown."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Literal

import pytest
import yaml
from pydantic import Field, SecretStr

from huracan.cli.settings_text import MASK, describe, flow, masked, plain
from huracan.config import Section, SettingsPath

Run = Callable[..., "subprocess.CompletedProcess[str]"]


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Inner(Section):
    """The inner group."""

    limit: float = Field(0.5, ge=0, lt=1, description="A limit.")


class Outer(Section):
    """The outer group."""

    name: Literal["outer"]
    colour: Colour = Field(Colour.BLUE, description="A colour.")
    path: SettingsPath = Field(Path("data"), description="A path.")
    token: SecretStr = Field(SecretStr("hunter2"), description="A secret.")
    names: tuple[str, ...] = Field(("a", "b"), description="Names.")
    maybe: int | None = Field(None, gt=0, description="A number or nothing.")
    inner: Inner = Field(Inner(limit=0.25), description="An inner group.")
    many: dict[str, Inner] = Field(default_factory=dict, description="Inner groups by name.")


def test_every_kind_of_setting_is_described_in_words() -> None:
    kinds = {item.dotted: (item.kind, item.default) for item in describe(Outer, "x.")}
    assert kinds == {
        "x.name": ("outer", "outer"),
        "x.colour": ("red | blue", "blue"),
        "x.path": ("path", "data"),
        "x.token": ("secret text", MASK),
        "x.names": ("list of text", ["a", "b"]),
        "x.maybe": ("whole number or empty, > 0", None),
        "x.inner": ("group", {}),
        "x.inner.limit": ("number, >= 0, < 1", 0.25),
        "x.many": ("group of settings by name", {}),
    }


def test_a_group_by_name_says_what_each_entry_may_hold() -> None:
    text = next(item.description for item in describe(Outer, "") if item.name == "many")
    assert text == "Inner groups by name. Each entry may hold limit: A limit (number, >= 0, < 1)."


@pytest.mark.parametrize("value", [None, True, 3, 0.5, "", "02:00", "yes", "a: b", [], ["x", 1], {"a": "02:00"}, "é"])
def test_a_value_on_one_line_is_read_back_the_same(value: object) -> None:
    text = flow(value)
    assert "\n" not in text
    assert yaml.safe_load(text) == value


def test_secrets_become_the_mask_and_empty_ones_stay_empty() -> None:
    assert plain({"a": SecretStr("x"), "b": SecretStr("")}) == {"a": MASK, "b": ""}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:pa:ss@host:5432/db", f"postgresql://me:{MASK}@host:5432/db"),
        ("postgresql://:pass@host/db", f"postgresql://:{MASK}@host/db"),
        ("postgresql://me:p%40ss@host/db", f"postgresql://me:{MASK}@host/db"),
        ("postgresql://host/db?user=me&password=pass&sslmode=on", f"postgresql://host/db?user=me&password={MASK}&sslmode=on"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("sqlite:////var/lib/huracan/huracan.db", "sqlite:////var/lib/huracan/huracan.db"),
        ("no url: at all@x", "no url: at all@x"),
    ],
)  # fmt: skip
def test_a_password_inside_a_url_is_hidden(url: str, shown: str) -> None:
    assert masked(url) == shown


def test_every_source_is_named_and_no_secret_is_shown(
    huracan: Run, settings_file: Path, tmp_path: Path, stranger_path: str
) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "stranger__token").write_text("t0ken-from-a-file\n", "utf-8")
    (credentials / "stranger__url").write_text("http://s3same", "utf-8")
    with settings_file.open("a", encoding="utf-8") as file:
        file.write("database: postgresql://me:geheim@host/db\n")
    environment = {
        "CREDENTIALS_DIRECTORY": str(credentials),
        "HURACAN_LOGGING__FILE_COUNT": "3",
        "PYTHONPATH": stranger_path,
    }
    table = huracan("-c", str(settings_file), "settings", "show", **environment)
    done = huracan("-c", str(settings_file), "settings", "show", "--json", **environment)
    for output in (table, done):
        assert output.returncode == 0, output.stderr
        assert "geheim" not in output.stdout + output.stderr
        assert "t0ken" not in output.stdout + output.stderr
        assert "s3same" not in output.stdout + output.stderr, "whatever comes as a credential is a secret"
    shown = {entry["name"]: (entry["value"], entry["origin"]) for entry in json.loads(done.stdout)["settings"]}
    assert shown["database"] == (f"postgresql://me:{MASK}@host/db", f"{settings_file}:3")
    assert shown["logging.file_count"] == (3, "environment HURACAN_LOGGING__FILE_COUNT")
    assert shown["logging.level"] == ("info", "default")
    assert shown["stranger.token"] == (MASK, "credential stranger__token")
    assert shown["workspace"] == (str(tmp_path / "work"), f"{settings_file}:1")


def test_verbose_is_one_more_setting(huracan: Run, settings_file: Path) -> None:
    done = huracan("-v", "-c", str(settings_file), "settings", "show", "--json")
    shown = {entry["name"]: entry["value"] for entry in json.loads(done.stdout)["settings"]}
    assert shown["logging.level"] == "debug"


def test_a_mistake_in_the_settings_is_one_line_each(huracan: Run, settings_file: Path) -> None:
    settings_file.write_text("workspase: ./work\nlogging: {levle: info, file_count: none}\n", "utf-8")
    done = huracan("-c", str(settings_file), "settings", "show")
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert len(lines) >= 2
    assert all(line.startswith(f"huracan: {settings_file}:") for line in lines)
    assert 'logging.levle is not a setting; did you mean "level"?' in done.stderr


def test_the_sample_is_printed_even_where_the_settings_are_broken(huracan: Run, settings_file: Path) -> None:
    settings_file.write_text("workspace: [", "utf-8")
    done = huracan("-c", str(settings_file), "settings", "sample")
    assert done.returncode == 0
    assert "#workspace: /var/lib/huracan" in done.stdout


def test_the_sample_shows_the_settings_of_a_strangers_plugin(huracan: Run, stranger_path: str) -> None:
    done = huracan("settings", "sample", PYTHONPATH=stranger_path)
    assert "# What the plugin stranger goes by. (plugin stranger)\n#stranger:\n" in done.stdout
    assert "#  # Where alerts are posted to; empty: nowhere. (text)\n#  url: ''\n" in done.stdout
