"""The package of a new plugin as texts by path: a pure function of its name, its parts and its author."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huracan import API_VERSION, __version__
from huracan.authoring.parts import Part
from huracan.errors import UsageError

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["Author", "Package", "render"]

_TEMPLATES = Path(__file__).with_name("templates")
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST_NAME = 24
_LINE = 120
_AUTHOR = re.compile(r"(?P<name>[^<>]+?)\s*(<(?P<email>[^<>\s@]+@[^<>\s@]+)>)?")
_LIBRARIES = {"httpx": "httpx>=0.27", "numpy": "numpy>=2.0", "pydantic": "pydantic>=2.10"}

_PROJECT = {
    "pyproject.toml": "project/pyproject.toml",
    "README.md": "project/README.md",
    "CHANGELOG.md": "project/CHANGELOG.md",
    "LICENSE": "project/LICENSE",
    ".gitignore": "project/gitignore",
    ".github/workflows/ci.yml": "project/ci.yml",
    "tests/conftest.py": "tests/conftest.py",
    "tests/test_plugin.py": "tests/test_plugin.py",
}


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes the plugin; empty: nobody says."""

    name: str = ""
    email: str = ""

    @classmethod
    def read(cls, text: str) -> Author:
        """Read ``Ada Lovelace <ada@example.org>``, or a name alone. Raises UsageError for anything else."""
        found = _AUTHOR.fullmatch(text.strip())
        if found is None or not text.isprintable() or len(text) > 100:
            raise UsageError(f'--author: {text[:100]!r} is no author; write one as "Ada Lovelace <ada@example.org>"')
        return cls(found["name"], found["email"] or "")


@dataclass(frozen=True)
class Package:
    """A plugin that is to be made. Raises UsageError for a name that packages, units and settings cannot have."""

    name: str
    parts: Sequence[Part]
    author: Author = Author()

    def __post_init__(self) -> None:
        if self.name.startswith("huracan-"):
            raise UsageError(
                f"leave out huracan-: `huracan plugin new {self.name.removeprefix('huracan-')}` makes {self.name}"
            )
        if not _NAME.fullmatch(self.name) or len(self.name) > _LONGEST_NAME:
            raise UsageError(
                f"{self.name!r} cannot be the name of a plugin: up to {_LONGEST_NAME} small letters, digits and single "
                "dashes, the first of them a letter"
            )

    @property
    def snake(self) -> str:
        """The name as Python and settings write it."""
        return self.name.replace("-", "_")

    @property
    def module(self) -> str:
        return f"huracan_{self.snake}"

    @property
    def distribution(self) -> str:
        return f"huracan-{self.name}"

    @cached_property
    def templates(self) -> Mapping[str, str]:
        """The template of each file by its path inside the package's folder."""
        source = f"src/{self.module}"
        files = {**_PROJECT, f"{source}/__init__.py": "package/__init__.py", f"{source}/py.typed": "package/py.typed"}
        for part in self.parts:
            for template in (f"package/{part.name}.py", *part.files):
                files[template.replace("package/", f"{source}/")] = template
            files[f"tests/test_{part.name}.py"] = f"tests/test_{part.name}.py"
        return files

    def offered(self) -> list[tuple[str, str]]:
        """Return the names that it takes: the method of ``Plugins`` that knows those of others, and the name."""
        return [
            (kind, form.format(name=self.name, snake=self.snake)) for kind, form in (each.offers for each in self.parts)
        ]


def render(package: Package) -> dict[str, str]:
    """Return the text of every file by its path inside the package's folder: the same package, the same bytes."""
    environment, told = _environment(), _told(package)
    return {
        path: environment.get_template(f"{template}.jinja").render(told)
        for path, template in sorted(package.templates.items())
    }


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(_TEMPLATES), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, autoescape=False,
    )  # fmt: skip
    made.filters["toml"] = _toml
    return made


def _told(package: Package) -> dict[str, Any]:
    """Return what the templates are told."""
    libraries = sorted({name for part in package.parts for name in part.libraries})
    minor = ".".join(__version__.split(".")[:2])
    return {
        "name": package.name,
        "snake": package.snake,
        "package": package.module,
        "distribution": package.distribution,
        "parts": [part.name for part in package.parts],
        "described": package.parts,
        "with_nights": "package/nights.py" in package.templates.values(),
        "author": package.author,
        "api": API_VERSION,
        "requirements": [f"huracan-engine>={minor}", *(_LIBRARIES[name] for name in libraries)],
        "import_values": _import_line("huracan.types", [name for part in package.parts for name in part.values]),
    }


def _import_line(module: str, names: Sequence[str]) -> str:
    """Write an import as ruff does: on one line where it fits, else a name a line."""
    line = f"from {module} import {', '.join(sorted(names))}"
    if len(line) <= _LINE:
        return line
    return f"from {module} import (\n" + "".join(f"    {name},\n" for name in sorted(names)) + ")"


def _toml(text: str) -> str:
    """Write a text as a basic string of TOML, which takes the escapes of JSON."""
    return json.dumps(text, ensure_ascii=False)
