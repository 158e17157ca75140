"""Reads what a page of the documents shows: its blocks in their order, and the files that they are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Block", "blocks", "files", "lay_files"]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
_NAMED = re.compile(r"# ([\w./-]+\.(?:py|toml|yaml|md|sh))\n")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the line of the page at which it begins."""

    kind: str
    text: str
    line: int

    @property
    def file(self) -> str:
        """The file that it is, as its first line says (``# package/module.py``); empty where it is none."""
        found = _NAMED.match(self.text)
        return found[1] if found else ""


def blocks(page: Path, *kinds: str) -> list[Block]:
    """Return the blocks of a page, of these languages or all."""
    text = page.read_text("utf-8")
    found = [Block(each[1], each[2], text.count("\n", 0, each.start()) + 1) for each in _FENCE.finditer(text)]
    return [each for each in found if not kinds or each.kind in kinds]


def files(page: Path) -> dict[str, str]:
    """Return the files that a page shows, by their paths."""
    return {each.file: each.text for each in blocks(page) if each.file}


def lay_files(shown: dict[str, str], folder: Path) -> None:
    """Write files below a folder."""
    for name, text in shown.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
