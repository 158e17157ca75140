"""What `huracan plugin new` makes: the demo plugin is that, and any part alone keeps every rule of plugins."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import EntryPoint, distributions
from pathlib import Path

import pytest

from huracan.authoring.folder import write_folder
from huracan.authoring.package import Author, Package, render
from huracan.authoring.parts import PARTS, chosen
from huracan.cli.plugin import NAMES
from huracan.errors import UsageError
from huracan.plugin import spec
from huracan.plugin.manager import Plugins
from huracan.testing import assert_plugin
from packages import DEMO, lay_metadata

CACHES = {"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
COMBINED = (
    "check,settings", "gate,universe,settings", "job,service,backup", "features,job,trainer,notify", "chat,command",
)  # fmt: skip


def make(name: str, parts: str, folder: Path) -> Path:
    """Make a package and return its folder."""
    package = Package(name, chosen([parts])[0])
    write_folder(folder / package.distribution, render(package))
    return folder / package.distribution


# -------------------------------------------------------------------------------------------------------- demo plugin


def test_the_demo_plugin_is_what_the_command_makes_with_every_part() -> None:
    made = render(Package("stranger", chosen(["all"])[0]))
    there = {
        path.relative_to(DEMO).as_posix(): path.read_bytes()
        for path in DEMO.rglob("*")
        if path.is_file() and not CACHES & set(path.relative_to(DEMO).parts)
    }
    again = "made anew with: rm -r tests/demo_plugin; huracan plugin new stranger --with all --out tests/demo_plugin"
    assert sorted(there) == sorted(made), again
    assert [path for path, text in made.items() if there[path] != text.encode()] == [], again


def test_there_is_a_part_for_every_hook_and_the_help_names_them_all() -> None:
    asked = {f"huracan_{part.offers[0]}" for part in PARTS.values()}
    assert asked == {name for name in vars(spec) if name.startswith("huracan_")}
    assert list(NAMES) == [*PARTS, "all"]


# ------------------------------------------------------------------------------------------------- parts by themselves


@pytest.fixture
def installed_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Make a package with these parts; afterwards nobody knows it any more."""
    made: list[str] = []
    yield made
    for name in [name for name in sys.modules if made and name.partition(".")[0] == made[0]]:
        del sys.modules[name]


@pytest.mark.parametrize("parts", [*PARTS, *COMBINED])
def test_a_plugin_with_these_parts_keeps_every_rule(
    parts: str, installed_one: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"made-{'-'.join(part[:3] for part in parts.split(','))}"
    installed_one.append(f"huracan_{name.replace('-', '_')}")
    for path in lay_metadata(make(name, parts, tmp_path), tmp_path / "metadata"):
        monkeypatch.syspath_prepend(path)
    assert_plugin(name, import_seconds=20.0, answer_seconds=60.0)
    entry = _entry_point(tmp_path / "metadata")
    plugins = Plugins([entry])
    plugins.ask_everything()
    (info,) = plugins.infos()
    wanted = {f"huracan_{part.offers[0]}" for part in chosen([parts])[0]}
    assert (info.error, set(info.hooks)) == ("", wanted)


def _entry_point(metadata: Path) -> EntryPoint:
    (distribution,) = distributions(path=[str(metadata)])
    (entry,) = distribution.entry_points
    return entry


@pytest.mark.parametrize("parts", ["features", "job,service"])
def test_a_plugin_with_these_parts_passes_its_own_tests(parts: str, tmp_path: Path) -> None:
    package = make("own-tests", parts, tmp_path)
    path = os.pathsep.join([*map(str, lay_metadata(package, tmp_path / "metadata")), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", str(package)],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


def test_what_is_made_is_formatted_and_without_a_mistake_whatever_it_is_called(tmp_path: Path) -> None:
    for name in ("x", "no-memes", "a-name-of-twenty-4-chars"):
        for parts in ("all", *PARTS, *COMBINED):
            package = Package(name, chosen([parts])[0], Author("Ada Lovelace", "ada@example.org"))
            write_folder(tmp_path / f"{name}-{parts}", render(package))
    for words in (["check", "--output-format", "concise"], ["format", "--diff"]):
        done = subprocess.run(["ruff", *words, tmp_path], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


# ------------------------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize("name", ["", "No", "1x", "a--b", "-a", "a-", "a_b", "ä", "a b", "../x", "x" * 25, "a\n"])
def test_a_name_that_cannot_be_used_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a plugin: up to 24 small letters"):
        Package(name, ())


def test_a_name_with_our_prefix_is_told_what_to_type() -> None:
    with pytest.raises(UsageError, match="leave out huracan-: `huracan plugin new mine` makes huracan-mine"):
        Package("huracan-mine", ())


def test_parts_are_known_by_name_and_bring_what_they_need() -> None:
    found, brought = chosen(["job, features", "notify"])
    assert [part.name for part in found] == ["settings", "job", "features", "notify"]
    assert [part.name for part in brought] == ["settings"]
    assert chosen(["settings,notify"])[1] == []
    assert [part.name for part in chosen(["all"])[0]] == list(PARTS)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("featurs", r"there is no part 'featurs'; did you mean \"features\"\?"),
        ("job,hook", r"there is no part 'hook'; known here: all, backup, chat"),
        ("", r"--with names no part; known here: settings, job"),
        (" , ", r"--with names no part"),
    ],
)
def test_a_part_that_there_is_not_is_told_the_nearest(words: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        chosen([words])


def test_the_author_stands_in_project_and_licence_whatever_letters_it_has() -> None:
    author = Author.read('Zoë "Z" O\'Neil\\ <zoe@example.org>')
    files = render(Package("mine", chosen(["gate"])[0], author))
    assert tomllib.loads(files["pyproject.toml"])["project"]["authors"] == [
        {"name": 'Zoë "Z" O\'Neil\\', "email": "zoe@example.org"}
    ]
    assert 'Copyright (c) Zoë "Z" O\'Neil\\\n' in files["LICENSE"]
    nameless = tomllib.loads(render(Package("mine", chosen(["gate"])[0], Author.read("Ada")))["pyproject.toml"])
    assert nameless["project"]["authors"] == [{"name": "Ada"}]


@pytest.mark.parametrize("text", ["<ada@example.org>", "Ada <ada>", "Ada\nBob", "A" * 101, "Ada <a@b> x"])
def test_what_is_no_author_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r'is no author; write one as "Ada Lovelace <ada@example\.org>"'):
        Author.read(text)
