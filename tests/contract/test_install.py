"""install.sh as somebody meets it who types what it does not know, or whose machine lacks something.

What it does as root is tested in tests/systemd, on a machine of its own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

SYSTEM_TOOLS = ("bash", "cat", "cut", "dirname", "mkdir", "mv", "sed", "sha256sum", "env")


def _run(script: Path, *arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [shutil.which("bash") or "/bin/bash", str(script), *arguments],
        capture_output=True, text=True, check=False, env={**os.environ, **({"PATH": path} if path else {})},
        cwd=script.parent,
    )  # fmt: skip


@pytest.fixture
def clone(repository: Path, tmp_path: Path) -> Path:
    """The script in a folder of its own, with a space in its path and nothing installed beside it."""
    folder = tmp_path / "a clone"
    folder.mkdir()
    for name in ("install.sh", "pyproject.toml", "constraints.txt"):
        shutil.copy(repository / name, folder / name)
    shutil.copytree(repository / "tools", folder / "tools")
    return folder / "install.sh"


@pytest.fixture
def bare_path(tmp_path: Path) -> Path:
    """A PATH with the tools of a bare system, where apt-get is missing and so is Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in SYSTEM_TOOLS:
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    return folder


def test_help_says_every_command(clone: Path) -> None:
    done = _run(clone, "--help")
    assert done.returncode == 0
    for command in ("demo", "test", "install", "upgrade", "uninstall"):
        assert f"install.sh {command}" in done.stdout


# None of these gets as far as looking at the machine: this one may be somebody's server, and the tests may be root.
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("install", "--purge"), "install does not know --purge"),
        (("upgrade", "--dry-run", "9.9"), "upgrade does not know 9.9"),
        (("uninstall", "--now"), "uninstall does not know --now"),
        (("install", "--settings"), "--settings needs a file"),
        (("install", "--settings", "/nowhere/settings.yaml"), "/nowhere/settings.yaml cannot be read"),
    ],
)
def test_a_wrong_option_is_one_line_and_exit_code_2(clone: Path, arguments: tuple[str, ...], said: str) -> None:
    done = _run(clone, *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(Path("/run/systemd/system").exists(), reason="systemd runs here")
@pytest.mark.parametrize("command", ["install", "upgrade", "uninstall"])
def test_where_no_systemd_runs_services_are_refused_in_one_line(clone: Path, command: str) -> None:
    done = _run(clone, command, "--dry-run")
    assert done.returncode == 1
    assert "systemd does not run here" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", [(), ("deploy",), ("demo", "a", "b")])
def test_anything_else_prints_the_usage_and_is_exit_code_2(clone: Path, arguments: tuple[str, ...]) -> None:
    done = _run(clone, *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: ./install.sh demo")
    assert done.stdout == ""


def test_without_python_the_command_to_type_is_printed(clone: Path, bare_path: Path) -> None:
    done = _run(clone, "demo", path=str(bare_path))
    assert done.returncode == 1
    assert "sudo apt-get install -y python3 python3-venv" in done.stderr
    assert not (clone.parent / ".venv").exists()
    assert not (clone.parent / "demo").exists()


def test_a_python_that_is_too_old_is_not_taken(clone: Path, bare_path: Path) -> None:
    old = bare_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n", "ascii")
    old.chmod(0o755)
    done = _run(clone, "demo", path=str(bare_path))
    assert done.returncode == 1
    assert "Python 3.11 or newer with venv is missing" in done.stderr


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_the_scripts_pass_shellcheck(repository: Path) -> None:
    done = subprocess.run(
        ["shellcheck", "-x", "-a", "install.sh", ".ci/run", "tests/systemd/box.sh"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""
    assert done.returncode == 0


def test_ci_runs_the_command_of_the_readme(repository: Path) -> None:
    assert "exec ./install.sh test" in (repository / ".ci" / "run").read_text("utf-8")
    assert "./install.sh test" in (repository / "README.md").read_text("utf-8")
    assert os.access(repository / ".ci" / "run", os.X_OK)


def test_everything_that_is_needed_is_pinned(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = {_name(line) for line in [*project["dependencies"], *extras["test"], *extras["postgresql"]]}
    pins = [line for line in (repository / "constraints.txt").read_text("utf-8").splitlines() if line[0] != "#"]
    assert all("==" in line for line in pins)
    assert wanted - {"huracan-engine"} <= {_name(line) for line in pins}, "made anew as its head says"


def _name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower().replace("_", "-")
