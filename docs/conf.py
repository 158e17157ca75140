"""How Sphinx builds the pages of this repository into a site: ``python docs/build_site.py``.

The pages stay plain Markdown that a code host shows as well. What only the site has (its tree, the reference that is
made from docstrings) is added while it is built, by site_pages.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "docs"), str(ROOT / "daemon"), str(ROOT / "plugins")]

from huracan import __version__  # noqa: E402 - found by the line above

project = "Huracan"
author = "The Huracan maintainers"
copyright = author
version = release = __version__
language = "en"
smartquotes = False  # commands are meant as they stand

extensions = ["myst_parser", "sphinx.ext.autodoc", "site_pages"]
# The source is the repository: links between README.md, plugins/README.md and docs/ are links between pages.
root_doc = "docs/README"
source_suffix = {".md": "markdown"}
include_patterns = ["README.md", "CHANGELOG.md", "plugins/README.md", "docs/**"]
_PAGES_IN = {"docs", "plugins", "README.md", "CHANGELOG.md"}
exclude_patterns = [path.name for path in ROOT.iterdir() if path.name not in _PAGES_IN]
exclude_patterns += ["plugins/huracan_*", "docs/site", "docs/images", "**/__pycache__"]

# Every link and every anchor has to lead somewhere; build_site.py makes each warning an error.
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!huracan\.).*")]  # other people's names in signatures
myst_heading_anchors = 4
myst_enable_extensions = ["html_image", "tasklist"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True}
python_use_unqualified_type_names = True
add_module_names = False
toc_object_entries = False

html_theme = "furo"
html_title = f"Huracan {__version__}"
html_logo = "site/logo.svg"
html_favicon = "site/logo.svg"
html_static_path = ["site/static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_show_copyright = False
html_theme_options = {
    "navigation_with_keys": True,
    "light_css_variables": {"color-brand-primary": "#0b6e6e", "color-brand-content": "#0b6e6e"},
    "dark_css_variables": {"color-brand-primary": "#4fc3c3", "color-brand-content": "#4fc3c3"},
}
pygments_style = "friendly"
pygments_dark_style = "monokai"
