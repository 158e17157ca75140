"""`huracan plugin new` as a person types it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from huracan.cli.main import main


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_it_says_what_was_made_and_what_to_type_next(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugin", "new", "mine", "--with", "features,notify"]) == 0
    said = capsys.readouterr().out
    python = sys.executable
    assert said == (
        "huracan-mine is in huracan-mine/\n"
        "\n"
        "  settings  a section of the settings\n"
        "  features  two columns for the models\n"
        "  notify    an alert channel that posts to a server\n"
        "\n"
        "settings came along: notify needs it.\n"
        "\n"
        "next:\n"
        f"  {python} -m pip install -e './huracan-mine[test]'  # install it beside this Huracan\n"
        f"  {python} -m pytest huracan-mine                    # its own tests, which pass\n"
        f"  {python} -m huracan plugins                        # how it stands\n"
        "\n"
        "Then replace what the modules in huracan-mine/src/huracan_mine do by what yours is for.\n"
    )
    assert Path("huracan-mine/src/huracan_mine/features.py").is_file()


def test_programs_get_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "elsewhere"
    assert main(["plugin", "new", "mine", "--with", "notify", "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["name"], told["distribution"], told["package"]) == ("mine", "huracan-mine", "huracan_mine")
    assert (told["folder"], told["parts"], told["brought"]) == (str(out), ["settings", "notify"], ["settings"])
    assert sorted(told["files"]) == sorted(
        path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()
    )
    assert told["next"][1] == f"{sys.executable} -m pytest {out}"


def test_without_a_word_it_brings_features() -> None:
    assert main(["plugin", "new", "mine"]) == 0
    assert sorted(path.name for path in Path("huracan-mine/src/huracan_mine").iterdir()) == [
        "__init__.py", "features.py", "py.typed",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["Mine"], "'Mine' cannot be the name of a plugin: up to 24 small letters, digits and single dashes"),
        (["mine", "--with", "trainers"], "there is no part 'trainers'; did you mean \"trainer\"?"),
        (["training"], "a plugin training is installed already (huracan-engine "),
        (["status", "--with", "command"], "the command status is Huracan's own; choose another name"),
        (["trades", "--with", "command"], "the command trades is one of plugin safety; choose another name"),
        (["schedule", "--with", "settings"], "the section of the settings schedule is Huracan's own"),
        (["disk", "--with", "remote"], "the remote disk is Huracan's own"),
        (["simulated", "--with", "exchange"], "the exchange simulated is one of plugin exchanges"),
        (["mine", "--author", "<>"], "--author: '<>' is no author"),
        (["mine", "--out", "there"], "there is there already and is left alone; choose another folder with --out"),
        (["mine", "--out", "gone/new"], "gone/new cannot be written: No such file or directory"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2_and_makes_nothing(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("there").mkdir()
    assert main(["plugin", "new", *words]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    (line,) = told.err.splitlines()
    assert said in line
    assert [path.name for path in Path().iterdir()] == ["there"]


def test_a_package_that_only_its_module_shows_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "path" / "huracan_mine").mkdir(parents=True)
    (tmp_path / "path" / "huracan_mine" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path / "path")
    assert main(["plugin", "new", "mine"]) == 2
    assert "a package huracan_mine is installed already" in capsys.readouterr().err
