"""The tutorial "Your first feature in 20 minutes", followed word for word."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from documents import Block, blocks
from huracan.cli import commands
from shell import differs, follow

NEEDED = "close-place,candles,exchanges,features,training,universe"
"""The plugins that the page needs: copies, reports and backups of this night are nobody's matter."""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of Huracan as its reader has it, in a folder that is thrown away: what is installed goes there.

    It sees the packages of this one, and pip asks no index and builds with what is there.
    """
    folder = tmp_path_factory.mktemp("environment") / "venv"
    venv.create(folder, symlinks=True)
    scripts = folder / "bin"
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    (site / "huracan-of-this-test.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    for name, module in (("pip", "pip"), ("huracan", "huracan"), ("pytest", "pytest")):
        (scripts / name).write_text(f'#!/bin/sh\nexec "{scripts / "python"}" -m {module} "$@"\n')
        (scripts / name).chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HURACAN_", "PIP_", "PYTEST_"))}
    # pip reads a false value as "without": https://pip.pypa.io/en/stable/topics/configuration/#environment-variables
    pip = {"PIP_NO_BUILD_ISOLATION": "false", "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    return {
        **kept, **pip, "PATH": f"{scripts}:{os.environ['PATH']}", "VIRTUAL_ENV": str(folder), "COLUMNS": "100",
        "PYTHONPATH": os.pathsep.join(each for each in sys.path if each.startswith(str(_repository()))),
        "HURACAN_PLUGINS_ONLY": NEEDED, "NO_COLOR": "1", "PIP_ROOT_USER_ACTION": "ignore",
    }  # fmt: skip


def _repository() -> Path:
    return Path(__file__).resolve().parents[2]


def _here(block: Block, text: str) -> bool:
    """Say whether a block is for this machine: what is for a server, or needs a command that is not there, is not."""
    before = text.splitlines()[block.line - 2]
    if before == "<!-- on a server -->":
        return False
    needed = re.fullmatch(r"<!-- needs: huracan (\S+) -->", before)
    return needed is None or any(each.name == needed[1] for each in commands.BUILT_IN)


@pytest.mark.slow
def test_every_step_of_the_page_works_and_shows_what_the_page_says(
    repository: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    page = repository / "docs" / "tutorial" / "first-feature.md"
    text = page.read_text("utf-8")
    followed = follow([each for each in blocks(page) if _here(each, text)], tmp_path, environment, seconds=900)
    assert len(followed) > 10
    found = differs(followed)
    assert not found, "\n\n".join(found)


@pytest.mark.parametrize(
    ("shown", "is_right"),
    [
        ("$ printf 'a  1\\nb\\nc 2.5\\n'\na 1\n...\nc …", True),
        ("$ printf 'a 1\\nb\\n'\na 1", False),
        ("$ printf 'a 1\\n'\na 2", False),
        ("$ cat file\nwhat stands in it", True),
        ("$ false", False),
        ("$ (exit 3)\n$ echo $?\n3", True),
        ("$ (exit 3)\n$ echo $?\n2", False),
        ("$ word=one\n$ echo $word \\\n> two\none two", True),
    ],
)
def test_a_page_that_shows_something_else_is_found_out(shown: str, is_right: bool, tmp_path: Path) -> None:
    page = [Block("text", "# file.md\n", 1), Block("console", shown, 3)]
    (tmp_path / "file").write_text("what stands in it\n")
    assert (differs(follow(page, tmp_path, os.environ, seconds=10)) == []) is is_right
    assert (tmp_path / "file.md").read_text("utf-8") == "# file.md\n"
