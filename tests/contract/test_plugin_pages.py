"""The pages docs/how-to/plugins: each is a package that works, keeps the rules of its kind and passes its own tests."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from documents import blocks, files, lay_files
from huracan.cli import commands
from huracan.cli.main import make_parser
from huracan.plugin import spec
from huracan.testing.plugin_rules import subject

PAGES = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "plugins"
CALLED_OTHERWISE = {"section": "settings", "feature set": "feature"}
KINDS = {hook: CALLED_OTHERWISE.get(kind, kind.replace(" ", "-")) for hook, kind in subject.KINDS.items()}
"""The page of each hook."""
CHECKED_BY = {
    "exchange": "assert_exchange(", "universe-rule": "assert_universe_rule(", "feature": "assert_features(",
    "trainer": "assert_trainer(", "gate": "assert_gate(", "export": "assert_export(", "notifier": "assert_notifier(",
    "remote": "assert_remote_store(",
}  # fmt: skip
"""The check of the kit for each kind that has one."""
PARTS = ("When it", "Limits and errors", "Testing it", "How it looks")
"""What every page has a section about."""

TESTS = [
    (kind, name)
    for kind in sorted(KINDS.values())
    for path, text in files(PAGES / f"{kind}.md").items()
    if path.startswith("tests/")
    for name in re.findall(r"^def (test_\w+)", text, flags=re.MULTILINE)
]


def _package(kind: str) -> str:
    (name,) = {path.partition("/")[0] for path in files(PAGES / f"{kind}.md") if path.startswith("huracan_")}
    return name


def _plugin(kind: str) -> str:
    return _package(kind).removeprefix("huracan_").replace("_", "-")


@pytest.fixture
def tests_of_page(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ModuleType]:
    """Lay the page's package as an installed one, and load its module of tests."""
    kind: str = request.param
    folder, package = tmp_path_factory.mktemp("installed"), _package(kind)
    lay_files(files(PAGES / f"{kind}.md"), folder)
    about = folder / f"{package}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package.replace('_', '-')}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[huracan]\n{_plugin(kind)} = {package}\n")
    monkeypatch.syspath_prepend(folder)
    (file,) = (folder / "tests").glob("test_*.py")
    described = importlib.util.spec_from_file_location(f"page_{file.stem}", file)
    assert described
    assert described.loader
    module = importlib.util.module_from_spec(described)
    try:
        described.loader.exec_module(module)
        yield module
    finally:
        for name in [each for each in sys.modules if each.partition(".")[0] == package]:
            del sys.modules[name]


@pytest.mark.parametrize(("tests_of_page", "name"), TESTS, indirect=["tests_of_page"])
def test_a_page_keeps_what_it_promises(tests_of_page: ModuleType, name: str, request: pytest.FixtureRequest) -> None:
    test = getattr(tests_of_page, name)
    wanted = list(inspect.signature(test).parameters)
    cases = [each for mark in getattr(test, "pytestmark", []) for each in _cases(mark)] or [{}]
    for case in cases:
        test(**case, **{each: request.getfixturevalue(each) for each in wanted if each not in case})


def _cases(mark: pytest.Mark) -> Iterator[dict[str, object]]:
    """Yield the arguments of each case of ``pytest.mark.parametrize``."""
    assert mark.name == "parametrize"
    names, values = mark.args
    for each in values:
        yield dict(zip(names, each, strict=True))


# --------------------------------------------------------------------------------------------------- what a page holds


def test_every_hook_has_a_page_and_every_page_a_hook() -> None:
    assert sorted(KINDS) == sorted(name for name in vars(spec) if name.startswith("huracan_"))
    assert sorted(path.stem for path in PAGES.glob("*.md")) == sorted(KINDS.values())


@pytest.mark.parametrize("hook", sorted(KINDS))
def test_a_page_shows_its_hook_and_all_that_is_asked_about_it(hook: str) -> None:
    kind = KINDS[hook]
    text, shown = (PAGES / f"{kind}.md").read_text("utf-8"), files(PAGES / f"{kind}.md")
    assert f"def {hook}()" in shown[f"{_package(kind)}/__init__.py"]
    titles = re.findall(r"^## (.*)$", text, flags=re.MULTILINE)
    assert all(any(title.startswith(part) for title in titles) for part in PARTS), titles
    (tests,) = (text for path, text in shown.items() if path.startswith("tests/"))
    assert f'assert_plugin("{_plugin(kind)}")' in tests
    assert CHECKED_BY.get(kind, "") in tests


@pytest.mark.parametrize("kind", sorted(KINDS.values()))
def test_every_python_block_of_a_page_is_a_file_of_its_package(kind: str) -> None:
    loose = [each.line for each in blocks(PAGES / f"{kind}.md", "python") if not each.file]
    assert loose == []


@pytest.mark.parametrize("kind", sorted(KINDS.values()))
def test_every_command_of_a_page_can_be_typed(kind: str) -> None:
    lines = [line for each in blocks(PAGES / f"{kind}.md", "console") for line in each.text.splitlines()]
    typed = [shlex.split(line[2:], comments=True) for line in lines if line.startswith("$ ")]
    for words in ([word for word in each if word != "sudo"] for each in typed):
        if words[0] == "huracan" and words[1:] not in (["--help"], ["sizes"]):
            command = commands.find(words[1], {}, [])
            make_parser(command.name, importlib.import_module(command.module)).parse_args(words[2:])
