"""Bundled plugins are ordinary, small and cheap to load: the command line loads all of them at every start."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from huracan.config import CoreSettings, Settings
from huracan.plugin import spec
from huracan.plugin.installed import own_plugins
from huracan.plugin.manager import Plugins
from huracan.run.graph import jobs_to_run

HOOKS = {name for name in vars(spec) if name.startswith("huracan_")}
BUNDLED = sorted(
    own_plugins(),
    key=lambda entry: entry.name,
)
HEAVY = {
    "alembic", "apscheduler", "lightgbm", "numpy", "polars", "psutil", "pydantic", "pydantic_settings", "rich", "scipy",
    "sqlalchemy", "talib", "yaml",
}  # fmt: skip

bundled = pytest.mark.parametrize("entry", BUNDLED, ids=lambda entry: entry.name)


def _file(entry: EntryPoint) -> Path:
    return Path(inspect.getfile(importlib.import_module(entry.value)))


def test_every_plugin_folder_is_an_entry_point(repository: Path) -> None:
    folders = sorted(path.parent.name for path in (repository / "plugins").glob("*/__init__.py"))
    assert sorted(entry.value for entry in BUNDLED) == folders


@bundled
def test_a_bundled_plugin_implements_known_hooks_only_and_at_least_one(entry: EntryPoint) -> None:
    module = importlib.import_module(entry.value)
    names = {name for name, value in vars(module).items() if inspect.isfunction(value) and name.startswith("huracan_")}
    assert names
    assert names <= HOOKS


@bundled
def test_the_main_file_of_a_bundled_plugin_is_short(entry: EntryPoint) -> None:
    assert len(_file(entry).read_text("utf-8").splitlines()) <= 120


@bundled
def test_the_main_file_of_a_bundled_plugin_imports_only_the_contract(entry: EntryPoint) -> None:
    imported = set()
    for node in ast.parse(_file(entry).read_text("utf-8")).body:
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module or "")
    allowed = {"__future__", "collections.abc", "typing", "huracan", "huracan.types"}
    assert imported <= allowed, "import what is heavy inside the hook function"


def test_loading_all_bundled_plugins_loads_no_library() -> None:
    modules = [entry.value for entry in BUNDLED]
    code = (
        "import importlib, json, sys\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout)
    assert HEAVY & set(loaded) == set()


@pytest.mark.parametrize("how", ["disabled", "not there"])
@pytest.mark.parametrize(
    "off", [("export",), ("reports",), ("backup",), ("training",), ("universe",), ("candles",), ("backup", "reports")]
)
def test_the_night_keeps_its_order_whatever_is_switched_off(off: tuple[str, ...], how: str) -> None:
    everything = jobs_to_run("nightly", Plugins(BUNDLED), Settings(CoreSettings()))
    there = [each for each in BUNDLED if each.name not in off]
    plugins = Plugins(BUNDLED, disable=off) if how == "disabled" else Plugins(there)
    jobs = jobs_to_run("nightly", plugins, Settings(CoreSettings()))
    assert [job.name for job in jobs] == [job.name for job in everything if job.name in plugins.jobs()]
    assert jobs[-1].name == "finish"
    assert jobs[-1].after  # it is run again, and copies, where anything before it was
