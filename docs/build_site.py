"""Builds the site of the documents into build/site, or another folder: ``python docs/build_site.py [FOLDER]``.

Every warning is an error: a link, an anchor, a picture or a file that is not there, a page in no tree, a block of code
that is not what it says it is. All of them are named before it fails.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path

from sphinx.cmd.build import build_main

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: list[str]) -> int:
    """Build it and return Sphinx's exit code."""
    folder = Path(arguments[0]).resolve() if arguments else ROOT / "build" / "site"
    gc.disable()  # trees of nodes that live to the end: a quarter of the time goes into looking for garbage in them
    options = ["-q", "-b", "html", "-W", "-n", "--keep-going", "-j", "2", "-c", str(ROOT / "docs")]
    code = build_main([*options, "-d", str(folder.with_name(f"{folder.name}.doctrees")), str(ROOT), str(folder)])
    print(f"{folder}/index.html" if code == 0 else "the site has mistakes, see above", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
