"""What the rendered pages have in common."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from pathlib import Path

from huracan import types as values
from huracan.plugin.installed import own_plugins
from huracan.plugin.manager import Plugins

__all__ = ["NOTE", "ROOT", "as_markdown", "bundled", "column_table"]

ROOT = Path(__file__).resolve().parent.parent.parent
NOTE = "<!-- Rendered by docs/render.py: change the code, then run it again. -->\n"


def bundled() -> Plugins:
    """Load the bundled plugins alone: what else is installed here is no part of the documents."""
    return Plugins(own_plugins())


def as_markdown(thing: object) -> str:
    """Return a docstring as one paragraph per blank line, with Markdown's marks instead of reST's."""
    text = inspect.getdoc(thing) or ""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text).replace("``", "`")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def column_table(columns: Iterable[values.Column]) -> str:
    """Return a table of what stands in each column."""
    rows = (f"| `{each.name}` | {each.kind.value} | {each.unit} | {each.meaning} |\n" for each in columns)
    return "| column | kind | unit | meaning |\n| --- | --- | --- | --- |\n" + "".join(rows)
