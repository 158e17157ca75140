"""Plugins that are written, installed and thrown away: as distributions on the path, found by their metadata."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, distributions
from pathlib import Path
from textwrap import dedent

import pytest

GOOD = '''
"""A plugin that keeps every rule."""

from __future__ import annotations

from huracan import hookimpl
from huracan.types import Job

HURACAN_API = 2


@hookimpl
def huracan_jobs() -> list[Job]:
    return [Job("tidy", "strange_work.work:run", "tidies up", pipeline="strange")]
'''
WORK = """
from huracan.types import JobResult


def run(context):
    return JobResult()
"""


@pytest.fixture
def write_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., EntryPoint]]:
    """Write a package ``strange_work`` with a distribution around it, and return its entry point ``strange``.

    ``main`` is its ``__init__.py``, the others are modules beside it.
    """

    def write(main: str = GOOD, **modules: str) -> EntryPoint:
        package = tmp_path / "site" / "strange_work"
        package.mkdir(parents=True)
        for name, source in {"__init__": main, "work": WORK, **modules}.items():
            (package / f"{name}.py").write_text(dedent(source).lstrip(), "utf-8")
        about = tmp_path / "site" / "strange_work-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: strange-work\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text("[huracan]\nstrange = strange_work\n")
        monkeypatch.syspath_prepend(str(tmp_path / "site"))
        (distribution,) = distributions(path=[str(tmp_path / "site")])
        (entry,) = distribution.entry_points.select(group="huracan")
        return entry

    yield write
    for name in [each for each in sys.modules if each.partition(".")[0] == "strange_work"]:
        del sys.modules[name]
