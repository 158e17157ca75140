"""What the documents tell an owner to type, and what they say of alerts, exists as it is written."""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.util
import inspect
import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from huracan.cli import commands
from huracan.cli.main import make_parser
from huracan.cli.settings_text import sections
from huracan.errors import UsageError
from huracan.plugin import spec
from huracan.plugin.installed import own_plugins
from huracan.plugin.manager import Plugins

PLACEHOLDERS = {"NAME", "PIPELINE"}


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return Plugins(own_plugins())


@pytest.fixture(scope="module")
def pages(repository: Path) -> dict[str, str]:
    """The text of each page by its path; a changelog may name what is gone."""
    files = [repository / "README.md", repository / "plugins" / "README.md", *(repository / "docs").rglob("*.md")]
    return {file.relative_to(repository).as_posix(): _as_followed(file.read_text("utf-8")) for file in sorted(files)}


def _as_followed(text: str) -> str:
    """Leave out the blocks that say they need a command which is not there."""
    known = {each.name for each in commands.BUILT_IN}
    needing = r"^<!-- needs: huracan (\S+) -->\n```.*?^```\n"
    return re.sub(needing, lambda each: each[0] * (each[1] in known), text, flags=re.DOTALL | re.MULTILINE)


# ----------------------------------------------------------------------------------------------------------- commands


def typed_lines(text: str) -> Iterator[str]:
    """Yield the command lines that a page shows in its blocks."""
    for language, block in re.findall(r"^ *```([a-z]*)\n(.*?)^ *```", text, flags=re.DOTALL | re.MULTILINE):
        if language not in ("console", "sh", "bash", ""):
            continue
        for line in re.sub(r"\\\n *", " ", block).splitlines():
            prompt = re.match(r" *[$#] (.*)", line) if language == "console" else re.match(r" *(?:\$ )?(.*)", line)
            if prompt and "huracan" in prompt[1] and "──" not in prompt[1]:  # that is a drawing
                yield prompt[1]


def huracan_commands(line: str) -> Iterator[list[str]]:
    """Yield the words behind each ``huracan`` of a command line, also of one inside ``$(...)``."""
    for inner in re.findall(r"\$\((huracan [^|)]*)", line):
        yield shlex.split(inner)[1:]
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, "#"
    words: list[str] = []
    for token in [*lexer, ";"]:
        if set(token) <= set("();<>|&"):
            words = _without_prefix(words)
            if words and Path(words[0]).name == "huracan":
                yield words[1:]
            words = []
        else:
            words.append(token)


def _without_prefix(words: list[str]) -> list[str]:
    """Leave out sudo with the user that it names, and variables that are set for the command alone."""
    while words and (words[0] == "sudo" or re.match(r"[A-Z_]+=", words[0])):
        words = words[3:] if words[:2] == ["sudo", "-u"] else words[1:]
    return words


class Line:
    """Parses a command line as the product does, but starts nothing."""

    def __init__(self, plugins: Plugins, invented: Iterable[str] = ()) -> None:
        offered = plugins.commands()
        self._modules = {each.name: each.module for each in (*commands.BUILT_IN, *commands.INTERNAL, *offered.values())}
        self._parsers: dict[str, argparse.ArgumentParser] = {}
        jobs = plugins.jobs().values()
        self._invented = set(invented)
        self._runnable = {*PLACEHOLDERS, *invented, *(job.name for job in jobs), *(job.pipeline for job in jobs)}

    def mistake(self, words: list[str], *, whole: bool = True) -> str | None:
        """Return what is wrong with the words behind ``huracan``; a line that is not ``whole`` may lack arguments."""
        while words and words[0].startswith("-"):
            if words[0] in ("--version", "--help"):
                return None
            if words[0] not in ("-c", "--config", "-v", "--verbose", "--no-color"):
                return f"huracan has no option {words[0]}"
            words = words[2:] if words[0] in ("-c", "--config") else words[1:]
        if not words:
            return None
        name, *rest = words
        if name not in self._modules:
            return None if f"command {name}" in self._invented else f"there is no command {name}"
        if name not in self._parsers:
            self._parsers[name] = make_parser(name, importlib.import_module(self._modules[name]))
        try:
            arguments = self._parsers[name].parse_args(rest)
        except UsageError as error:
            lacks = re.search("are required|expected one argument|invalid choice: '[A-Z]+'", str(error))
            return None if lacks and not whole else str(error)
        except SystemExit:
            return None  # --help
        target = arguments.name if name in ("run", "start", "stop") else None
        return None if target is None or target in self._runnable else f"there is no pipeline or job {target}"


def names_of_examples(pages: dict[str, str]) -> list[str]:
    """Return the names of jobs and services that pages declare themselves, to show how, and ``command NAME``."""
    found = [
        each for text in pages.values()
        for each in re.findall(r'(?<!\w)(Job|Service|Command)\(\s*(?:name=)?"([a-z-]+)"', text)
    ]  # fmt: skip
    return [f"command {name}" if kind == "Command" else name for kind, name in found]


def test_every_command_line_in_a_block_can_be_typed(pages: dict[str, str], plugins: Plugins) -> None:
    line, seen, wrong = Line(plugins, names_of_examples(pages)), 0, []
    for page, text in pages.items():
        for typed in typed_lines(text):
            for words in huracan_commands(typed):
                seen += 1
                if (mistake := line.mistake(words)) is not None:
                    wrong.append(f"{page}: {typed}\n    {mistake}")
    assert not wrong, "\n".join(wrong)
    assert seen > 100


def test_every_command_inside_a_sentence_exists_with_its_options(pages: dict[str, str], plugins: Plugins) -> None:
    line, seen, wrong = Line(plugins, names_of_examples(pages)), 0, []
    for page, text in pages.items():
        prose = re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
        for typed in re.findall(r"(?<!`)`((?:sudo )?huracan [a-z-][^`]*)`(?!`)", prose):
            for words in huracan_commands(" ".join(typed.replace("...", "").split())):
                seen += 1
                if (mistake := line.mistake(words, whole=False)) is not None:
                    wrong.append(f"{page}: {typed}\n    {mistake}")
    assert not wrong, "\n".join(wrong)
    assert seen > 150


@pytest.mark.parametrize(
    ("typed", "mistake"),
    [
        ("sudo huracan cleanup --dry", None),  # argparse takes what is clear
        ("huracan cleanup --dryer", "dryer"),
        ("FOO=1 .venv/bin/huracan -c a.yaml run nightlier", "nightlier"),
        ("cat x | huracan backup lst && true", "lst"),
        ('echo "$(huracan histry --json | cat)"', "histry"),
    ],
)
def test_a_line_that_is_wrong_is_found(typed: str, mistake: str | None, plugins: Plugins) -> None:
    found = [Line(plugins).mistake(words) for words in huracan_commands(typed)]
    assert found
    assert mistake is None or any(mistake in (each or "") for each in found)


def test_every_unit_of_a_job_or_service_in_the_documents_is_declared(pages: dict[str, str], plugins: Plugins) -> None:
    known = {"job": {*plugins.jobs(), *PLACEHOLDERS}, "service": {*plugins.services(), *PLACEHOLDERS}}
    wrong = []
    for page, text in pages.items():
        for kind, name in re.findall(r"huracan-(job|service)@([A-Za-z-]+)", text):
            if name not in known[kind] and name not in names_of_examples(pages):
                wrong.append(f"{page}: huracan-{kind}@{name}")
    assert wrong == []


def test_every_verb_and_option_of_the_installer_exists(pages: dict[str, str], repository: Path) -> None:
    usage = (repository / "install.sh").read_text("utf-8").partition("<<'TEXT'")[2].partition("\nTEXT")[0]
    for page, text in pages.items():
        for verb, options in re.findall(r"\./install\.sh ([a-z]+)((?: --[a-z-]+)*)", text):
            assert f"./install.sh {verb}" in usage, f"{page}: {verb}"
            for option in options.split():
                assert option in usage, f"{page}: {verb} {option}"


# ----------------------------------------------------------------------------------------------------------- settings


def test_every_setting_that_the_handbook_names_exists(pages: dict[str, str], plugins: Plugins) -> None:
    known = {item.dotted for _, _, items in sections(plugins) for item in items}
    titles = {name.partition(".")[0] for name in known}
    handbook = {page: text for page, text in pages.items() if page.startswith("docs/operations/")}
    named = {
        name
        for text in handbook.values()
        for name in re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)(?:: [^`]*)?`", text)
        if name.partition(".")[0] in titles and name not in sent_kinds_of_file(pages["docs/operations/alerts.md"])
    }
    assert len(named) > 15
    assert (
        sorted(name for name in named if not any(each == name or each.startswith(f"{name}.") for each in known)) == []
    )


# ------------------------------------------------------------------------------------------------------------- alerts


COMPUTED = {
    ("alerts/trading.py", "kind"): {"kill.on", "kill.off", "breaker.tripped", "breaker.released"},
    ("alerts/delivery.py", "kind"): set(),  # passes on what a channel tells; the channel's own call is seen
}
"""Kinds of the calls whose first argument is no literal, by file and what stands there."""

NOT_TOLD = {"self-test"}
"""Made in a store of its own, for nobody."""


def _kind_of(node: ast.AST) -> tuple[str, ast.expr] | None:
    """Return the function and the kind of a call that sends or makes an event, also one that partial prepares."""
    if not isinstance(node, ast.Call):
        return None
    parts = [node.func, *node.args]
    names = [each.attr if isinstance(each, ast.Attribute) else getattr(each, "id", "") for each in parts]
    where = 1 if names[0] == "partial" else 0
    if len(parts) < where + 2 or names[where] not in ("emit", "Event"):
        return None
    return names[where], parts[where + 1]


def sent_kinds(repository: Path) -> set[str]:
    """Return the kinds of all events that the core and the bundled plugins send."""
    found: set[str] = set()
    for path in [*(repository / "daemon").rglob("*.py"), *(repository / "plugins").rglob("*.py")]:
        text = path.read_text("utf-8")
        if "testing" in path.parts or not re.search(r"\b(emit|Event)\b", text):
            continue
        for node in ast.walk(ast.parse(text)):
            function, kind = _kind_of(node) or ("", None)
            if isinstance(kind, ast.Constant):
                found.add(str(kind.value))
            elif kind is not None and function == "emit":  # an Event is also made of what the store holds
                found |= COMPUTED[f"{path.parent.name}/{path.name}", ast.unparse(kind)]
    return found - NOT_TOLD


def sent_kinds_of_file(text: str) -> set[str]:
    return set(re.findall(r"^### `([^`]+)`$", text, flags=re.MULTILINE))


def test_the_handbook_says_of_each_alert_what_it_means(pages: dict[str, str], repository: Path) -> None:
    assert sent_kinds_of_file(pages["docs/operations/alerts.md"]) == sent_kinds(repository)


def test_kinds_that_are_computed_are_those_of_the_code(repository: Path) -> None:
    from huracan.alerts import trading

    assert (
        set(re.findall(r'"([a-z]+\.[a-z]+)"', inspect.getsource(trading._kind)))
        == COMPUTED["alerts/trading.py", "kind"]
    )


# ----------------------------------------------------------------------------------------------- the picture of hooks


@pytest.fixture(scope="module")
def drawing(repository: Path) -> ModuleType:
    found = importlib.util.spec_from_file_location("drawing", repository / "docs" / "make_night_picture.py")
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    import sys

    sys.modules["drawing"] = module  # dataclasses look their module up
    found.loader.exec_module(module)
    return module


def test_the_picture_of_hooks_is_what_is_declared(drawing: ModuleType, plugins: Plugins) -> None:
    assert drawing.PICTURE.read_text("utf-8") == drawing.draw(plugins), "run: python docs/make_night_picture.py"


def test_the_picture_names_every_hook_and_the_job_that_asks_it(drawing: ModuleType, plugins: Plugins) -> None:
    picture = drawing.draw(plugins)
    for name, function in vars(spec).items():
        if not name.startswith("huracan_"):
            continue
        assert f">{name}<" in picture, name
        for job in re.findall(r"in the job ``([a-z-]+)``", function.__doc__ or ""):
            assert name.removeprefix("huracan_") in drawing.JOBS[job], (name, job)
    assert set(drawing.JOBS) <= set(plugins.jobs())
    assert set(drawing.SERVICES) <= set(plugins.services())
