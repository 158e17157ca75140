"""The site of the documents: built as strictly as its maker can, and whole without anything from outside."""

from __future__ import annotations

import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from huracan import types


def _build(root: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "docs/build_site.py", str(folder)], cwd=root, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def site(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "site"
    done = _build(repository, folder)
    assert done.returncode == 0, done.stderr[-8000:]
    return folder


def pages(repository: Path) -> list[Path]:
    """Return every page of Markdown that the site has."""
    single = [repository / "README.md", repository / "CHANGELOG.md", repository / "plugins" / "README.md"]
    return [*single, *sorted((repository / "docs").rglob("*.md"))]


def relative(name: Path) -> str:
    """Return the address of a page of the site as its first page, in the folder docs, has it."""
    return name.relative_to("docs").as_posix() if name.parts[0] == "docs" else f"../{name.as_posix()}"


def test_every_page_is_on_the_site_and_in_its_tree(site: Path, repository: Path) -> None:
    index = (site / "docs" / "README.html").read_text("utf-8")
    tree = index[index.index('class="sidebar-tree"') : index.index("<article")]
    for page in pages(repository):
        name = page.relative_to(repository).with_suffix(".html")
        assert (site / name).is_file(), name
        if "decisions" not in name.parts and name.as_posix() != "docs/README.html":  # decisions have their own index
            assert f'href="{relative(name)}"' in tree, name
    assert 'url=docs/README.html"' in (site / "index.html").read_text("utf-8")


def test_a_link_to_a_file_of_the_code_leads_to_a_page_with_its_text(site: Path) -> None:
    library = (site / "docs" / "explanation" / "library.html").read_text("utf-8")
    assert 'href="../../source/daemon/huracan/store/library_rows.py.html"' in library
    assert "class" in (site / "source" / "daemon" / "huracan" / "store" / "library_rows.py.html").read_text("utf-8")
    folder = (site / "source" / "tests" / "demo_plugin.html").read_text("utf-8")
    files = re.findall(r'href="(demo_plugin/[^"]+)"', folder)
    assert files
    for href in files:
        assert (site / "source" / "tests" / href).is_file(), href


def test_the_python_reference_has_every_value_of_the_contract(site: Path) -> None:
    page = (site / "docs" / "reference" / "python.html").read_text("utf-8")
    classes = [name for name in types.__all__ if inspect.isclass(getattr(types, name))]  # an alias has no docstring
    missing = [name for name in classes if f'id="huracan.types.{name}"' not in page]
    assert missing == []


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text("utf-8")
        loaded = re.findall(r"<(?:script|img|iframe)[^>]* src=\"([^\"]+)\"", text)
        loaded += re.findall(r'<link[^>]* rel="(?:stylesheet|icon|preload)"[^>]* href="([^"]+)"', text)
        assert [each for each in loaded if urlsplit(each).netloc] == [], page


def test_what_leads_nowhere_is_named_and_fails(repository: Path, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    shutil.copytree(repository / "docs" / "site", docs / "site")
    for name in ("conf.py", "site_pages.py", "build_site.py"):
        shutil.copy(repository / "docs" / name, docs)
    (docs / "README.md").write_text(
        "# Index\n\n[a page](how-to/gone.md) [an anchor](how-to/here.md#gone) [code](../daemon/gone.py)\n\n"
        "[well](how-to/here.md#here)\n\n![a picture](images/gone.svg)\n\n```json\n{this is none\n```\n",
        "utf-8",
    )
    (docs / "how-to").mkdir()
    (docs / "how-to" / "here.md").write_text("# Here\n", "utf-8")
    (docs / "stray.md").write_text("# In no tree\n", "utf-8")
    done = _build(tmp_path, tmp_path / "site")
    assert done.returncode != 0
    for words in ("how-to/gone.md", "'gone'", "../daemon/gone.py", "images/gone.svg", "stray.md", "literal_block"):
        assert words in done.stderr, f"{words} is not named in: {done.stderr}"
    assert "'here'" not in done.stderr


def test_links_to_the_outside_are_whole_addresses(repository: Path) -> None:
    wrong = []
    for page in pages(repository):
        for address in re.findall(r"\]\((https?:[^)\s]*)\)", page.read_text("utf-8")):
            parts = urlsplit(address)
            if parts.scheme != "https" or "." not in (parts.hostname or "") or parts.username:
                wrong.append(f"{page.relative_to(repository)}: {address}")
    assert wrong == []
