"""What the site has and the Markdown pages do not: its tree, the reference from docstrings, pages of linked files.

A link such as ``../../daemon/huracan/types/work.py`` leads to the file on a code host. On the site it leads to a page
with its text: nothing outside the site is needed, and a link to a file that is gone is an error when it is built.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

ROOT = Path(__file__).resolve().parent.parent
SOURCE = "source"

TREE = {
    "Overview": ["../README"],
    "Tutorials": ["tutorial/first-night", "tutorial/*"],
    "How-to guides": ["how-to/install", "how-to/*"],
    "Operations": ["operations/README", "operations/first-day", "operations/good-night", "operations/*"],
    "Writing plugins": ["../plugins/README", "how-to/*/*"],
    "Reference": ["reference/cli", "reference/settings", "reference/*"],
    "Explanation": ["explanation/architecture", "explanation/supervision", "explanation/*"],
    "Project": ["decisions/README", "../CHANGELOG"],
}
"""The sidebar by heading. Patterns take in every page that is not named before, so that none is forgotten."""

REFERENCE = (
    "huracan", "huracan.plugin.spec", "huracan.types", "huracan.context", "huracan.errors", "huracan.config",
    "huracan.paths", "huracan.remote.base", "huracan.testing", "huracan.testing.fixtures",
)  # fmt: skip
"""Modules of the contract with plugins, in the order of docs/reference/python.md."""

LANGUAGES = {
    ".json": "json", ".py": "python", ".service": "ini", ".sh": "bash", ".toml": "toml", ".yaml": "yaml",
}  # fmt: skip


def setup(app: Sphinx) -> dict[str, Any]:
    """Take part in the build."""
    app.connect("source-read", _add_what_only_the_site_has)
    app.connect("doctree-read", _lead_to_pages_of_files, priority=400)  # before downloads are collected at 500
    app.connect("env-purge-doc", _forget)
    app.connect("env-merge-info", _merge)
    app.connect("missing-reference", _name_beside_the_reference)
    app.connect("html-collect-pages", _pages_of_files)
    app.connect("build-finished", _lead_from_the_top)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": 1}


# ------------------------------------------------------------------------------------------------ tree and reference


def _add_what_only_the_site_has(_app: Sphinx, docname: str, content: list[str]) -> None:
    if docname == "docs/README":
        content[0] += "".join(_tree(caption, _pages(patterns)) for caption, patterns in TREE.items())
    elif docname.startswith("docs/decisions/") and docname != "docs/decisions/README":
        content[0] = (
            f"---\norphan: true\n---\n{content[0]}"  # their index lists them; in every sidebar they are too many
        )
    elif docname == "docs/reference/python":
        content[0] += "".join(f"\n## {name}\n\n```{{eval-rst}}\n.. automodule:: {name}\n```\n" for name in REFERENCE)


def _pages(patterns: list[str]) -> list[str]:
    """Return the pages below docs that match, in the order of the patterns, each once."""
    found = (sorted(ROOT.glob(f"docs/{pattern}.md")) for pattern in patterns)
    return list(
        dict.fromkeys(f"/{page.resolve().relative_to(ROOT).with_suffix('')}" for pages in found for page in pages)
    )


def _tree(caption: str, pages: list[str]) -> str:
    return f"\n```{{toctree}}\n:hidden:\n:titlesonly:\n:caption: {caption}\n\n" + "\n".join(pages) + "\n```\n"


# ----------------------------------------------------------------------------------------------------- linked files


def _lead_to_pages_of_files(app: Sphinx, doctree: nodes.document) -> None:
    """Turn each link to a file or folder of the repository that is no page into one to the page of that file."""
    docname = app.env.docname
    for node in [*doctree.findall(addnodes.download_reference), *doctree.findall(addnodes.pending_xref)]:
        path = _file_of(app.env, node, docname)
        if path is None or not path.exists() or not path.is_relative_to(ROOT):
            continue  # a page, or what does not exist: Sphinx says so
        name = path.relative_to(ROOT).as_posix()
        _linked(app.env).setdefault(docname, set()).add(name)
        uri = app.builder.get_relative_uri(docname, f"{SOURCE}/{name}")
        node.replace_self(nodes.reference("", "", *node.children, refuri=uri, internal=True))


def _file_of(env: BuildEnvironment, node: nodes.Element, docname: str) -> Path | None:
    target = str(node["reftarget"]).partition("#")[0]
    if node.get("reftype") not in (None, "myst") or not target or "://" in target:
        return None
    if node.get("refdomain") == "doc":  # Markdown: by its name from the top, without the suffix
        return None if target in env.found_docs else ROOT / f"{target}.md"
    return Path(env.relfn2path(target, docname)[1]).resolve()


def _name_beside_the_reference(
    _app: Sphinx, _env: BuildEnvironment, node: addnodes.pending_xref, shown: nodes.Node
) -> nodes.Node | None:
    """Show a name of ours that has no entry, as it is no part of the contract; one that does not exist is an error."""
    parts = str(node["reftarget"]).split(".") if node.get("refdomain") == "py" else []
    for length in range(len(parts), 0, -1):
        module = ROOT.joinpath("daemon", *parts[:length])
        for file in (module.with_suffix(".py"), module / "__init__.py"):
            if file.is_file() and all(re.search(rf"\b{part}\b", file.read_text("utf-8")) for part in parts[length:]):
                return shown
    return None


def _linked(env: BuildEnvironment) -> dict[str, set[str]]:
    if not hasattr(env, "huracan_linked"):
        env.huracan_linked = {}  # type: ignore[attr-defined]
    linked: dict[str, set[str]] = env.huracan_linked  # type: ignore[attr-defined]
    return linked


def _forget(_app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    _linked(env).pop(docname, None)


def _merge(_app: Sphinx, env: BuildEnvironment, docnames: set[str], other: BuildEnvironment) -> None:
    _linked(env).update({name: files for name, files in _linked(other).items() if name in docnames})


def _pages_of_files(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    names = set().union(*_linked(app.env).values())
    for name in sorted(names):
        path = ROOT / name
        if path.is_dir():
            below = sorted(each for each in path.iterdir() if each.is_file())
            rows = "".join(
                f'<li><a href="{path.name}/{each.name}.html">{html.escape(each.name)}</a></li>' for each in below
            )
            yield _page(name, f"<ul>{rows}</ul>")
            names |= {each.relative_to(ROOT).as_posix() for each in below}
    for name in sorted(each for each in names if (ROOT / each).is_file()):
        text = (ROOT / name).read_text("utf-8", "replace")
        yield _page(name, app.builder.highlighter.highlight_block(text, LANGUAGES.get(Path(name).suffix, "text")))


def _page(name: str, body: str) -> tuple[str, dict[str, Any], str]:
    title = html.escape(name)
    return f"{SOURCE}/{name}", {"title": title, "body": f"<h1>{title}</h1>{body}"}, "page.html"


def _lead_from_the_top(app: Sphinx, exception: Exception | None) -> None:
    """Let the site's folder open at its first page."""
    if exception is None and app.builder.format == "html":
        refresh = f'<meta http-equiv="refresh" content="0; url={app.config.root_doc}.html">'
        page = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Huracan</title>{refresh}</html>'
        (Path(app.outdir) / "index.html").write_text(page, "utf-8")
