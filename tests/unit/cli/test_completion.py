"""The Tab key completes what there is: tried in the shells themselves."""

from __future__ import annotations

import argparse
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from huracan.cli import commands
from huracan.cli.completion import SHELLS, full_parser, script
from huracan.cli.main import main

Complete = Callable[..., list[str]]


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The script of each shell, of an installation with the bundled plugins and default settings."""
    folder = tmp_path_factory.mktemp("completion")
    arguments = argparse.Namespace(config=[], verbose=False, no_color=False, symbols=None)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HURACAN_PLUGINS_ONLY", "HURACAN_TRACE"):
            patch.delenv(name, raising=False)
        parser = full_parser(arguments)
    made = {shell: folder / f"huracan.{shell}" for shell in SHELLS}
    for shell, path in made.items():
        path.write_text(script(parser, shell), "utf-8")
    return made


def _need(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed here")


@pytest.fixture
def complete(scripts: dict[str, Path], tmp_path: Path) -> Complete:
    """Complete the last of some words in a bash that has nothing but the script."""
    (tmp_path / "settings.yaml").touch()
    (tmp_path / "folder").mkdir()

    def completed(*words: str) -> list[str]:
        line = (
            f'source {scripts["bash"]}; function="$(complete -p huracan)"; function="${{function#*-F }}";'
            f"COMP_WORDS=({shlex.join(words)}); COMP_CWORD={len(words) - 1};"
            '"${function%% *}" huracan "${COMP_WORDS[COMP_CWORD]}"; printf "%s\\n" "${COMPREPLY[@]}"'
        )
        done = subprocess.run(
            ["bash", "--norc", "--noprofile", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.stderr == ""
        return sorted(filter(None, done.stdout.splitlines()))

    return completed


def test_every_command_is_completed_those_of_plugins_too(complete: Complete) -> None:
    found = complete("huracan", "")
    assert {each.name for each in commands.BUILT_IN} <= set(found)
    assert {"backup", "export", "alerts"} <= set(found)
    assert not {"job", "service", "tell-trading"} & set(found)  # Huracan's own affairs
    assert complete("huracan", "pl") == ["plugins"]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["run", "night"], ["nightly"]),
        (["run", "cand"], ["candles"]),
        (["-c", "x.yaml", "run", "night"], ["nightly"]),
        (["plugins", "tr"], ["trace"]),
        (["plugins", "check", "train"], ["training"]),
        (["plugins", "trace", "run", "nigh"], ["nightly"]),
        (["alerts", "test", "tele"], ["telegram"]),
        (["export", "trade_h"], ["trade_history"]),
        (["completion", "z"], ["zsh"]),
        (["run", "--fo"], ["--force"]),
        (["plugins", "trace", "--k"], ["--keep"]),
        (["run", "nightly", "--due"], []),
        (["-c", "sett"], ["settings.yaml"]),
        (["plugins", "trace", "--keep", "fol"], ["folder"]),
        (["units", "render", "--out", ""], ["folder"]),
    ],
    ids=" ".join,
)
def test_what_is_typed_is_completed(words: list[str], wanted: list[str], complete: Complete) -> None:
    assert complete("huracan", *words) == wanted


def test_zsh_reads_its_script(scripts: dict[str, Path], tmp_path: Path) -> None:
    _need("zsh")
    line = (
        f'autoload -U compinit; compinit -u -d {tmp_path}/dump; eval "$(cat {scripts["zsh"]})"; print $_comps[huracan]'
    )
    done = subprocess.run(["zsh", "-f", "-c", line], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert "_shtab_huracan" in done.stdout


def test_fish_completes_with_its_script(scripts: dict[str, Path], tmp_path: Path) -> None:
    _need("fish")
    for typed, wanted in (
        ("huracan plug", "plugins"),
        ("huracan run night", "nightly"),
        ("huracan run --fo", "--force"),
    ):
        line = f"source {scripts['fish']}; complete -C {shlex.quote(typed)}"
        done = subprocess.run(
            ["fish", "--no-config", "-c", line],
            capture_output=True,
            text=True,
            check=False,
            env={"HOME": str(tmp_path)},
        )
        assert wanted in [each.split("\t")[0] for each in done.stdout.splitlines()], done.stderr


def test_the_command_prints_the_script(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HURACAN_PLUGINS_ONLY", "monitor")
    settings = tmp_path / "settings.yaml"
    settings.write_text("workspace: ./work\n", "utf-8")
    assert main(["-c", str(settings), "completion", "bash"]) == 0
    assert "-F _shtab_huracan huracan" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["settings.yaml"]


def test_settings_that_cannot_be_read_cost_the_names_alone(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["-c", str(tmp_path / "none.yaml"), "completion", "bash"]) == 0
    printed = capsys.readouterr()
    assert "_shtab_huracan_run_option_strings" in printed.out
    assert printed.err.startswith("huracan: without names of jobs and the like: ")


def test_another_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "tcsh"]) == 2
    assert "choose from" in capsys.readouterr().err
