"""Formatted text as pieces, never as raw HTML: it can be cut anywhere and every part is whole.

Telegram counts in UTF-16 units, after formatting is taken off (core.telegram.org/api/entities).
"""

from __future__ import annotations

import html
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["LONGEST", "Piece", "aligned", "as_html", "as_plain", "length", "one_line", "split"]

Style = Literal["", "b", "i", "code", "pre"]

LONGEST = 4096
"""UTF-16 units of one message."""
LONGEST_LINE = 300
"""Letters of what was not written for a phone, as an error."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Text in one style."""

    text: str
    style: Style = ""


def one_line(text: str, longest: int = LONGEST_LINE) -> str:
    """Return a text as one line that is not too long for a phone."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def length(text: str) -> int:
    """Return the length as Telegram counts it."""
    return len(text) + sum(ord(letter) > 0xFFFF for letter in text)


def as_html(pieces: Iterable[Piece]) -> str:
    """Return the pieces as Telegram's HTML."""
    return "".join(
        f"<{each.style}>{html.escape(each.text, quote=False)}</{each.style}>" if each.style
        else html.escape(each.text, quote=False)
        for each in pieces
    )  # fmt: skip


def as_plain(pieces: Iterable[Piece]) -> str:
    """Return the text alone."""
    return "".join(each.text for each in pieces)


def split(pieces: Iterable[Piece], longest: int = LONGEST) -> list[list[Piece]]:
    """Cut into messages of at most ``longest`` units, at the ends of lines where there are some.

    Nothing but white space at a cut is lost, and there is no message of white space alone.
    """
    parts: list[list[Piece]] = [[]]
    room = longest
    for piece in _printable(pieces):
        rest = piece.text
        while rest:
            head, rest = _cut(rest, room, fresh=room == longest)
            if head:
                parts[-1].append(Piece(head, piece.style))
                room -= length(head)
            if rest:
                parts.append([])
                room = longest
    return [part for part in parts if as_plain(part).strip()]


def _cut(text: str, room: int, *, fresh: bool) -> tuple[str, str]:
    """Return what of a text has room, and the rest; in a message that is not fresh nothing may have."""
    if length(text) <= room:
        return text, ""
    at = _prefix(text, room)
    line = text.rfind("\n", 0, at + 1)
    if line > 0 or (line == 0 and not fresh):
        return text[:line], text[line + 1 :]
    if not fresh:
        return "", text
    return text[:at], text[at:]


def _prefix(text: str, room: int) -> int:
    """Return how many letters of a text fit into ``room`` units."""
    if text.isascii():
        return room
    sums = itertools.accumulate(1 + (ord(letter) > 0xFFFF) for letter in text)
    return sum(1 for _ in itertools.takewhile(lambda used: used <= room, sums))


def _printable(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Leave out what no message can hold: control characters, and halves of surrogate pairs."""
    for piece in pieces:
        text = "".join(
            letter if letter >= " " or letter in "\n\t" else " "
            for letter in piece.text
            if not "\ud800" <= letter <= "\udfff"
        )
        if text:
            yield Piece(text, piece.style)


def aligned(rows: Sequence[Sequence[str]], right: Sequence[int] = (), width: int = 40) -> str:
    """Return rows as columns of a fixed font; the last column is cut where a row would be wider than a phone."""
    if not rows:
        return ""
    count = max(len(row) for row in rows)
    full = [[*row, *[""] * (count - len(row))] for row in rows]
    widths = [max(len(row[column]) for row in full) for column in range(count)]
    gap = "  " if sum(widths) + 2 * (count - 1) <= width else " "
    lines = []
    for row in full:
        cells = [
            cell.rjust(size) if column in right else cell.ljust(size)
            for column, (cell, size) in enumerate(zip(row, widths, strict=True))
        ]
        line = gap.join(cells).rstrip()
        lines.append(line if len(line) <= width else line[: width - 1] + "…")
    return "\n".join(lines)
