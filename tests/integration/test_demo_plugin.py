"""The demo plugin as a package of a stranger: built by its backend, installed by pip, in an environment of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from packages import DEMO

pytestmark = pytest.mark.slow

Done = subprocess.CompletedProcess[str]


def call(*words: str | Path, folder: Path) -> Done:
    done = subprocess.run(
        [str(word) for word in words], cwd=folder, capture_output=True, text=True, check=False, timeout=300,
        env={name: value for name, value in os.environ.items() if not name.startswith("HURACAN_")},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that sees what is installed here, Huracan and the build backend among it."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    (found,) = folder.glob("lib/python*/site-packages")
    # A folder that is named alone would not have its own .pth files read, and Huracan is one of those.
    line = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    (found / "huracan-tests.pth").write_text(line, "utf-8")
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def installed(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the demo plugin that was installed from, without a network."""
    package = tmp_path_factory.mktemp("stranger") / "huracan-stranger"
    shutil.copytree(DEMO, package, ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
    options = ["--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", "--no-build-isolation"]
    call(environment, "-m", "pip", "install", *options, package, folder=package.parent)
    return package


def test_it_is_a_plugin_like_any_other(environment: Path, installed: Path) -> None:
    shown = call(environment, "-m", "huracan", "plugins", "--json", folder=installed.parent)
    (found,) = [each for each in json.loads(shown.stdout)["plugins"] if each["name"] == "stranger"]
    assert (found["status"], found["error"]) == ("enabled", None)
    assert (found["distribution"], found["version"]) == ("huracan-stranger", "0.1.0")
    assert len(found["hooks"]) == 16
    where = "import huracan_stranger; print(huracan_stranger.__file__)"
    assert str(environment.parent.parent) in call(environment, "-c", where, folder=installed.parent).stdout


def test_it_passes_its_own_tests_where_it_is_installed(environment: Path, installed: Path) -> None:
    done = call(environment, "-m", "pytest", "-q", "-p", "no:cacheprovider", folder=installed)
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


def test_the_templates_come_with_the_wheel(repository: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(repository / name, clone)
    for name in ("daemon", "plugins"):
        shutil.copytree(repository / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    call(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path, folder=clone)
    (wheel,) = tmp_path.glob("*.whl")
    wanted = {path.relative_to(repository / "daemon").as_posix() for path in (repository / "daemon").rglob("*.jinja")}
    assert len(wanted) > 40
    assert wanted <= set(zipfile.ZipFile(wheel).namelist())
