"""What is written down agrees with what the code says."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from jsonschema import Draft202012Validator

from documents import blocks
from huracan.cli import commands
from huracan.cli.help import EXIT_CODES
from huracan.config import CHOICE_SECTIONS, CORE_SECTIONS, CoreSettings, RawSettings
from huracan.errors import ExitCode
from huracan.settings_sources import Layer, Origin, merge

RENDERED = (
    "etc/settings.yaml",
    "docs/reference/settings.md",
    "docs/reference/hooks.md",
    "docs/reference/hook-changes.md",
    "docs/reference/exit-codes.md",
    "docs/reference/cli.md",
    "docs/reference/exports.md",
    "docs/reference/performance-analysis.md",
    "docs/reference/events.md",
    "docs/reference/schemas.md",
    "docs/decisions/README.md",
)


@pytest.fixture(scope="module")
def render(repository: Path) -> Iterator[ModuleType]:
    """docs/render.py, as Python finds it where it is run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(repository / "docs")
        yield importlib.import_module("render")


@pytest.fixture(scope="module")
def documents(render: ModuleType) -> dict[str, str]:
    texts: dict[str, str] = render.documents()
    return texts


@pytest.mark.parametrize("name", RENDERED)
def test_a_rendered_file_is_what_the_code_says(name: str, documents: dict[str, str], repository: Path) -> None:
    assert (repository / name).read_text("utf-8") == documents[name], "run: python docs/render.py"


def test_no_rendered_file_is_left_out_of_the_comparison(documents: dict[str, str]) -> None:
    assert sorted(name for name in documents if not name.startswith("units/")) == sorted(RENDERED)


def test_every_export_that_is_a_json_document_has_its_schema(documents: dict[str, str], repository: Path) -> None:
    sections = [each for each in documents["docs/reference/exports.md"].split("\n## ") if "File: `json`" in each]
    assert len(sections) == 3
    for section in sections:
        link = re.search(r"JSON Schema is \[[a-z_]+\]\(\.\./\.\./([^)]+)\)", section)
        assert link, section.splitlines()[0]
        schema = json.loads((repository / link[1]).read_text("utf-8"))
        Draft202012Validator.check_schema(schema)
        assert schema["$id"] == Path(link[1]).name


def test_every_document_that_has_a_schema_stands_among_what_lies_where(repository: Path) -> None:
    named = [(repository / "docs" / "reference" / name).read_text("utf-8") for name in ("artefacts.md", "exports.md")]
    for path in (repository / "plugins").glob("*/schemas/*.schema.json"):
        schema = json.loads(path.read_text("utf-8"))
        Draft202012Validator.check_schema(schema)
        assert schema["$id"] == path.name
        shown = re.compile(rf"`([^`]*/)?{re.escape(schema['title'])}`|/{re.escape(path.name)}\)")
        assert any(shown.search(text) for text in named), schema["title"]


# ---------------------------------------------------------------------------------------------------- the sample file


def _uncommented_sections(text: str) -> dict[str, list[str]]:
    """Return each group of the sample with its leading "#" taken away, by the name of its section."""
    found: dict[str, list[str]] = {}
    for block in re.split(r"\n\n+", text):
        lines = [line[1:] for line in block.splitlines() if re.match(r"^#( {2,}#|( {2})*[a-z_]+:)", line)]
        if lines:
            found.setdefault(lines[0].partition(":")[0], []).append("\n".join(lines))
    return found


def test_the_sample_is_all_comment_and_changes_nothing(repository: Path) -> None:
    assert yaml.safe_load((repository / "etc" / "settings.yaml").read_text("utf-8")) is None


def test_the_sample_without_its_comment_marks_gives_the_defaults(repository: Path, render: ModuleType) -> None:
    from huracan.plugin.settings import compose_settings

    found = _uncommented_sections((repository / "etc" / "settings.yaml").read_text("utf-8"))
    plugins = render.bundled()
    assert set(found) == {*CORE_SECTIONS, *CHOICE_SECTIONS, *plugins.settings()}
    values: dict[str, object] = {}
    for name, groups in found.items():
        if name not in CHOICE_SECTIONS:
            (group,) = groups
            values |= yaml.safe_load(group)
    settings, mistakes = compose_settings(
        RawSettings(*merge([Layer(values, Origin("sample", Path("/")), {})])), plugins
    )
    assert mistakes == []
    assert settings.core.model_dump(exclude={"workspace"}) == CoreSettings().model_dump(exclude={"workspace"})
    for name, section in plugins.settings().items():
        assert settings.sections[name] == section.model(), name


def test_every_choice_of_exchange_and_remote_is_in_the_sample(repository: Path, render: ModuleType) -> None:
    found = _uncommented_sections((repository / "etc" / "settings.yaml").read_text("utf-8"))
    plugins = render.bundled()
    for title, offers in (("exchange", plugins.exchanges()), ("remote", plugins.remotes())):
        assert {yaml.safe_load(group)[title]["name"] for group in found[title]} == set(offers)


def test_every_setting_is_described(render: ModuleType) -> None:
    from huracan.cli.settings_text import sections

    for _, owner, items in sections(render.bundled()):
        for item in items:
            assert item.description.strip(), f"{item.dotted} of {owner} has no description"


def test_units_holds_no_unit_that_nobody_declares(repository: Path, render: ModuleType) -> None:
    found = {path.relative_to(repository).as_posix() for path in (repository / "units").rglob("*.*") if path.is_file()}
    assert found - {"units/README.md"} == {name for name in render.documents() if name.startswith("units/")}


# ------------------------------------------------------------------------------------------------------------ by hand


def test_the_reference_names_every_command_and_exit_code(repository: Path, render: ModuleType) -> None:
    text = (repository / "docs" / "reference" / "cli.md").read_text("utf-8")
    for command in (*commands.BUILT_IN, *render.bundled().commands().values()):
        assert f"| [`huracan {command.name}`](#huracan-{command.name}) | {command.help} |" in text, command.name
    codes = (repository / "docs" / "reference" / "exit-codes.md").read_text("utf-8")
    for code in ExitCode:
        assert re.search(rf"\| *{int(code)} *\|", codes), code
        assert EXIT_CODES[code]
    readme = (repository / "README.md").read_text("utf-8")
    assert "(docs/reference/cli.md)" in readme
    assert "(docs/reference/exit-codes.md)" in readme


def test_every_link_inside_the_documents_leads_somewhere(repository: Path) -> None:
    pages = [repository / "README.md", repository / "plugins" / "README.md", *(repository / "docs").rglob("*.md")]
    broken = []
    for page in pages:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
            if "://" not in target and not (page.parent / target.partition("#")[0]).exists():
                broken.append(f"{page.relative_to(repository)}: {target}")
    assert broken == []


def test_python_in_the_authors_guide_compiles(repository: Path) -> None:
    pages = [repository / "plugins" / "README.md", *(repository / "docs").rglob("*.md")]
    # The reference shows signatures of hooks.
    examples = [(page, each) for page in pages if page.parent.name != "reference" for each in blocks(page, "python")]
    assert len(examples) > 40
    for page, example in examples:
        compile(example.text, f"{page}:{example.line}", "exec", dont_inherit=True)


def test_every_setting_named_in_documents_exists(repository: Path, render: ModuleType) -> None:
    """Settings files shown in the documents are read as the product reads them."""
    from huracan.plugin.settings import compose_settings

    for page in ("README.md", "docs/tutorial/first-night.md"):
        examples = re.findall(r"```yaml\n(.*?)```", (repository / page).read_text("utf-8"), flags=re.DOTALL)
        assert examples, page
        for example in examples:
            raw = RawSettings(*merge([Layer(yaml.safe_load(example), Origin(page, Path("/")), {})]))
            _, mistakes = compose_settings(raw, render.bundled())
            assert mistakes == [], page
